/**
 * Walks over JSON text (RFC 8259) in bytes and says where its parts end; it makes no values.
 *
 * All functions work on `bytes[at, to)` and never look at `bytes[to]`. Those that can fail return
 * where scanning goes on, or `~position` (a negative number) of the byte that is not JSON; the
 * position is `to` when the text ends too early. Nothing here allocates, but for the stack of a
 * nesting deeper than any before.
 */
import { utf8SequenceBytes, writeUtf8 } from "./utf8.ts";

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const ZERO = 0x30;
const LETTER_U = 0x75;

/** 1 for a byte that stands for itself in a string: ASCII but for `"`, `\` and below 0x20. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x80);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

/** What the letter of a two-byte escape stands for; 0 where it is none. */
const ESCAPED = new Uint8Array(256);
for (const [letter, meaning] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"]) {
  ESCAPED[letter!.charCodeAt(0)] = meaning!.charCodeAt(0);
}

const TRUE = new Uint8Array([0x74, 0x72, 0x75, 0x65]);
const FALSE = new Uint8Array([0x66, 0x61, 0x6c, 0x73, 0x65]);
const NULL = new Uint8Array([0x6e, 0x75, 0x6c, 0x6c]);

/** First position at or after `at` that is not whitespace, or `to`. */
export function skipWhitespace(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  while (i < to) {
    const c = bytes[i]!;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    i++;
  }
  return i;
}

/**
 * First position of a string, from `at` inside it, that does not stand for itself: its closing
 * quote when the rest is plain, otherwise an escape, a byte that is not ASCII, one that may not be
 * there, or `to`.
 */
export function skipPlain(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  while (i < to && PLAIN[bytes[i]!] === 1) i++;
  return i;
}

/** Position of the closing quote of a string, from `at` inside it but not inside an escape. */
export function scanString(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  while (i < to) {
    const c = bytes[i]!;
    if (PLAIN[c] === 1) {
      i++;
    } else if (c === QUOTE) {
      return i;
    } else if (c === BACKSLASH) {
      if (i + 1 >= to) return ~to;
      const letter = bytes[i + 1]!;
      if (letter === LETTER_U) {
        for (let k = i + 2; k < i + 6; k++) {
          if (k >= to) return ~to;
          if (hexValue(bytes[k]!) < 0) return ~k;
        }
        i += 6;
      } else {
        if (ESCAPED[letter] === 0) return ~(i + 1);
        i += 2;
      }
    } else {
      const length = c < 0x80 ? 0 : utf8SequenceBytes(bytes, i, to);
      if (length === 0) return ~i;
      i += length;
    }
  }
  return ~to;
}

/**
 * Writes the text of the string inside `bytes[from, to)`, which `scanString` went over, to `out`.
 * The text is never longer than the string.
 *
 * @returns the position after the text, or -1 when it holds a surrogate without its other half.
 */
export function unescapeString(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
): number {
  let i = from;
  let position = at;
  while (i < to) {
    const c = bytes[i]!;
    if (c !== BACKSLASH) {
      out[position++] = c;
      i++;
      continue;
    }
    const letter = bytes[i + 1]!;
    if (letter !== LETTER_U) {
      out[position++] = ESCAPED[letter]!;
      i += 2;
      continue;
    }
    const unit = hexUnit(bytes, i + 2);
    i += 6;
    if (unit < 0xd800 || unit > 0xdfff) {
      position = writeUtf8(unit, out, position);
      continue;
    }
    if (unit > 0xdbff || i + 6 > to || bytes[i] !== BACKSLASH || bytes[i + 1] !== LETTER_U) {
      return -1;
    }
    const low = hexUnit(bytes, i + 2);
    if (low < 0xdc00 || low > 0xdfff) return -1;
    position = writeUtf8(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out, position);
    i += 6;
  }
  return position;
}

/** Position after a number. */
export function scanNumber(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  if (i < to && bytes[i] === MINUS) i++;
  if (i < to && bytes[i] === ZERO) {
    i++;
  } else {
    i = scanDigits(bytes, i, to);
    if (i < 0) return i;
  }
  if (i < to && bytes[i] === DOT) {
    i = scanDigits(bytes, i + 1, to);
    if (i < 0) return i;
  }
  if (i < to && (bytes[i]! | 0x20) === 0x65) {
    i++;
    if (i < to && (bytes[i] === 0x2b || bytes[i] === MINUS)) i++;
    i = scanDigits(bytes, i, to);
  }
  return i;
}

/** Position after a string, a number, `true`, `false` or `null`. */
export function scanScalar(bytes: Uint8Array, at: number, to: number): number {
  const c = at < to ? bytes[at]! : 0;
  if (c === QUOTE) {
    const close = scanString(bytes, at + 1, to);
    return close < 0 ? close : close + 1;
  }
  if (c === MINUS || isDigit(c)) return scanNumber(bytes, at, to);
  if (c === TRUE[0]) return scanWord(bytes, at, to, TRUE);
  if (c === FALSE[0]) return scanWord(bytes, at, to, FALSE);
  if (c === NULL[0]) return scanWord(bytes, at, to, NULL);
  return ~at;
}

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

/**
 * Skips whole values without recursion: the depth of what arrives must not decide over our stack.
 */
export class JsonSkipper {
  /** The deepest nesting met since it was last set: 1 = a container that holds no other. */
  deepest = 0;
  /** For each container we are inside of, the byte that closes it. */
  #closers = new Uint8Array(64);

  /** Position after the value that begins at `at`. Time and memory are linear in its bytes. */
  skipValue(bytes: Uint8Array, at: number, to: number): number {
    let i = at;
    let depth = 0;
    while (true) {
      const c = i < to ? bytes[i]! : 0;
      if (c === OPEN_BRACE || c === OPEN_BRACKET) {
        if (depth === this.#closers.length) this.#growClosers();
        this.#closers[depth++] = c + 2;
        if (depth > this.deepest) this.deepest = depth;
        i = skipWhitespace(bytes, i + 1, to);
        if (i >= to || bytes[i] !== c + 2) {
          if (c === OPEN_BRACE) i = scanMemberName(bytes, i, to);
          if (i < 0) return i;
          continue;
        }
        i++;
        depth--;
      } else {
        i = scanScalar(bytes, i, to);
        if (i < 0) return i;
      }
      // After a value: close what ends here, until another value follows.
      while (true) {
        if (depth === 0) return i;
        i = skipWhitespace(bytes, i, to);
        const closer = this.#closers[depth - 1]!;
        const next = i < to ? bytes[i]! : 0;
        if (next === COMMA) {
          i = skipWhitespace(bytes, i + 1, to);
          if (closer === CLOSE_BRACE) i = scanMemberName(bytes, i, to);
          if (i < 0) return i;
          break;
        }
        if (next !== closer) return ~i;
        i++;
        depth--;
      }
    }
  }

  #growClosers(): void {
    const grown = new Uint8Array(this.#closers.length * 2);
    grown.set(this.#closers);
    this.#closers = grown;
  }
}

/** Position of a member's value, from the opening quote of its name. */
function scanMemberName(bytes: Uint8Array, at: number, to: number): number {
  if (at >= to || bytes[at] !== QUOTE) return ~at;
  const close = scanString(bytes, at + 1, to);
  if (close < 0) return close;
  const colon = skipWhitespace(bytes, close + 1, to);
  if (colon >= to || bytes[colon] !== COLON) return ~colon;
  return skipWhitespace(bytes, colon + 1, to);
}

/** Position after one digit or more. */
function scanDigits(bytes: Uint8Array, at: number, to: number): number {
  let i = at;
  while (i < to && isDigit(bytes[i]!)) i++;
  return i === at ? ~at : i;
}

function scanWord(bytes: Uint8Array, at: number, to: number, word: Uint8Array): number {
  for (let k = 0; k < word.length; k++) {
    if (at + k >= to || bytes[at + k] !== word[k]) return ~(at + k);
  }
  return at + word.length;
}

/** Value of a hexadecimal digit in either case, -1 for any other byte. */
function hexValue(byte: number): number {
  if (isDigit(byte)) return byte - ZERO;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The UTF-16 code unit of four hexadecimal digits. */
function hexUnit(bytes: Uint8Array, at: number): number {
  return (hexValue(bytes[at]!) << 12) | (hexValue(bytes[at + 1]!) << 8) |
    (hexValue(bytes[at + 2]!) << 4) | hexValue(bytes[at + 3]!);
}
