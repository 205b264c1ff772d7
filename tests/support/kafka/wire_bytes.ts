/** The primitive types of Kafka's protocol (before its flexible versions), for tests. */

export class WireWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  int8(value: number): this {
    this.#reserve(1);
    this.#view.setInt8(this.#length, value);
    this.#length += 1;
    return this;
  }

  int16(value: number): this {
    this.#reserve(2);
    this.#view.setInt16(this.#length, value);
    this.#length += 2;
    return this;
  }

  int32(value: number): this {
    this.#reserve(4);
    this.#view.setInt32(this.#length, value);
    this.#length += 4;
    return this;
  }

  int64(value: number): this {
    this.#reserve(8);
    this.#view.setBigInt64(this.#length, BigInt(value));
    this.#length += 8;
    return this;
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const bytes = new TextEncoder().encode(value);
    return this.int16(bytes.length).raw(bytes);
  }

  bytes(value: Uint8Array | null): this {
    return value === null ? this.int32(-1) : this.int32(value.length).raw(value);
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  array<Item>(items: readonly Item[], write: (writer: this, item: Item) => void): this {
    this.int32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export class WireReader {
  readonly bytes: Uint8Array;
  position = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  int8(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  int16(): number {
    return this.#view.getInt16(this.#advance(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  int64(): number {
    return Number(this.#view.getBigInt64(this.#advance(8)));
  }

  string(): string | null {
    const length = this.int16();
    return length < 0 ? null : new TextDecoder().decode(this.raw(length));
  }

  bytesOrNull(): Uint8Array | null {
    const length = this.int32();
    return length < 0 ? null : this.raw(length);
  }

  raw(length: number): Uint8Array {
    const from = this.#advance(length);
    return this.bytes.subarray(from, from + length);
  }

  array<Item>(read: (reader: this) => Item): Item[] {
    return Array.from({ length: Math.max(0, this.int32()) }, () => read(this));
  }

  #advance(count: number): number {
    const from = this.position;
    this.position += count;
    return from;
  }
}
