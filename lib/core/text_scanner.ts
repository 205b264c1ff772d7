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
  #dateKey = 0;
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
      while (p < this.end && (bytes[p] === DASH || isDigit(bytes[p]!))) p++;
      this.textTo = p;
      this.position = p;
      if (p === this.textFrom) this.failed = true;
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

  /** Reads an instant in quotes, as `writeInstant` writes it; null reads as NaN. */
  readInstant(): number {
    const { bytes } = this;
    const p = this.position + 1;
    if (!this.#passInstant()) return NaN;
    const century = pairAt(bytes, p);
    const yearOfCentury = pairAt(bytes, p + 2);
    const month = pairAt(bytes, p + 5);
    const day = pairAt(bytes, p + 8);
    const hour = pairAt(bytes, p + 11);
    const minute = pairAt(bytes, p + 14);
    const second = pairAt(bytes, p + 17);
    const hundredths = pairAt(bytes, p + 20);
    const last = bytes[p + 22]! - 0x30;
    const date = century | yearOfCentury | month | day;
    const time = hour | minute | second | hundredths | last | (9 - last);
    if ((date | time) < 0) {
      this.failed = true;
      return NaN;
    }
    // Nearly all instants of a log are of one day.
    const key = ((century * 100 + yearOfCentury) * 100 + month) * 100 + day;
    if (key !== this.#dateKey) {
      this.#dateKey = key;
      this.#dateMs = 86_400_000 * dayOf(century * 100 + yearOfCentury, month, day);
    }
    return this.#dateMs + ((hour * 60 + minute) * 60 + second) * 1000 + hundredths * 10 + last;
  }

  /** Passes an instant or null without a look at its digits. */
  skipInstant(): void {
    this.#passInstant();
  }

  /** False when there is no instant: it was null, or `failed` is set. */
  #passInstant(): boolean {
    const { bytes } = this;
    const p = this.position + 1;
    if (bytes[p - 1] !== QUOTE && this.accept(NULL)) return false;
    if (
      p + 25 > this.end || bytes[p - 1] !== QUOTE || bytes[p + 4] !== DASH ||
      bytes[p + 7] !== DASH || bytes[p + 10] !== LETTER_T || bytes[p + 13] !== COLON ||
      bytes[p + 16] !== COLON || bytes[p + 19] !== DOT || bytes[p + 23] !== LETTER_Z ||
      bytes[p + 24] !== QUOTE
    ) {
      this.failed = true;
      return false;
    }
    this.position = p + 25;
    return true;
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
        this.#scratch[out++] = parseInt(String.fromCharCode(bytes[p + 4]!, bytes[p + 5]!), 16);
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
}

const NO_BYTES = new Uint8Array(0);
const NULL = new TextEncoder().encode("null");
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DASH = 0x2d;
const COLON = 0x3a;
const DOT = 0x2e;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
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

/** The number that two digits make; negative where they are none. */
function pairAt(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! - 0x30;
  const low = bytes[at + 1]! - 0x30;
  return (high | low | (9 - high) | (9 - low)) < 0 ? -1 : high * 10 + low;
}

/** Days since 1970 of a civil date (Howard Hinnant's days_from_civil). */
function dayOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}
