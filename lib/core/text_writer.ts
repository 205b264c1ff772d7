/**
 * Writes text into bytes at a position and returns the position after it: the small steps that
 * records are rendered from. Nothing allocates; the caller has made room.
 */

const PAIRS = new Uint16Array(100);
for (let i = 0; i < 100; i++) PAIRS[i] = (0x30 + Math.floor(i / 10)) | ((0x30 + i % 10) << 8);

/** Constant text as bytes, for `writeBytes`. */
export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Copies constant bytes. A loop beats `set` up to about 64 bytes. */
export function writeBytes(out: Uint8Array, position: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length > 64) {
    out.set(bytes, position);
    return position + length;
  }
  for (let i = 0; i < length; i++) out[position + i] = bytes[i]!;
  return position + length;
}

/** Writes a whole number from 0 to 2^53 in decimal. */
export function writeInteger(out: Uint8Array, position: number, value: number): number {
  if (value < 10) {
    out[position] = 0x30 + value;
    return position + 1;
  }
  let rest = value;
  let end = position + countDigits(value);
  const after = end;
  // Doubles only as far as needed: 32-bit division is several times faster.
  while (rest > 0x7fffffff) {
    const quotient = Math.floor(rest / 100);
    const pair = PAIRS[rest - quotient * 100]!;
    out[--end] = pair >>> 8;
    out[--end] = pair;
    rest = quotient;
  }
  let small = rest | 0;
  while (small >= 10) {
    const quotient = (small / 100) | 0;
    const pair = PAIRS[small - quotient * 100]!;
    out[--end] = pair >>> 8;
    out[--end] = pair;
    small = quotient;
  }
  if (end > position) out[--end] = 0x30 + small;
  return after;
}

/**
 * Writes an instant as RFC 3339 in UTC with milliseconds, 24 bytes; one past the year 9999, which
 * only a replay can reach, with a sign and six digits of the year as ECMAScript does, 27 bytes.
 *
 * @param ms Epoch milliseconds, whole, from 1970-01-01.
 */
export function writeInstant(out: Uint8Array, position: number, ms: number): number {
  const day = Math.floor(ms / DAY_MS);
  if (day !== cachedDay) {
    if (day >= FAR_DAY) return writeFarInstant(out, position, ms);
    cacheDay(day);
  }
  let p = position;
  for (let i = 0; i < 11; i++) out[p + i] = cachedDate[i]!;
  p += 11;
  const rest = (ms - day * DAY_MS) | 0;
  const second = (rest / 1000) | 0;
  const millis = rest - second * 1000;
  const minute = (second / 60) | 0;
  const hour = (minute / 60) | 0;
  let pair = PAIRS[hour]!;
  out[p] = pair;
  out[p + 1] = pair >>> 8;
  out[p + 2] = COLON;
  pair = PAIRS[minute - hour * 60]!;
  out[p + 3] = pair;
  out[p + 4] = pair >>> 8;
  out[p + 5] = COLON;
  pair = PAIRS[second - minute * 60]!;
  out[p + 6] = pair;
  out[p + 7] = pair >>> 8;
  out[p + 8] = DOT;
  const tenth = (millis / 10) | 0;
  pair = PAIRS[tenth]!;
  out[p + 9] = pair;
  out[p + 10] = pair >>> 8;
  out[p + 11] = 0x30 + millis - tenth * 10;
  out[p + 12] = UPPER_Z;
  return p + 13;
}

/**
 * Writes UTF-8 text with JSON's escapes, without the quotes: at most six bytes for one.
 * `JSON.stringify` writes the same.
 */
export function writeEscaped(
  out: Uint8Array,
  position: number,
  bytes: Uint8Array,
  length: number,
): number {
  let p = position;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) {
      out[p++] = byte;
      continue;
    }
    out[p++] = 0x5c;
    const short = SHORT_ESCAPES[byte]!;
    if (short !== 0) {
      out[p++] = short;
      continue;
    }
    out[p++] = 0x75;
    out[p++] = 0x30;
    out[p++] = 0x30;
    out[p++] = byte < 16 ? 0x30 : 0x31;
    out[p++] = (byte & 15) + ((byte & 15) < 10 ? 0x30 : 0x57);
  }
  return p;
}

/** Writes the same instant of an earlier era of 400 years, and then the year over it. */
function writeFarInstant(out: Uint8Array, position: number, ms: number): number {
  const eras = Math.floor((ms / DAY_MS - FAR_DAY) / ERA_DAYS) + 1;
  const yearAt = position + 3;
  const end = writeInstant(out, yearAt, ms - eras * ERA_DAYS * DAY_MS);
  let year = eras * 400;
  for (let i = 0; i < 4; i++) year += (out[yearAt + i]! - 0x30) * 10 ** (3 - i);
  out[position] = PLUS;
  for (let i = 6; i > 0; i--) {
    out[position + i] = 0x30 + year % 10;
    year = Math.floor(year / 10);
  }
  return end;
}

const DAY_MS = 86_400_000;
const ERA_DAYS = 146_097;
/** 10000-01-01, counted from 1970-01-01. */
const FAR_DAY = 2_932_897;
/** From this instant on `writeInstant` writes 27 bytes. */
export const FAR_MS = FAR_DAY * DAY_MS;
const PLUS = 0x2b;
const COLON = 0x3a;
const DOT = 0x2e;
const UPPER_Z = 0x5a;
/** The letter after the backslash, 0 where `\u00xx` is needed. */
const SHORT_ESCAPES = new Uint8Array(128);
for (const [byte, letter] of [[8, "b"], [9, "t"], [10, "n"], [12, "f"], [13, "r"]] as const) {
  SHORT_ESCAPES[byte] = letter.charCodeAt(0);
}
SHORT_ESCAPES[0x22] = 0x22;
SHORT_ESCAPES[0x5c] = 0x5c;

let cachedDay = NaN;
const cachedDate = new Uint8Array(11);

/** Days since 1970 to a civil date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function cacheDay(day: number): void {
  const z = day + 719468;
  const era = Math.floor(z / ERA_DAYS);
  const dayOfEra = z - era * ERA_DAYS;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) -
      Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const century = PAIRS[Math.floor(year / 100)]!;
  const ofCentury = PAIRS[year % 100]!;
  const monthPair = PAIRS[month]!;
  const dayPair = PAIRS[dayOfMonth]!;
  cachedDate.set([
    century & 255,
    century >>> 8,
    ofCentury & 255,
    ofCentury >>> 8,
    0x2d,
    monthPair & 255,
    monthPair >>> 8,
    0x2d,
    dayPair & 255,
    dayPair >>> 8,
    0x54,
  ]);
  cachedDay = day;
}

function countDigits(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
