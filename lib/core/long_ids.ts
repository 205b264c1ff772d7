import { ID_KIND_MASK, ID_LONG, packId } from "./id_codec.ts";

/**
 * Keeps the bytes of long ids while their packed forms are passed on: whoever decodes an event or a
 * record packs its ids with this, and hands out words and bytes together.
 */
export class LongIds {
  /** The ids' bytes, one behind the other; replaced when there are more than fit. */
  bytes: Uint8Array;
  #used = 0;

  /** @param capacity Bytes to make room for at first. */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  clear(): void {
    this.#used = 0;
  }

  /**
   * Packs `source[from, to)` into `words[at, at + 4)` as `packId` does; of a long id the bytes are
   * copied, and the first word is their place in `bytes`.
   *
   * @returns the kind
   */
  pack(source: Uint8Array, from: number, to: number, words: Int32Array, at: number): number {
    const kind = packId(source, from, to, words, at);
    if ((kind & ID_KIND_MASK) === ID_LONG) {
      words[at] = this.#used;
      this.#keep(source, from, to);
    }
    return kind;
  }

  #keep(source: Uint8Array, from: number, to: number): void {
    const end = this.#used + to - from;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(MORE_BYTES_MIN, end * 2));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    for (let i = from; i < to; i++) this.bytes[this.#used++] = source[i]!;
  }
}

const MORE_BYTES_MIN = 4096;
