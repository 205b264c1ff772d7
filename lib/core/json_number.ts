/**
 * What a JSON number says. `bytes[from, to)` is a whole number as `scanNumber` finds it, so its
 * grammar is not checked again; nothing here allocates for numbers of an ordinary length.
 */
import { MINUS } from "./json_scanner.ts";

const ZERO = 0x30;
const DOT = 0x2e;

/** Below 2^53, so that every such count of digits is a double exactly. */
const EXACT_DIGITS_MAX = 15;
/** Powers of ten up to 10^22 are doubles exactly; a fraction here never has that many digits. */
const POWERS_OF_TEN = Float64Array.from(
  { length: EXACT_DIGITS_MAX + 1 },
  (_, n) => Number(`1e${n}`),
);

const UINT64_MAX = asciiBytes("18446744073709551615");
const INT64_MIN_DIGITS = asciiBytes("9223372036854775808");

const latin1 = new TextDecoder("latin1");

/** Whether it is an integer: no fraction and no exponent. */
export function isIntegerNumber(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = bytes[from] === MINUS ? from + 1 : from; i < to; i++) {
    if (bytes[i]! < ZERO || bytes[i]! > 0x39) return false;
  }
  return true;
}

/** Whether an integer lies in −2^63 … 2^64−1, the signed and unsigned 64-bit ones together. */
export function fitsInt64OrUint64(bytes: Uint8Array, from: number, to: number): boolean {
  if (bytes[from] === MINUS) return isAtMost(bytes, from + 1, to, INT64_MIN_DIGITS);
  return isAtMost(bytes, from, to, UINT64_MAX);
}

/** The double nearest to the number, as `JSON.parse` gives it; ±Infinity beyond the largest. */
export function parseNumber(bytes: Uint8Array, from: number, to: number): number {
  const isNegative = bytes[from] === MINUS;
  const digitsFrom = isNegative ? from + 1 : from;
  if (to - digitsFrom <= EXACT_DIGITS_MAX) {
    let digits = 0;
    let dot = to - 1;
    let i = digitsFrom;
    for (; i < to; i++) {
      const c = bytes[i]!;
      if (c === DOT) dot = i;
      else if (c >= ZERO && c <= 0x39) digits = digits * 10 + (c - ZERO);
      else break;
    }
    if (i === to) {
      // Both are exact, so the one rounding of the division is the right one (Clinger, 1990).
      const value = digits / POWERS_OF_TEN[to - 1 - dot]!;
      return isNegative ? -value : value;
    }
  }
  return Number(latin1.decode(bytes.subarray(from, to)));
}

/** Compares unsigned integers without leading zeros by their digits. */
function isAtMost(bytes: Uint8Array, from: number, to: number, limit: Uint8Array): boolean {
  if (to - from !== limit.length) return to - from < limit.length;
  for (let k = 0; k < limit.length; k++) {
    if (bytes[from + k] !== limit[k]) return bytes[from + k]! < limit[k]!;
  }
  return true;
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
