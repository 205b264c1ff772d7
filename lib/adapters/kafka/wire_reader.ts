/**
 * Reads the fields of Kafka responses from bytes that stay where they are: `bytes` and `view`
 * answers are views, never copies. Reading past the end throws RangeError, which callers take as a
 * broken response.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  int8(): number {
    return this.#view.getInt8(this.#skip(1));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.#skip(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4));
  }

  /** Exact up to 53 bits, which covers every offset, producer id and time. */
  int64(): number {
    const at = this.#skip(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  string(): string {
    return this.nullableString() ?? "";
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : textDecoder.decode(this.view(length));
  }

  /** Bytes with their length before them; null (-1) reads as none. */
  bytes(): Uint8Array {
    return this.view(Math.max(0, this.int32()));
  }

  view(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A null array (-1) reads as an empty one. */
  array<T>(readItem: () => T): T[] {
    const count = this.int32();
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(readItem());
    return items;
  }

  #skip(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#bytes.length) {
      throw new RangeError(
        `Response ends early: ${count} bytes wanted at ${at}, ${this.#bytes.length} there`,
      );
    }
    this.#at = at + count;
    return at;
  }
}

const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
