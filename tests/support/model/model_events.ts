/**
 * What a value is, by section 1 of the contract, in the plainest way: the text is validated by
 * `JSON.parse`, its members are cut out as text, and each field is looked at in the table's order.
 *
 * Shares no line with the program's own decoder, so that the two can be compared. Where the
 * contract leaves a corner open, `README.md` beside this file says what was decided.
 */

export type ModelRejectReason =
  | "not_json"
  | "not_object"
  | "missing_field"
  | "bad_field"
  | "too_large"
  | "undecodable";

/** `text` is the identity; `isNumber` the form in which it is written. */
export interface ModelSessionId {
  readonly text: string;
  readonly isNumber: boolean;
}

export interface DecodedEvent {
  readonly kind: "start" | "end";
  readonly deviceId: string;
  readonly sessionId: ModelSessionId;
  readonly accountId: string | null;
  /** The device's clock; null where the event has none. */
  readonly timestampMs: number | null;
  /** Of an end; always null on a start. */
  readonly reportedDurationMs: number | null;
}

export type IgnoredValue = {
  readonly kind: "ignored";
  readonly reason: "null_value" | "other_type";
};

export type RejectedValue = {
  readonly kind: "rejected";
  readonly reason: ModelRejectReason;
  /** For people; not part of the contract. */
  readonly detail: string;
};

export type DecodedValue = DecodedEvent | IgnoredValue | RejectedValue;

/** Names of the fields of an input layout. */
export interface FieldMap {
  readonly type: string;
  readonly startValue: string;
  readonly endValue: string;
  /** One name for every topic, or a name by topic. */
  readonly deviceId: string | Readonly<Record<string, string>>;
  readonly sessionId: string;
  readonly accountId: string;
  readonly timestamp: string;
  readonly durationSeconds: string;
}

export const PLAIN_FIELDS: FieldMap = {
  type: "type",
  startValue: "start",
  endValue: "end",
  deviceId: "deviceId",
  sessionId: "sessionId",
  accountId: "accountId",
  timestamp: "timestamp",
  durationSeconds: "durationSeconds",
};

export const RTM_GAMING_FIELDS: FieldMap = {
  type: "eventId",
  startValue: "ApplicationSessionStart",
  endValue: "ApplicationSessionEndBi",
  deviceId: { pc_sessions: "hostPcId", console_sessions: "openPsid" },
  sessionId: "appSessionId",
  accountId: "psnAccountId",
  timestamp: "timestamp",
  durationSeconds: "totalFgTime",
};

export const EVENT_BYTES_MAX = 1024 * 1024;
export const DEVICE_ID_BYTES_MAX = 256;
export const SESSION_ID_BYTES_MAX = 128;
export const ACCOUNT_ID_BYTES_MAX = 128;
export const NESTING_MAX = 64;

/** 9999-12-31T23:59:59.999Z */
export const TIME_MS_MAX = 253_402_300_799_999;

const INTEGER = /^-?(0|[1-9][0-9]*)$/;
const SESSION_ID_MIN = -(2n ** 63n);
const SESSION_ID_MAX = 2n ** 64n - 1n;

/** Decodes one record value. `topic` only matters where the field map names devices by topic. */
export function decodeValue(
  value: Uint8Array | null,
  fields: FieldMap,
  topic: string,
): DecodedValue {
  if (value === null) return { kind: "ignored", reason: "null_value" };
  if (value.length > EVENT_BYTES_MAX) return reject("too_large", `${value.length} bytes`);
  try {
    return decodeText(textOf(value), fields, topic);
  } catch (error) {
    if (error instanceof Rejection) return reject(error.reason, error.message);
    throw error;
  }
}

function decodeText(text: string, fields: FieldMap, topic: string): DecodedValue {
  const { members, nesting } = objectOf(text);

  const type = required(members, fields.type);
  if (!isString(type)) throw new Rejection("bad_field", fields.type);
  const typeText: string = JSON.parse(type);
  if (typeText !== fields.startValue && typeText !== fields.endValue) {
    return { kind: "ignored", reason: "other_type" };
  }
  const kind = typeText === fields.startValue ? "start" : "end";

  const deviceField = deviceFieldOf(members, fields, topic);
  const deviceId = textField(required(members, deviceField), deviceField, DEVICE_ID_BYTES_MAX);
  if (deviceId === "") throw new Rejection("bad_field", deviceField);
  const sessionId = sessionIdField(required(members, fields.sessionId), fields.sessionId);
  const account = optional(members, fields.accountId);
  const accountId = account === null
    ? null
    : textField(account, fields.accountId, ACCOUNT_ID_BYTES_MAX);
  const timestamp = optional(members, fields.timestamp);
  const timestampMs = timestamp === null ? null : timeField(timestamp, fields.timestamp);
  const duration = kind === "end" ? optional(members, fields.durationSeconds) : null;
  const reportedDurationMs = duration === null
    ? null
    : durationField(duration, fields.durationSeconds);

  if (nesting > NESTING_MAX) throw new Rejection("bad_field", `nesting of ${nesting}`);
  return { kind, deviceId, sessionId, accountId, timestampMs, reportedDurationMs };
}

/** Thrown by the checks, caught by whoever asked for the whole. */
export class Rejection extends Error {
  readonly reason: ModelRejectReason;

  constructor(reason: ModelRejectReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

export function reject(reason: ModelRejectReason, detail: string): RejectedValue {
  return { kind: "rejected", reason, detail };
}

/** `ignoreBOM` means that a byte order mark is kept, and so found. */
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws Rejection `not_json` where the bytes are not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes);
  } catch {
    throw new Rejection("not_json", "invalid UTF-8");
  }
}

/**
 * The members of the object that `text` is, each value as the text it was written in (so that no
 * digit is lost), the last one of equal names; and how deep the text nests, the object itself
 * being 1 and members that lost to a later one of the same name included.
 *
 * @throws Rejection `not_json`, `not_object`
 */
export function objectOf(text: string): { members: Map<string, string>; nesting: number } {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Rejection("not_json", String(error));
  }
  if (!text.trimStart().startsWith("{")) throw new Rejection("not_object", text.slice(0, 20));

  const members = new Map<string, string>();
  let name: string | null = null;
  let from = 0;
  let depth = 0;
  let nesting = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      i = endOfString(text, i);
    } else if (char === "{" || char === "[") {
      depth++;
      nesting = Math.max(nesting, depth);
      if (depth === 1) from = i + 1;
    } else if (char === ":" && depth === 1) {
      name = JSON.parse(text.slice(from, i)) as string;
      from = i + 1;
    } else if (char === "," || char === "}" || char === "]") {
      if (depth === 1 && name !== null) {
        members.set(name, text.slice(from, i).trim());
        name = null;
        from = i + 1;
      }
      if (char !== ",") depth--;
    }
  }
  return { members, nesting };
}

/** Index of the quote that closes the string which opens at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i;
}

function required(members: Map<string, string>, field: string): string {
  const value = members.get(field);
  if (value === undefined) throw new Rejection("missing_field", field);
  return value;
}

/** Null where the field is missing or null. */
export function optional(members: Map<string, string>, field: string): string | null {
  const value = members.get(field);
  return value === undefined || value === "null" ? null : value;
}

export function isString(value: string): boolean {
  return value.startsWith('"');
}

/** A topic that the map does not name has the first of its device fields that the event holds. */
function deviceFieldOf(members: Map<string, string>, fields: FieldMap, topic: string): string {
  if (typeof fields.deviceId === "string") return fields.deviceId;
  if (Object.hasOwn(fields.deviceId, topic)) return fields.deviceId[topic] as string;
  const names = Object.values(fields.deviceId);
  return names.find((name) => members.has(name)) ?? names.join("|");
}

function textField(value: string, field: string, bytesMax: number): string {
  if (!isString(value)) throw new Rejection("bad_field", field);
  const text: string = JSON.parse(value);
  if (!text.isWellFormed()) throw new Rejection("bad_field", `${field}: lone surrogate`);
  if (new TextEncoder().encode(text).length > bytesMax) throw new Rejection("too_large", field);
  return text;
}

function sessionIdField(value: string, field: string): ModelSessionId {
  if (isString(value)) {
    const text = textField(value, field, SESSION_ID_BYTES_MAX);
    if (text === "") throw new Rejection("bad_field", field);
    return { text, isNumber: false };
  }
  if (!INTEGER.test(value)) throw new Rejection("bad_field", field);
  // A number of 128 digits is far out of range, and BigInt is quadratic.
  if (value.length > SESSION_ID_BYTES_MAX) throw new Rejection("bad_field", field);
  const number = BigInt(value);
  if (number < SESSION_ID_MIN || number > SESSION_ID_MAX) throw new Rejection("bad_field", field);
  return { text: value, isNumber: true };
}

function timeField(value: string, field: string): number {
  const timeMs = isString(value) ? parseRfc3339(JSON.parse(value)) : integerOf(value);
  if (timeMs === null || timeMs < 0 || timeMs > TIME_MS_MAX) {
    throw new Rejection("bad_field", field);
  }
  return timeMs;
}

/** Null where the text of a value is no integer; -0 is 0; beyond 2^53 the last digits are lost. */
export function integerOf(value: string): number | null {
  return INTEGER.test(value) ? Number(value) + 0 : null;
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Epoch milliseconds, possibly out of range, or null where the text is no RFC 3339 instant. */
export function parseRfc3339(text: string): number | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Six;
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 60) return null;
  if (offsetHours > 23 || offsetMinutes > 59) return null;
  // No offset brings these into range, and Date.UTC takes the year 70 for 1970.
  if (year < 1969) return -1;

  const offsetMs = (match[8] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const fractionMs = Number(((match[7] ?? "") + "000").slice(0, 3));
  const minuteMs = Date.UTC(year, month - 1, day, hour, minute) - offsetMs;
  if (second === 60) {
    // A leap second is the last of a UTC day, and is told as the first of the next.
    const isLastMinuteOfDay = (minuteMs + 60_000) % 86_400_000 === 0;
    if (!isLastMinuteOfDay) return null;
  }
  return minuteMs + second * 1000 + fractionMs;
}

type Six = [number, number, number, number, number, number];

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function durationField(value: string, field: string): number {
  if (!/^[-0-9]/.test(value)) throw new Rejection("bad_field", field);
  const seconds = Number(value);
  if (!(seconds >= 0 && seconds <= 1e9)) throw new Rejection("bad_field", field);
  return Math.floor(seconds * 1000 + 0.5);
}
