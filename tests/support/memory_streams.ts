import type { ByteSource, ByteTarget } from "../../lib/ports/byte_stream.ts";

/** Gives bytes in blocks of chosen sizes. */
export class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;
  readonly #blockBytes: () => number;
  #at = 0;

  /** @param blockBytes Asked before every read; the buffer's size is the limit, too. */
  constructor(bytes: Uint8Array, blockBytes: () => number = () => Infinity) {
    this.#bytes = bytes;
    this.#blockBytes = blockBytes;
  }

  read(into: Uint8Array): Promise<number | null> {
    const length = Math.min(into.length, this.#blockBytes(), this.#bytes.length - this.#at);
    if (length === 0) return Promise.resolve(null);
    into.set(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return Promise.resolve(length);
  }
}

/** Keeps what is written. */
export class MemoryTarget implements ByteTarget {
  readonly #parts: Uint8Array[] = [];
  /** Called with the number of each write, before it is kept; may throw. */
  beforeWrite: (write: number) => void = () => {};
  writes = 0;

  write(bytes: Uint8Array): Promise<void> {
    try {
      this.beforeWrite(this.writes++);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#parts.push(bytes.slice());
    return Promise.resolve();
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let length = 0;
    for (const part of this.#parts) {
      all.set(part, length);
      length += part.length;
    }
    return all;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** Without their ends. */
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}
