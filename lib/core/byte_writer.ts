import { writeVarint } from "./varint.ts";

/** Bytes that grow as they are written; for what is not on the path of every record. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /** What was written, as a view that the next write may outdate. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  writeByte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A whole number within ±2^53. */
  writeVarint(value: number): void {
    this.reserve(8);
    this.length = writeVarint(this.bytes, this.length, value);
  }

  /** Length and bytes. */
  writeBytes(value: Uint8Array): void {
    this.writeVarint(value.length);
    this.writeRaw(value);
  }

  writeRaw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  writeText(value: string): void {
    this.writeBytes(encoder.encode(value));
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

const encoder = new TextEncoder();
