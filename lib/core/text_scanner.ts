import { daysFromCivil, daysInMonth } from "./rfc3339.ts";

/**
 * Reads back, byte by byte, what `text_writer.ts` wrote: the parser of our own records, which have
 * their keys in one order and no white space. What deviates sets `failed`, once and for the rest.
 */
export class TextScanner {
  bytes: Uint8Array = NO_BYTES;
  position = 0;
  end = 0;
  failed = false;
  /** Of the last text read: where its bytes are, unescaped. */
  textBytes: Uint8Array = NO_BYTES;
  textFrom = 0;
  textTo = 0;
  /** Whether the last text was null, or was written as a bare integer. */
  textIsNull = false;
  textIsInteger = false;
  #scratch = new Uint8Array(512);
  /** The last date read, as the number 20251101, and its first instant. */
  #date = NaN;
  #dateMs = NaN;

  reset(bytes: Uint8Array, from: number, to: number): void {
    this.bytes = bytes;
    this.position = from;
    this.end = to;
    this.failed = false;
  }

  /** Passes constant bytes. */
  expect(constant: Uint8Array): void {
    const length = constant.length;
    if (this.position + length > this.end) {
      this.failed = true;
      return;
    }
    for (let i = 0; i < length; i++) {
      if (this.bytes[this.position + i] !== constant[i]) {
        this.failed = true;
        return;
      }
    }
    this.position += length;
  }

  /** Passes constant bytes if they are next. */
  accept(constant: Uint8Array): boolean {
    const length = constant.length;
    if (this.position + length > this.end) return false;
    for (let i = 0; i < length; i++) {
      if (this.bytes[this.position + i] !== constant[i]) return false;
    }
    this.position += length;
    return true;
  }

  /** Reads a JSON string, an integer or null into `textBytes[textFrom, textTo)`. */
  readText(): void {
    this.textIsNull = false;
    this.textIsInteger = false;
    const bytes = this.bytes;
    let p = this.position;
    if (this.failed || p >= this.end) {
      this.failed = true;
      return;
    }
    if (bytes[p] !== QUOTE) {
      if (this.accept(NULL)) {
        this.textIsNull = true;
        this.textFrom = this.textTo = 0;
        return;
      }
      this.textIsInteger = true;
      this.textBytes = bytes;
      this.textFrom = p;
      if (bytes[p] === DASH) p++;
      const digitsFrom = p;
      while (p < this.end && isDigit(bytes[p]!)) p++;
      this.textTo = p;
      this.position = p;
      if (p === digitsFrom) this.failed = true;
      return;
    }
    p++;
    const from = p;
    while (p < this.end && bytes[p] !== QUOTE && bytes[p] !== BACKSLASH) p++;
    if (p >= this.end) {
      this.failed = true;
      return;
    }
    if (bytes[p] === BACKSLASH) {
      this.#readEscaped(from);
      return;
    }
    this.textBytes = bytes;
    this.textFrom = from;
    this.textTo = p;
    this.position = p + 1;
  }

  /** Nothing may follow what was read. */
  expectEnd(): void {
    if (this.position !== this.end) this.failed = true;
  }

  /** Reads a whole number that is not negative. */
  readInteger(): number {
    let value = 0;
    const from = this.position;
    while (this.position < this.end && isDigit(this.bytes[this.position]!)) {
      value = value * 10 + this.bytes[this.position++]! - 0x30;
    }
    if (this.position === from) this.failed = true;
    return value;
  }

  /**
   * Reads an instant in quotes, as `writeInstant` writes it and in no other form.
   * (A program that copies records and renders them anew may write another form of 24 bytes, such
   * as `2025-11-01T00:06:45+0200`.)
   */
  readInstant(): number {
    const bytes = this.bytes;
    let p = this.position + 1;
    const isFar = bytes[p] === PLUS;
    // Where the year would begin if it had four digits.
    if (isFar) p += 3;
    if (p + 25 > this.end) return this.#fail();
    const deviation = (bytes[this.position]! ^ QUOTE) | (bytes[p + 4]! ^ DASH) |
      (bytes[p + 7]! ^ DASH) | (bytes[p + 10]! ^ UPPER_T) | (bytes[p + 13]! ^ COLON) |
      (bytes[p + 16]! ^ COLON) | (bytes[p + 19]! ^ DOT) | (bytes[p + 23]! ^ UPPER_Z) |
      (bytes[p + 24]! ^ QUOTE);
    const century = isFar ? pairAt(bytes, p - 2) * 100 + pairAt(bytes, p) : pairAt(bytes, p);
    const yearOfCentury = pairAt(bytes, p + 2);
    const month = pairAt(bytes, p + 5);
    const day = pairAt(bytes, p + 8);
    const hour = pairAt(bytes, p + 11);
    const minute = pairAt(bytes, p + 14);
    const second = pairAt(bytes, p + 17);
    const hundredths = pairAt(bytes, p + 20);
    const last = bytes[p + 22]! - ZERO;
    const lowest = century | yearOfCentury | month | day | hour | minute | second | hundredths |
      last | (9 - last) | (23 - hour) | (59 - minute) | (59 - second);
    if (deviation !== 0 || lowest < 0) return this.#fail();
    // Nearly all instants of a log are of one day.
    const date = ((century * 100 + yearOfCentury) * 100 + month) * 100 + day;
    if (date !== this.#date) {
      const year = century * 100 + yearOfCentury;
      if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return this.#fail();
      this.#date = date;
      this.#dateMs = daysFromCivil(year, month, day) * 86_400_000;
    }
    this.position = p + 25;
    return this.#dateMs + ((hour * 60 + minute) * 60 + second) * 1000 + hundredths * 10 + last;
  }

  /** The same, or null, which reads as NaN. */
  readInstantOrNull(): number {
    return this.accept(NULL) ? NaN : this.readInstant();
  }

  #fail(): number {
    this.failed = true;
    return NaN;
  }

  #readEscaped(from: number): void {
    const { bytes, end } = this;
    let out = 0;
    let p = from;
    while (p < end && bytes[p] !== QUOTE && out < this.#scratch.length) {
      if (bytes[p] !== BACKSLASH) {
        this.#scratch[out++] = bytes[p++]!;
        continue;
      }
      const letter = bytes[p + 1];
      const unescaped = letter === undefined ? undefined : ESCAPES.get(letter);
      if (unescaped !== undefined) {
        this.#scratch[out++] = unescaped;
        p += 2;
      } else if (letter === 0x75 && p + 6 <= end) {
        this.#scratch[out++] = this.#controlCharacter(p + 2);
        p += 6;
      } else {
        this.failed = true;
        return;
      }
    }
    if (p >= end || bytes[p] !== QUOTE) this.failed = true;
    this.textBytes = this.#scratch;
    this.textFrom = 0;
    this.textTo = out;
    this.position = p + 1;
  }

  /** Four hexadecimal digits: only control characters are written so, all others as they are. */
  #controlCharacter(at: number): number {
    const { bytes } = this;
    const digits = String.fromCharCode(bytes[at + 2]!, bytes[at + 3]!);
    const isWritten = bytes[at] === ZERO && bytes[at + 1] === ZERO && /^[01][0-9a-f]$/.test(digits);
    if (!isWritten) this.failed = true;
    return parseInt(digits, 16);
  }
}

const NO_BYTES = new Uint8Array(0);
const NULL = new TextEncoder().encode("null");
const QUOTE = 0x22;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const DASH = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const COLON = 0x3a;
const UPPER_T = 0x54;
const UPPER_Z = 0x5a;
const NO_NUMBER = -1_000_000;
const ESCAPES = new Map([
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x62, 8],
  [0x74, 9],
  [0x6e, 10],
  [0x66, 12],
  [0x72, 13],
]);

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** The number that two digits make; far below 0 where they are none. */
function pairAt(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! - ZERO;
  const low = bytes[at + 1]! - ZERO;
  return (high | low | (9 - high) | (9 - low)) < 0 ? NO_NUMBER : high * 10 + low;
}
