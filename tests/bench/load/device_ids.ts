/**
 * The ids of session number n, derived from n alone: no table of four million texts is needed, and
 * whoever reads a record back knows from its UUID which session it is about.
 *
 * A UUID is four words: three are hashes of n, the last is a bijection of n (the finaliser of
 * MurmurHash3, which can be undone). Hashes are checked on the way back, so a damaged id is seen.
 */

/** Session ids are 10 digits: this plus n. */
export const SESSION_ID_BASE = 9_000_000_000;

export const UUID_BYTES = 36;
export const SESSION_ID_BYTES = 10;
/** `xxxxxxxx-xxxx`, as account ids of the field look. */
export const ACCOUNT_ID_BYTES = 13;

export class DeviceIds {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = mix(seed ^ 0x5bd1e995);
  }

  /** Writes the UUID of session `n`; returns the position after it. */
  writeUuid(out: Uint8Array, position: number, n: number): number {
    const b = this.#hash(n, 1);
    const c = this.#hash(n, 2);
    writeHex(out, position, this.#hash(n, 0), 28, 8);
    out[position + 8] = DASH;
    writeHex(out, position + 9, b, 28, 4);
    out[position + 13] = DASH;
    writeHex(out, position + 14, b, 12, 4);
    out[position + 18] = DASH;
    writeHex(out, position + 19, c, 28, 4);
    out[position + 23] = DASH;
    writeHex(out, position + 24, c, 12, 4);
    writeHex(out, position + 28, mix(n ^ this.#seed), 28, 8);
    return position + UUID_BYTES;
  }

  /** The number whose UUID lies at `position`, or -1 where it is none of ours. */
  readUuid(bytes: Uint8Array, position: number): number {
    const n = (unmix(readHex(bytes, position + 28, 8)) ^ this.#seed) >>> 0;
    const b = this.#hash(n, 1);
    const c = this.#hash(n, 2);
    const whole = readHex(bytes, position, 8) === this.#hash(n, 0) &&
      bytes[position + 8] === DASH &&
      readHex(bytes, position + 9, 4) === b >>> 16 &&
      bytes[position + 13] === DASH &&
      readHex(bytes, position + 14, 4) === (b & 0xffff) &&
      bytes[position + 18] === DASH &&
      readHex(bytes, position + 19, 4) === c >>> 16 &&
      bytes[position + 23] === DASH &&
      readHex(bytes, position + 24, 4) === (c & 0xffff);
    return whole ? n : -1;
  }

  writeAccount(out: Uint8Array, position: number, n: number): number {
    const word = this.#hash(n, 3);
    writeHex(out, position, word, 28, 8);
    out[position + 8] = DASH;
    writeHex(out, position + 9, Math.imul(word, 0x9e3779b1), 28, 4);
    return position + ACCOUNT_ID_BYTES;
  }

  isAccount(bytes: Uint8Array, position: number, n: number): boolean {
    const word = this.#hash(n, 3);
    return readHex(bytes, position, 8) === word && bytes[position + 8] === DASH &&
      readHex(bytes, position + 9, 4) === Math.imul(word, 0x9e3779b1) >>> 16;
  }

  /** How far the device's clock is behind the record's timestamp: 1 to 1,000 ms. */
  clockBehindMs(n: number): number {
    return 1 + (this.#hash(n, 4) >>> 8) % 1000;
  }

  /** Signed, as `readHex` of eight digits is. */
  #hash(n: number, which: number): number {
    return mix(mix(n + Math.imul(which + 1, 0x9e3779b1)) ^ this.#seed);
  }
}

export function writeSessionId(out: Uint8Array, position: number, n: number): number {
  let rest = SESSION_ID_BASE + n;
  for (let i = SESSION_ID_BYTES - 1; i >= 0; i--) {
    const quotient = Math.floor(rest / 10);
    out[position + i] = 0x30 + rest - quotient * 10;
    rest = quotient;
  }
  return position + SESSION_ID_BYTES;
}

function writeHex(
  out: Uint8Array,
  position: number,
  word: number,
  shift: number,
  digits: number,
): void {
  for (let i = 0; i < digits; i++) out[position + i] = HEX[(word >>> (shift - 4 * i)) & 15]!;
}

/** The number of so many lower-case hexadecimal digits, signed for eight; any other byte spoils it. */
function readHex(bytes: Uint8Array, position: number, digits: number): number {
  let word = 0;
  for (let i = 0; i < digits; i++) word = (word << 4) ^ HEX_VALUE[bytes[position + i]!]!;
  return word;
}

const DASH = 0x2d;
const HEX = new TextEncoder().encode("0123456789abcdef");
const HEX_VALUE = new Uint8Array(256).fill(0x5a);
for (let value = 0; value < 16; value++) HEX_VALUE[HEX[value]!] = value;

/** MurmurHash3's finaliser (Appleby, public domain). */
function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Its inverse: the multipliers are the modular inverses. */
function unmix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x7ed1b41d);
  h = Math.imul(h ^ (h >>> 13) ^ (h >>> 26), 0xa5cb9243);
  return h ^ (h >>> 16);
}
