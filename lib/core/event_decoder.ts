import { EventFields, MISSING, NULL, NUMBER, RICH_STRING } from "./event_fields.ts";
import type { EventLayout } from "./event_layout.ts";
import { ACCOUNT_BYTES_MAX, DEVICE_BYTES_MAX, SESSION_BYTES_MAX } from "./id_codec.ts";
import { invariant } from "./invariant.ts";
import { fitsInt64OrUint64, isIntegerNumber, parseNumber } from "./json_number.ts";
import { OPEN_BRACE, skipWhitespace } from "./json_scanner.ts";
import { describeNotJson, excerpt } from "./reject_detail.ts";
import type { RejectReason } from "./reject_reason.ts";
import { EPOCH_MS_MAX, readRfc3339 } from "./rfc3339.ts";

/** The bytes are the start of a session. */
export const DECODED_START = 0;
/** The bytes are the end of a session. */
export const DECODED_END = 1;
/** The bytes are an object with another type: not for us. */
export const DECODED_IGNORED = 2;
/** The bytes are not an event: `rejectReason` and `rejectDetail` say why. */
export const DECODED_REJECTED = 3;

const DURATION_SECONDS_MAX = 1e9;
/** The event itself is the first level. */
const NESTING_MAX = 64;

const TYPE = 0;
const DEVICE = 1;
const SESSION = 2;
const ACCOUNT = 3;
const TIMESTAMP = 4;
const DURATION = 5;
/** Only where the layout has it. */
const OTHER_DEVICE = 6;

const EMPTY = new Uint8Array(0);

/**
 * Turns the bytes of one JSON object into an event, as contract.md section 1 says.
 *
 * One pass validates the text and notes where the values of the six fields lie; then the fields are
 * checked in the contract's order. An event in which no text has an escape or a byte beyond ASCII
 * costs no allocation and no string, and 0.3 to 0.5 µs (`tests/bench/event_decoder_bench.ts`).
 * Whatever the bytes are, `decode` returns, in time and memory linear in their number.
 */
export class EventDecoder {
  deviceBytes: Uint8Array = EMPTY;
  deviceFrom = 0;
  deviceTo = 0;
  sessionBytes: Uint8Array = EMPTY;
  sessionFrom = 0;
  sessionTo = 0;
  /** The id came as a JSON integer; its bytes are the digits as written. */
  sessionIsInteger = false;
  accountBytes: Uint8Array = EMPTY;
  accountFrom = 0;
  accountTo = 0;
  /** An empty account id is one, too. */
  hasAccount = false;
  /** The device's clock in whole epoch milliseconds, NaN when it says none. */
  timestampMs = NaN;
  /** The device's own claim in whole milliseconds, NaN when it makes none and on a start. */
  reportedDurationMs = NaN;
  rejectReason: RejectReason = "not_json";
  /** Field and value in printable ASCII, shortened. */
  rejectDetail = "";

  readonly #eventBytesMax: number;
  readonly #names: string[];
  readonly #startValue: Uint8Array;
  readonly #endValue: Uint8Array;
  readonly #fields: EventFields;
  readonly #instant = new Float64Array(1);

  /** `eventBytesMax` is the size from which an event is `too_large`, exclusive. */
  constructor(layout: EventLayout, options: { eventBytesMax: number }) {
    this.#eventBytesMax = options.eventBytesMax;
    this.#names = [
      layout.typeField,
      layout.deviceField,
      layout.sessionField,
      layout.accountField,
      layout.timestampField,
      layout.durationField,
    ];
    if (layout.otherDeviceField !== undefined) this.#names.push(layout.otherDeviceField);
    invariant(
      new Set(this.#names).size === this.#names.length,
      "The fields of a layout have different names",
    );
    invariant(layout.startValue !== layout.endValue, "Start and end are told apart by their type");
    const encoder = new TextEncoder();
    this.#fields = new EventFields(this.#names.map((name) => encoder.encode(name)));
    this.#startValue = encoder.encode(layout.startValue);
    this.#endValue = encoder.encode(layout.endValue);
  }

  /**
   * Decodes `bytes[from, to)`. The results are valid until the next call and while the bytes stay
   * as they are; those about fields only when the answer is `DECODED_START` or `DECODED_END`.
   */
  decode(bytes: Uint8Array, from: number, to: number): number {
    if (to - from > this.#eventBytesMax) {
      return this.#reject(
        "too_large",
        `event is ${to - from} bytes, at most ${this.#eventBytesMax}`,
      );
    }
    const open = skipWhitespace(bytes, from, to);
    let end = this.#fields.scan(bytes, open, to);
    if (end >= 0) {
      end = skipWhitespace(bytes, end, to);
      if (end !== to) end = ~end;
    }
    if (end < 0) return this.#reject("not_json", describeNotJson(bytes, from, to, ~end));
    if (bytes[open] !== OPEN_BRACE) {
      return this.#reject("not_object", `event is not an object: ${excerpt(bytes, open, to)}`);
    }
    return this.#checkFields(bytes);
  }

  #checkFields(bytes: Uint8Array): number {
    const typeKind = this.#fields.kinds[TYPE]!;
    if (typeKind === MISSING) return this.#rejectMissing(TYPE);
    if (typeKind > RICH_STRING) return this.#rejectField(bytes, TYPE, "is not a string");
    // Half a surrogate pair makes the type another one.
    if (!this.#fields.readText(bytes, TYPE)) return DECODED_IGNORED;
    const isStart = this.#fields.isText(this.#startValue);
    if (!isStart && !this.#fields.isText(this.#endValue)) return DECODED_IGNORED;

    if (!this.#readDevice(bytes)) return DECODED_REJECTED;
    if (!this.#readSession(bytes)) return DECODED_REJECTED;
    if (!this.#readAccount(bytes)) return DECODED_REJECTED;
    if (!this.#readTimestamp(bytes)) return DECODED_REJECTED;
    this.reportedDurationMs = NaN;
    if (!isStart && !this.#readDuration(bytes)) return DECODED_REJECTED;
    const depth = this.#fields.depth;
    if (depth > NESTING_MAX) {
      return this.#reject("bad_field", `event is nested ${depth} deep, at most ${NESTING_MAX}`);
    }
    return isStart ? DECODED_START : DECODED_END;
  }

  #readDevice(bytes: Uint8Array): boolean {
    const kinds = this.#fields.kinds;
    const isOther = kinds[DEVICE] === MISSING && kinds.length > OTHER_DEVICE &&
      kinds[OTHER_DEVICE] !== MISSING;
    const field = isOther ? OTHER_DEVICE : DEVICE;
    if (!this.#readText(bytes, field, 1, DEVICE_BYTES_MAX)) return false;
    this.deviceBytes = this.#fields.textBytes;
    this.deviceFrom = this.#fields.textFrom;
    this.deviceTo = this.#fields.textTo;
    return true;
  }

  #readSession(bytes: Uint8Array): boolean {
    this.sessionIsInteger = this.#fields.kinds[SESSION] === NUMBER;
    if (this.sessionIsInteger) {
      const from = this.#fields.froms[SESSION]!;
      const to = this.#fields.tos[SESSION]!;
      if (!isIntegerNumber(bytes, from, to)) {
        return this.#refuseField(bytes, SESSION, "is not a string or an integer");
      }
      if (!fitsInt64OrUint64(bytes, from, to)) {
        return this.#refuseField(bytes, SESSION, "is not within -2^63 and 2^64-1");
      }
      this.sessionBytes = bytes;
      this.sessionFrom = from;
      this.sessionTo = to;
      return true;
    }
    if (!this.#readText(bytes, SESSION, 1, SESSION_BYTES_MAX)) return false;
    this.sessionBytes = this.#fields.textBytes;
    this.sessionFrom = this.#fields.textFrom;
    this.sessionTo = this.#fields.textTo;
    return true;
  }

  #readAccount(bytes: Uint8Array): boolean {
    this.hasAccount = !this.#isAbsent(ACCOUNT);
    if (!this.hasAccount) {
      this.accountBytes = EMPTY;
      this.accountFrom = 0;
      this.accountTo = 0;
      return true;
    }
    if (!this.#readText(bytes, ACCOUNT, 0, ACCOUNT_BYTES_MAX)) return false;
    this.accountBytes = this.#fields.textBytes;
    this.accountFrom = this.#fields.textFrom;
    this.accountTo = this.#fields.textTo;
    return true;
  }

  #readTimestamp(bytes: Uint8Array): boolean {
    this.timestampMs = NaN;
    if (this.#isAbsent(TIMESTAMP)) return true;
    const kind = this.#fields.kinds[TIMESTAMP]!;
    if (kind <= RICH_STRING) {
      const fields = this.#fields;
      const isInstant = fields.readText(bytes, TIMESTAMP) &&
        readRfc3339(fields.textBytes, fields.textFrom, fields.textTo, this.#instant);
      if (isInstant) this.timestampMs = this.#instant[0]!;
    } else if (kind === NUMBER) {
      this.timestampMs = parseEpochMs(
        bytes,
        this.#fields.froms[TIMESTAMP]!,
        this.#fields.tos[TIMESTAMP]!,
      );
    }
    if (this.timestampMs >= 0) return true;
    return this.#refuseField(
      bytes,
      TIMESTAMP,
      "is neither an RFC 3339 date-time with an offset nor epoch milliseconds, or out of range",
    );
  }

  #readDuration(bytes: Uint8Array): boolean {
    if (this.#isAbsent(DURATION)) return true;
    if (this.#fields.kinds[DURATION] === NUMBER) {
      const seconds = parseNumber(
        bytes,
        this.#fields.froms[DURATION]!,
        this.#fields.tos[DURATION]!,
      );
      if (seconds >= 0 && seconds <= DURATION_SECONDS_MAX) {
        this.reportedDurationMs = Math.floor(seconds * 1000 + 0.5);
        return true;
      }
    }
    return this.#refuseField(bytes, DURATION, "is not a number within 0 and 10^9");
  }

  /** Reads a text of so many bytes; what is wrong is said as the reason of a rejection. */
  #readText(bytes: Uint8Array, field: number, bytesMin: number, bytesMax: number): boolean {
    const kind = this.#fields.kinds[field]!;
    if (kind === MISSING) {
      this.#rejectMissing(field);
      return false;
    }
    if (kind > RICH_STRING) {
      const types = field === SESSION ? "is not a string or an integer" : "is not a string";
      return this.#refuseField(bytes, field, types);
    }
    if (!this.#fields.readText(bytes, field)) {
      return this.#refuseField(bytes, field, "holds half a surrogate pair");
    }
    const length = this.#fields.textTo - this.#fields.textFrom;
    if (length >= bytesMin && length <= bytesMax) return true;
    if (length < bytesMin) return this.#refuseField(bytes, field, "is empty");
    this.#rejectField(bytes, field, `is ${length} bytes, at most ${bytesMax}`, "too_large");
    return false;
  }

  #isAbsent(field: number): boolean {
    return this.#fields.kinds[field] === MISSING || this.#fields.kinds[field] === NULL;
  }

  #rejectMissing(field: number): number {
    return this.#reject("missing_field", `${this.#names[field]} is missing`);
  }

  #refuseField(bytes: Uint8Array, field: number, what: string): false {
    this.#rejectField(bytes, field, what);
    return false;
  }

  #rejectField(
    bytes: Uint8Array,
    field: number,
    what: string,
    reason: RejectReason = "bad_field",
  ): number {
    const quote = this.#fields.kinds[field]! <= RICH_STRING ? 1 : 0;
    const value = excerpt(
      bytes,
      this.#fields.froms[field]! - quote,
      this.#fields.tos[field]! + quote,
    );
    return this.#reject(reason, `${this.#names[field]} ${what}: ${value}`);
  }

  #reject(reason: RejectReason, detail: string): number {
    this.rejectReason = reason;
    this.rejectDetail = detail;
    return DECODED_REJECTED;
  }
}

/** The whole epoch milliseconds of a number, NaN when it is not an integer or out of range. */
function parseEpochMs(bytes: Uint8Array, from: number, to: number): number {
  if (!isIntegerNumber(bytes, from, to)) return NaN;
  const instantMs = parseNumber(bytes, from, to);
  // Adding 0 makes the 0 of "-0" an ordinary one.
  return instantMs >= 0 && instantMs <= EPOCH_MS_MAX ? instantMs + 0 : NaN;
}
