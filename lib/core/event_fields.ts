import {
  CLOSE_BRACE,
  COLON,
  COMMA,
  isDigit,
  JsonSkipper,
  MINUS,
  OPEN_BRACE,
  QUOTE,
  scanNumber,
  scanString,
  skipPlain,
  skipWhitespace,
  unescapeString,
} from "./json_scanner.ts";

/** What kind of value a field has; a field that is not there has none. */
export const MISSING = 0;
export const PLAIN_STRING = 1;
/** A string with escapes or with bytes that are not ASCII. */
export const RICH_STRING = 2;
export const NUMBER = 3;
export const NULL = 4;
const OTHER = 5;

/** Keys of an object beyond this many are looked up without a guess. */
const GUESSES = 16;
/** Names of this length and more share one entry of the table by length. */
const NAME_LENGTHS = 64;
const LETTER_N = 0x6e;
const EMPTY = new Uint8Array(0);

/**
 * Finds the values of known top-level keys in the bytes of a JSON object and reads texts from them.
 *
 * Keys are compared by their text, escapes undone; of repeated keys the last one counts. Keys that
 * come in the order of the object before are recognised without being searched for, which is the
 * case for nearly every event of a topic.
 */
export class EventFields {
  /** For each field, what its value is. */
  readonly kinds: Uint8Array;
  /** Where a field's value lies in the bytes; a string's without its quotes. */
  readonly froms: Uint32Array;
  readonly tos: Uint32Array;
  /** The text that `readText` found: in the bytes, or in memory of our own. */
  textBytes: Uint8Array = EMPTY;
  textFrom = 0;
  textTo = 0;

  readonly #names: readonly Uint8Array[];
  /** For a name's length in bytes, the fields that have it, as bits. */
  readonly #fieldsByLength = new Uint32Array(NAME_LENGTHS);
  /** The field that the n-th key of an object was last time. */
  readonly #guesses = new Int8Array(GUESSES).fill(-1);
  readonly #skipper = new JsonSkipper();
  #objectBytes = 0;
  /** Holds the texts of rich strings; grows to the size of the object before its first one. */
  #scratch = new Uint8Array(1024);
  #scratchUsed = 0;

  /** @param names In UTF-8, at most 31. A field is known by its index from here on. */
  constructor(names: readonly Uint8Array[]) {
    this.#names = names;
    this.kinds = new Uint8Array(names.length);
    this.froms = new Uint32Array(names.length);
    this.tos = new Uint32Array(names.length);
    names.forEach((name, field) => {
      const length = Math.min(name.length, NAME_LENGTHS - 1);
      this.#fieldsByLength[length] = this.#fieldsByLength[length]! | (1 << field);
    });
  }

  /** Levels of nesting of the value that was scanned last; 1 = a container that holds no other. */
  get depth(): number {
    return this.#skipper.deepest;
  }

  /**
   * Goes over the value in `bytes[at, to)`, from its first byte, and notes the fields of an object.
   *
   * @returns the position after it, or `~position` of the byte that is not JSON.
   */
  scan(bytes: Uint8Array, at: number, to: number): number {
    this.kinds.fill(MISSING);
    this.#objectBytes = to - at;
    this.#scratchUsed = 0;
    this.#skipper.deepest = 0;
    if (at >= to || bytes[at] !== OPEN_BRACE) return this.#skipper.skipValue(bytes, at, to);
    const after = this.#scanMembers(bytes, at + 1, to);
    this.#skipper.deepest++;
    return after;
  }

  /** Finds the text of a field that is a string; false when it holds half a surrogate pair. */
  readText(bytes: Uint8Array, field: number): boolean {
    const from = this.froms[field]!;
    const to = this.tos[field]!;
    this.textBytes = bytes;
    this.textFrom = from;
    this.textTo = to;
    if (this.kinds[field] === PLAIN_STRING) return true;
    this.#growScratch();
    const end = unescapeString(bytes, from, to, this.#scratch, this.#scratchUsed);
    if (end < 0) return false;
    this.textBytes = this.#scratch;
    this.textFrom = this.#scratchUsed;
    this.textTo = end;
    this.#scratchUsed = end;
    return true;
  }

  /** Whether the text that was read last is this one. */
  isText(text: Uint8Array): boolean {
    if (this.textTo - this.textFrom !== text.length) return false;
    return holdsAt(this.textBytes, this.textFrom, text);
  }

  /** Position after the object whose members begin at `at`, or `~position` as the scanner's. */
  #scanMembers(bytes: Uint8Array, at: number, to: number): number {
    let i = skipWhitespace(bytes, at, to);
    if (i < to && bytes[i] === CLOSE_BRACE) return i + 1;
    for (let ordinal = 0;; ordinal++) {
      if (i >= to || bytes[i] !== QUOTE) return ~i;
      const nameFrom = i + 1;
      let field = ordinal < GUESSES ? this.#guesses[ordinal]! : -1;
      if (field >= 0 && this.#isName(field, bytes, nameFrom, to)) {
        i = nameFrom + this.#names[field]!.length;
      } else {
        i = skipPlain(bytes, nameFrom, to);
        if (i < to && bytes[i] === QUOTE) {
          field = this.#findField(bytes, nameFrom, i);
        } else {
          i = scanString(bytes, i, to);
          if (i < 0) return i;
          field = this.#findRichField(bytes, nameFrom, i);
        }
        // A name written with escapes is longer than its text, and no guess for the next event.
        const isVerbatim = field >= 0 && i - nameFrom === this.#names[field]!.length;
        if (isVerbatim && ordinal < GUESSES) this.#guesses[ordinal] = field;
      }
      i = skipWhitespace(bytes, i + 1, to);
      if (i >= to || bytes[i] !== COLON) return ~i;
      i = skipWhitespace(bytes, i + 1, to);
      i = this.#scanMemberValue(field, bytes, i, to);
      if (i < 0) return i;
      i = skipWhitespace(bytes, i, to);
      const next = i < to ? bytes[i]! : 0;
      if (next === CLOSE_BRACE) return i + 1;
      if (next !== COMMA) return ~i;
      i = skipWhitespace(bytes, i + 1, to);
    }
  }

  /** Position after a member's value, which is noted if the member is a field. */
  #scanMemberValue(field: number, bytes: Uint8Array, at: number, to: number): number {
    const first = at < to ? bytes[at]! : 0;
    let kind = OTHER;
    let valueFrom = at;
    let valueTo: number;
    let after: number;
    if (first === QUOTE) {
      kind = PLAIN_STRING;
      valueFrom = at + 1;
      valueTo = skipPlain(bytes, valueFrom, to);
      if (valueTo >= to || bytes[valueTo] !== QUOTE) {
        kind = RICH_STRING;
        valueTo = scanString(bytes, valueTo, to);
        if (valueTo < 0) return valueTo;
      }
      after = valueTo + 1;
    } else if (first === MINUS || isDigit(first)) {
      kind = NUMBER;
      valueTo = after = scanNumber(bytes, at, to);
    } else {
      valueTo = after = this.#skipper.skipValue(bytes, at, to);
      if (first === LETTER_N) kind = NULL;
    }
    if (field >= 0 && after >= 0) {
      this.kinds[field] = kind;
      this.froms[field] = valueFrom;
      this.tos[field] = valueTo;
    }
    return after;
  }

  /** Whether `bytes[at, to)` begins with the name of a field and a quote. */
  #isName(field: number, bytes: Uint8Array, at: number, to: number): boolean {
    const name = this.#names[field]!;
    const close = at + name.length;
    return close < to && bytes[close] === QUOTE && holdsAt(bytes, at, name);
  }

  /** The field whose name is `bytes[from, to)`, or -1. */
  #findField(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    let candidates = this.#fieldsByLength[Math.min(length, NAME_LENGTHS - 1)]!;
    for (let field = 0; candidates !== 0; field++, candidates >>= 1) {
      if ((candidates & 1) === 0) continue;
      const name = this.#names[field]!;
      if (name.length === length && holdsAt(bytes, from, name)) return field;
    }
    return -1;
  }

  #findRichField(bytes: Uint8Array, from: number, to: number): number {
    this.#growScratch();
    const end = unescapeString(bytes, from, to, this.#scratch, 0);
    return end < 0 ? -1 : this.#findField(this.#scratch, 0, end);
  }

  #growScratch(): void {
    if (this.#scratch.length < this.#objectBytes) {
      this.#scratch = new Uint8Array(2 * this.#objectBytes);
    }
  }
}

/** Whether `text` is in `bytes` at `at`; the caller knows that many bytes are there. */
function holdsAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let k = 0; k < text.length; k++) {
    if (bytes[at + k] !== text[k]) return false;
  }
  return true;
}
