import { finishHash, mixWord } from "./id_codec.ts";
import type { SessionRows } from "./session_rows.ts";

/**
 * The identity of a state as one number: the sum of a hash over every active session (device,
 * session and account id, `startedAt`, order key). It costs two hashes a session, whatever order
 * they come and go in, and two states that should be equal can be compared by it.
 */
export class StateHash {
  #low = 0;
  #high = 0;

  add(rows: SessionRows, row: number): void {
    const hash = hashOf(rows, row);
    this.#low = (this.#low + hash) | 0;
    this.#high = (this.#high + finishHash(hash ^ 0x5bd1e995)) | 0;
  }

  remove(rows: SessionRows, row: number): void {
    const hash = hashOf(rows, row);
    this.#low = (this.#low - hash) | 0;
    this.#high = (this.#high - finishHash(hash ^ 0x5bd1e995)) | 0;
  }

  /** The sum modulo 2^64. */
  value(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  /** Sixteen hexadecimal digits. */
  toString(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}

function hashOf(rows: SessionRows, row: number): number {
  let hash = rows.identityHash(row);
  hash = mixDouble(hash, rows.startedAt(row));
  hash = mixDouble(hash, rows.orderKey(row));
  return finishHash(hash);
}

function mixDouble(hash: number, value: number): number {
  return mixWord(mixWord(hash, value | 0), Math.floor(value / 4294967296));
}
