import { VarintReader } from "./varint.ts";

/**
 * Walks the headers of one record, in place and without allocation.
 *
 * `reset` takes the ranges that `RecordBatchReader` gives for a record.
 */
export class RecordHeaderReader {
  bytes: Uint8Array = new Uint8Array(0);
  keyFrom = 0;
  keyTo = 0;
  /** -1 and -1 when the value is null. */
  valueFrom = -1;
  valueTo = -1;
  readonly #varints = new VarintReader();
  #left = 0;

  reset(bytes: Uint8Array, from: number, to: number, count: number): void {
    this.bytes = bytes;
    this.#varints.reset(bytes, from, to);
    this.#left = count;
  }

  /** Goes to the next header; false when there is none or the bytes make no sense. */
  next(): boolean {
    if (this.#left <= 0) return false;
    const varints = this.#varints;
    const keyLength = varints.read();
    if (keyLength < 0) return this.#fail();
    this.keyFrom = varints.position;
    this.keyTo = varints.position += keyLength;
    const valueLength = varints.read();
    this.valueFrom = valueLength < 0 ? -1 : varints.position;
    this.valueTo = valueLength < 0 ? -1 : varints.position += valueLength;
    if (varints.failed || varints.position > varints.end) return this.#fail();
    this.#left--;
    return true;
  }

  /** Goes to the next header of that name, from where the reader stands. */
  find(name: Uint8Array): boolean {
    while (this.next()) {
      if (this.keyTo - this.keyFrom !== name.length) continue;
      let i = 0;
      while (i < name.length && this.bytes[this.keyFrom + i] === name[i]) i++;
      if (i === name.length) return true;
    }
    return false;
  }

  /** Whether as many headers as announced were read and they fill their range exactly. */
  get isWhole(): boolean {
    return this.#left === 0 && !this.#varints.failed &&
      this.#varints.position === this.#varints.end;
  }

  #fail(): false {
    this.#varints.failed = true;
    this.#left = 0;
    return false;
  }
}
