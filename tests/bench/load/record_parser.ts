/**
 * Reads an output record of layout `plain` as it has to be for a session of this bench: ids of
 * fixed width and keys in the contract's order, so that each field lies where the one before it
 * ended. Every byte is looked at; anything else than what the contract says fails the record.
 *
 * It is written from the contract alone and shares no code with the engine's own writer or reader.
 * About 0.4 µs a record.
 */
import {
  ACCOUNT_ID_BYTES,
  type DeviceIds,
  SESSION_ID_BASE,
  SESSION_ID_BYTES,
  UUID_BYTES,
} from "./device_ids.ts";

export const START = 0;
export const HEARTBEAT = 1;
export const END = 2;

export const REASON_NONE = 0;
export const REASON_ENDED = 1;
export const REASON_SUPERSEDED = 2;
export const REASON_TIMEOUT = 3;

export class RecordParser {
  // Valid after `parse` returned true. Times in epoch milliseconds, NaN for null.
  /** Number of the session. */
  n = 0;
  status = START;
  reason = REASON_NONE;
  seq = 0;
  durationMs = 0;
  startedAt = 0;
  timestamp = 0;
  at = 0;
  reportedDurationMs = 0;
  nextAt = 0;
  sourceTimestamp = 0;
  emittedAt = 0;

  readonly #ids: DeviceIds;
  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #failed = false;

  constructor(ids: DeviceIds) {
    this.#ids = ids;
  }

  /**
   * @param keyAt Where the record's key begins, which is 36 bytes long.
   * @param to End of the value.
   * @returns false for a record that is not one of this bench's sessions, whole and well-formed.
   */
  parse(bytes: Uint8Array, keyAt: number, from: number, to: number): boolean {
    this.#bytes = bytes;
    this.#position = from;
    this.#failed = false;
    this.n = this.#ids.readUuid(bytes, keyAt);
    if (this.n < 0) return false;
    this.#expect(DEVICE_ID);
    const deviceAt = this.#position;
    for (let i = 0; i < UUID_BYTES; i++) {
      if (bytes[deviceAt + i] !== bytes[keyAt + i]) return false;
    }
    this.#position += UUID_BYTES;
    this.#expect(SESSION_ID);
    const sessionAt = this.#position;
    if (this.#integer() !== SESSION_ID_BASE + this.n) return false;
    if (this.#position !== sessionAt + SESSION_ID_BYTES) return false;
    this.#expect(ACCOUNT_ID);
    if (!this.#ids.isAccount(bytes, this.#position, this.n)) return false;
    this.#position += ACCOUNT_ID_BYTES;
    this.#expect(STATUS);
    this.#readStatus();
    this.#expect(SEQ);
    this.seq = this.#integer();
    this.#expect(STARTED_AT);
    this.startedAt = this.#instantOrNull();
    this.#expect(TIMESTAMP);
    this.timestamp = this.#instantOrNull();
    this.#expect(AT);
    this.at = this.#instantOrNull();
    this.#expect(DURATION_MS);
    this.durationMs = this.#integer();
    this.#expect(REPORTED);
    this.reportedDurationMs = this.#isNull() ? NaN : this.#integer();
    this.#expect(NEXT_AT);
    this.nextAt = this.#instantOrNull();
    this.#expect(SOURCE_TIMESTAMP);
    this.sourceTimestamp = this.#instantOrNull();
    this.#expect(EMITTED_AT);
    this.emittedAt = this.#instantOrNull();
    this.#expect(CLOSE);
    return !this.#failed && this.#position === to;
  }

  #readStatus(): void {
    this.reason = REASON_NONE;
    const letter = this.#bytes[this.#position];
    if (letter === LETTER_H) {
      this.status = HEARTBEAT;
      this.#expect(HEARTBEAT_NULL);
    } else if (letter === LETTER_S) {
      this.status = START;
      this.#expect(START_NULL);
    } else {
      this.status = END;
      this.#expect(END_REASON);
      const reason = this.#bytes[this.#position];
      if (reason === LETTER_E) {
        this.reason = REASON_ENDED;
        this.#expect(ENDED);
      } else if (reason === LETTER_S_SMALL) {
        this.reason = REASON_SUPERSEDED;
        this.#expect(SUPERSEDED);
      } else {
        this.reason = REASON_TIMEOUT;
        this.#expect(TIMEOUT);
      }
    }
  }

  #expect(literal: Uint8Array): void {
    const bytes = this.#bytes;
    const at = this.#position;
    let difference = 0;
    for (let i = 0; i < literal.length; i++) difference |= bytes[at + i]! ^ literal[i]!;
    if (difference !== 0) this.#failed = true;
    this.#position = at + literal.length;
  }

  #isNull(): boolean {
    if (this.#bytes[this.#position] !== LETTER_N) return false;
    this.#expect(NULL);
    return true;
  }

  #integer(): number {
    const bytes = this.#bytes;
    let at = this.#position;
    let value = 0;
    for (let digit = bytes[at]! - 0x30; digit >= 0 && digit <= 9; digit = bytes[at]! - 0x30) {
      value = value * 10 + digit;
      at++;
    }
    if (at === this.#position) this.#failed = true;
    this.#position = at;
    return value;
  }

  #instantOrNull(): number {
    if (this.#isNull()) return NaN;
    const bytes = this.#bytes;
    const at = this.#position;
    this.#position = at + 26;
    if (
      bytes[at] !== QUOTE || bytes[at + 25] !== QUOTE || bytes[at + 14] !== COLON ||
      bytes[at + 17] !== COLON || bytes[at + 20] !== DOT || bytes[at + 24] !== LETTER_Z
    ) this.#failed = true;
    return dayMs(bytes, at + 1) + pair(bytes, at + 12) * 3_600_000 + pair(bytes, at + 15) * 60_000 +
      pair(bytes, at + 18) * 1000 + pair(bytes, at + 21) * 10 + (bytes[at + 23]! - 0x30);
  }
}

function pair(bytes: Uint8Array, at: number): number {
  return (bytes[at]! - 0x30) * 10 + bytes[at + 1]! - 0x30;
}

const knownDay = new Uint8Array(11);
let knownDayMs = NaN;

/** Epoch milliseconds of `2025-11-01T`; the last one is remembered. */
function dayMs(bytes: Uint8Array, at: number): number {
  let difference = 0;
  for (let i = 0; i < 11; i++) difference |= bytes[at + i]! ^ knownDay[i]!;
  if (difference !== 0) {
    knownDay.set(bytes.subarray(at, at + 11));
    knownDayMs = Date.parse(`${new TextDecoder().decode(knownDay)}00:00:00.000Z`);
  }
  return knownDayMs;
}

const encoder = new TextEncoder();
const DEVICE_ID = encoder.encode('{"deviceId":"');
const SESSION_ID = encoder.encode('","sessionId":');
const ACCOUNT_ID = encoder.encode(',"accountId":"');
const STATUS = encoder.encode('","status":"Session');
const START_NULL = encoder.encode('Start","reason":null');
const HEARTBEAT_NULL = encoder.encode('Heartbeat","reason":null');
const END_REASON = encoder.encode('End","reason":"');
const ENDED = encoder.encode('ended"');
const SUPERSEDED = encoder.encode('superseded"');
const TIMEOUT = encoder.encode('timeout"');
const SEQ = encoder.encode(',"seq":');
const STARTED_AT = encoder.encode(',"startedAt":');
const TIMESTAMP = encoder.encode(',"timestamp":');
const AT = encoder.encode(',"at":');
const DURATION_MS = encoder.encode(',"durationMs":');
const REPORTED = encoder.encode(',"reportedDurationMs":');
const NEXT_AT = encoder.encode(',"nextAt":');
const SOURCE_TIMESTAMP = encoder.encode(',"sourceTimestamp":');
const EMITTED_AT = encoder.encode(',"emittedAt":');
const CLOSE = encoder.encode("}");
const NULL = encoder.encode("null");

const QUOTE = 0x22;
const COLON = 0x3a;
const DOT = 0x2e;
const LETTER_H = 0x48;
const LETTER_S = 0x53;
const LETTER_E = 0x65;
const LETTER_S_SMALL = 0x73;
const LETTER_N = 0x6e;
const LETTER_Z = 0x5a;
