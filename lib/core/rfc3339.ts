/** 9999-12-31T23:59:59.999Z. The first instant is 1970-01-01T00:00:00.000Z, 0. */
export const EPOCH_MS_MAX = 253_402_300_799_999;

const ZERO = 0x30;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** `2025-11-01T00:06:45Z` */
const BYTES_MIN = 20;

const parsed = new Float64Array(1);

/**
 * Writes the instant of `bytes[from, to)` to `out[0]`; a number of that size would be boxed if it
 * were returned. False when that is not a date-time with an offset (RFC 3339, section 5.6; `t` and
 * `z` in lower case too), not a day of the calendar, or not within 0 … `EPOCH_MS_MAX`. Digits beyond
 * milliseconds are cut off.
 *
 * A leap second (`:60`) may stand in the last minute of a UTC day and is told, as by POSIX, as the
 * first second of the next: a device clock that is right must not lose an event, and which days have
 * one is not known in advance.
 */
export function readRfc3339(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Float64Array,
): boolean {
  if (to - from < BYTES_MIN) return false;
  const century = twoDigits(bytes, from);
  const yearOfCentury = twoDigits(bytes, from + 2);
  const month = twoDigits(bytes, from + 5);
  const day = twoDigits(bytes, from + 8);
  const hour = twoDigits(bytes, from + 11);
  const minute = twoDigits(bytes, from + 14);
  const second = twoDigits(bytes, from + 17);
  if ((century | yearOfCentury | month | day | hour | minute | second) < 0) return false;
  if (bytes[from + 4] !== 0x2d || bytes[from + 7] !== 0x2d) return false;
  if ((bytes[from + 10]! | 0x20) !== 0x74) return false;
  if (bytes[from + 13] !== 0x3a || bytes[from + 16] !== 0x3a) return false;
  const year = century * 100 + yearOfCentury;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;

  let i = from + 19;
  let fractionMs = 0;
  if (bytes[i] === 0x2e) {
    const digitsFrom = ++i;
    let scale = 100;
    while (i < to) {
      const digit = bytes[i]! - ZERO;
      if (digit < 0 || digit > 9) break;
      fractionMs += digit * scale;
      scale = (scale / 10) | 0;
      i++;
    }
    if (i === digitsFrom) return false;
  }

  const offsetMinutes = parseOffset(bytes, i, to);
  if (offsetMinutes === NO_OFFSET) return false;
  const minutes = hour * 60 + minute - offsetMinutes;
  const days = daysFromCivil(year, month, day);
  const minuteMs = days * DAY_MS + minutes * MINUTE_MS;
  if (second === 60 && (minuteMs + MINUTE_MS) % DAY_MS !== 0) return false;
  const instantMs = minuteMs + second * 1000 + fractionMs;
  if (instantMs < 0 || instantMs > EPOCH_MS_MAX) return false;
  out[0] = instantMs;
  return true;
}

/** The instant of `bytes[from, to)`, as above, or NaN. */
export function parseRfc3339(bytes: Uint8Array, from: number, to: number): number {
  return readRfc3339(bytes, from, to, parsed) ? parsed[0]! : NaN;
}

/**
 * Days from 1970-01-01 to a day of the Gregorian calendar.
 *
 * Counts years from March, so that the leap day is the last of its year, in eras of 400 years
 * (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
 */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const monthFromMarch = month > 2 ? month - 3 : month + 9;
  const dayOfYear = (((153 * monthFromMarch + 2) / 5) | 0) + day - 1;
  const dayOfEra = yearOfEra * 365 + (yearOfEra >> 2) - ((yearOfEra / 100) | 0) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

const NO_OFFSET = -100_000;

/** Minutes east of UTC that `bytes[at, to)` says, or `NO_OFFSET` when it says none. */
function parseOffset(bytes: Uint8Array, at: number, to: number): number {
  if (at >= to) return NO_OFFSET;
  const sign = bytes[at]!;
  if ((sign | 0x20) === 0x7a) return at + 1 === to ? 0 : NO_OFFSET;
  if ((sign !== 0x2b && sign !== 0x2d) || at + 6 !== to) return NO_OFFSET;
  const hours = twoDigits(bytes, at + 1);
  const minutes = twoDigits(bytes, at + 4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NO_OFFSET;
  if (bytes[at + 3] !== 0x3a) return NO_OFFSET;
  return sign === 0x2d ? -(hours * 60 + minutes) : hours * 60 + minutes;
}

/** The number of two digits, or -1. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - ZERO;
  const ones = bytes[at + 1]! - ZERO;
  return (tens >>> 0) > 9 || (ones >>> 0) > 9 ? -1 : tens * 10 + ones;
}

/** @param month 1 to 12. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isLeapYear(year: number): boolean {
  return (year & 3) === 0 && (year % 100 !== 0 || year % 400 === 0);
}
