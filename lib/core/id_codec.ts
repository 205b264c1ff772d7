/**
 * Packs the text of an id into 16 bytes and a kind, so that a session's row has a fixed width and
 * ids compare as four integers.
 *
 * Every text has exactly one packed form:
 *
 * | kind                    | text                                        | the four words            |
 * |-------------------------|---------------------------------------------|---------------------------|
 * | 0 … 16                  | of that many bytes                          | the bytes, padded with 0  |
 * | `ID_UUID`               | a UUID in lower case, canonical form        | its 16 bytes              |
 * | `ID_DIGITS` + (n − 17)  | 17 to 32 bytes, digits, `-` allowed first   | one nibble a byte         |
 * | `ID_LONG`               | any other                                   | position and length       |
 * | `ID_ABSENT`             | no id at all (an account that is missing)   | 0                         |
 *
 * A long id's words are a position and a length in bytes kept elsewhere: by whoever decoded the
 * event, or by a table in its arena.
 */

export const ID_UUID = 17;
export const ID_LONG = 18;
export const ID_ABSENT = 19;
export const ID_DIGITS = 32;
/** Kinds are below this; the bits above hold the flags. */
export const ID_KIND_MASK = 0x3f;
/** The text holds `"`, `\` or a control character: JSON needs escapes for it. */
export const ID_NEEDS_ESCAPE = 0x40;
/** The id came as a JSON integer and is written as one. */
export const ID_IS_INTEGER = 0x80;

/** Bytes of an id's text, at most, by the contract. An account may have none at all. */
export const DEVICE_BYTES_MAX = 256;
export const SESSION_BYTES_MAX = 128;
export const ACCOUNT_BYTES_MAX = 128;

/** Words of the three packed ids of a row or an event: device, session, account. */
export const ID_WORDS = 12;
export const SESSION_ID_WORD = 4;
export const ACCOUNT_ID_WORD = 8;

const INLINE_BYTES_MAX = 16;
const DIGITS_BYTES_MAX = 32;
const DASH = 0x2d;
const NIBBLE_DASH = 10;

/** Value of a lower-case hexadecimal digit, 255 for any other byte. */
const HEX_VALUE = new Uint8Array(256).fill(255);
/** The two hexadecimal digits of a byte, low byte first. */
const HEX_PAIR = new Uint16Array(256);
for (let value = 0; value < 16; value++) HEX_VALUE[value.toString(16).charCodeAt(0)] = value;
for (let value = 0; value < 256; value++) {
  const text = value.toString(16).padStart(2, "0");
  HEX_PAIR[value] = text.charCodeAt(0) | (text.charCodeAt(1) << 8);
}

/** Reinterprets four words as bytes; little endian is asserted below. */
const scratchWords = new Int32Array(4);
const scratchBytes = new Uint8Array(scratchWords.buffer);

/**
 * Packs `bytes[from, to)` into `words[at, at + 4)`.
 *
 * @returns the kind, with `ID_NEEDS_ESCAPE` set where it applies. For `ID_LONG` the first two words
 * are `from` and the length in bytes; the caller keeps the bytes.
 */
export function packId(
  bytes: Uint8Array,
  from: number,
  to: number,
  words: Int32Array,
  at: number,
): number {
  const length = to - from;
  if (length === 36 && packUuid(bytes, from)) {
    storeScratch(words, at);
    return ID_UUID;
  }
  if (length <= INLINE_BYTES_MAX) {
    let flags = 0;
    clearScratch();
    for (let i = 0; i < length; i++) {
      const byte = bytes[from + i]!;
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c) flags = ID_NEEDS_ESCAPE;
      scratchBytes[i] = byte;
    }
    storeScratch(words, at);
    return length | flags;
  }
  if (length <= DIGITS_BYTES_MAX && packDigits(bytes, from, length)) {
    storeScratch(words, at);
    return ID_DIGITS + length - INLINE_BYTES_MAX - 1;
  }
  let flags = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) flags = ID_NEEDS_ESCAPE;
  }
  words[at] = from;
  words[at + 1] = length;
  words[at + 2] = 0;
  words[at + 3] = 0;
  return ID_LONG | flags;
}

/**
 * Writes the text of a packed id that is not long to `out` at `position`.
 *
 * @returns the position after it. The caller has made room for 36 bytes.
 */
export function unpackShortId(
  kind: number,
  words: Int32Array,
  at: number,
  out: Uint8Array,
  position: number,
): number {
  const form = kind & ID_KIND_MASK;
  if (form === ID_UUID) return unpackUuid(words, at, out, position);
  if (form <= INLINE_BYTES_MAX) {
    for (let i = 0; i < form; i++) {
      out[position + i] = words[at + (i >> 2)]! >>> ((i & 3) << 3);
    }
    return position + form;
  }
  if (form === ID_ABSENT) return position;
  const length = form - ID_DIGITS + INLINE_BYTES_MAX + 1;
  for (let i = 0; i < length; i++) {
    const nibble = (words[at + (i >> 3)]! >>> ((i & 7) << 2)) & 15;
    out[position + i] = nibble === NIBBLE_DASH ? DASH : 0x30 + nibble;
  }
  return position + length;
}

/** Joins the kinds of device, session and account id into the form that `setIds` takes. */
export function joinKinds(device: number, session: number, account: number): number {
  return (device << 8) | (session << 16) | (account << 24);
}

/** The kinds of ids whose JSON text is their bytes as they are. */
export function isPlainText(kind: number): boolean {
  return (kind & ID_NEEDS_ESCAPE) === 0;
}

export function isAbsent(kind: number): boolean {
  return (kind & ID_KIND_MASK) === ID_ABSENT;
}

/** A 32-bit hash of a packed id that is not long. `seed` tells tables apart. */
export function hashShortId(kind: number, words: Int32Array, at: number, seed: number): number {
  let hash = Math.imul(seed ^ (kind & ID_KIND_MASK), 0x9e3779b1);
  hash = mixWord(hash, words[at]!);
  hash = mixWord(hash, words[at + 1]!);
  hash = mixWord(hash, words[at + 2]!);
  hash = mixWord(hash, words[at + 3]!);
  return finishHash(hash);
}

/** The same for the bytes of a long id. */
export function hashLongId(bytes: Uint8Array, from: number, length: number, seed: number): number {
  let hash = Math.imul(seed ^ ID_LONG, 0x9e3779b1);
  const wordsEnd = from + (length & ~3);
  let i = from;
  for (; i < wordsEnd; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash = mixWord(hash, word);
  }
  let tail = length;
  for (; i < from + length; i++) tail = (tail << 8) | bytes[i]!;
  return finishHash(mixWord(hash, tail));
}

/** MurmurHash3's block step (Appleby, public domain). */
export function mixWord(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** MurmurHash3's finaliser. */
export function finishHash(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function packUuid(bytes: Uint8Array, from: number): boolean {
  let invalid = 0;
  let p = from;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) {
      if (bytes[p++] !== DASH) return false;
    }
    const high = HEX_VALUE[bytes[p]!]!;
    const low = HEX_VALUE[bytes[p + 1]!]!;
    invalid |= high | low;
    scratchBytes[i] = (high << 4) | (low & 15);
    p += 2;
  }
  return invalid < 16;
}

function unpackUuid(words: Int32Array, at: number, out: Uint8Array, position: number): number {
  let p = position;
  for (let w = 0; w < 4; w++) {
    const word = words[at + w]!;
    const a = HEX_PAIR[word & 255]!;
    const b = HEX_PAIR[(word >>> 8) & 255]!;
    const c = HEX_PAIR[(word >>> 16) & 255]!;
    const d = HEX_PAIR[word >>> 24]!;
    out[p] = a;
    out[p + 1] = a >>> 8;
    out[p + 2] = b;
    out[p + 3] = b >>> 8;
    p += 4;
    if (w === 1 || w === 2) out[p++] = DASH;
    out[p] = c;
    out[p + 1] = c >>> 8;
    out[p + 2] = d;
    out[p + 3] = d >>> 8;
    p += 4;
    if (w === 0 || w === 1) out[p++] = DASH;
  }
  return p;
}

function packDigits(bytes: Uint8Array, from: number, length: number): boolean {
  clearScratch();
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i]!;
    let nibble = byte - 0x30;
    if (byte === DASH && i === 0) nibble = NIBBLE_DASH;
    else if (nibble < 0 || nibble > 9) return false;
    scratchWords[i >> 3] = scratchWords[i >> 3]! | (nibble << ((i & 7) << 2));
  }
  return true;
}

/** (`fill` is a call out of compiled code, which costs more than this.) */
function clearScratch(): void {
  scratchWords[0] = 0;
  scratchWords[1] = 0;
  scratchWords[2] = 0;
  scratchWords[3] = 0;
}

function storeScratch(words: Int32Array, at: number): void {
  words[at] = scratchWords[0]!;
  words[at + 1] = scratchWords[1]!;
  words[at + 2] = scratchWords[2]!;
  words[at + 3] = scratchWords[3]!;
}
