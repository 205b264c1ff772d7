/**
 * Length in bytes (2, 3 or 4) of the well-formed UTF-8 sequence at `bytes[at]`, whose first byte
 * is not ASCII; 0 when it is not well-formed or does not end before `to`.
 *
 * Well-formed as in the Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
export function utf8SequenceBytes(bytes: Uint8Array, at: number, to: number): number {
  const lead = bytes[at]!;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (at + 1 >= to) return 0;
  const second = bytes[at + 1]!;
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  if (at + 2 >= to || !isContinuation(bytes[at + 2]!)) return 0;
  if (lead < 0xf0) {
    const lowest = lead === 0xe0 ? 0xa0 : 0x80;
    const highest = lead === 0xed ? 0x9f : 0xbf;
    return second >= lowest && second <= highest ? 3 : 0;
  }
  if (at + 3 >= to || !isContinuation(bytes[at + 3]!)) return 0;
  const lowest = lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xf4 ? 0x8f : 0xbf;
  return second >= lowest && second <= highest ? 4 : 0;
}

/**
 * Writes a code point that is not a surrogate as UTF-8.
 *
 * @returns the position after it.
 */
export function writeUtf8(codePoint: number, out: Uint8Array, at: number): number {
  if (codePoint < 0x80) {
    out[at] = codePoint;
    return at + 1;
  }
  if (codePoint < 0x800) {
    out[at] = 0xc0 | (codePoint >> 6);
    out[at + 1] = 0x80 | (codePoint & 63);
    return at + 2;
  }
  if (codePoint < 0x10000) {
    out[at] = 0xe0 | (codePoint >> 12);
    out[at + 1] = 0x80 | ((codePoint >> 6) & 63);
    out[at + 2] = 0x80 | (codePoint & 63);
    return at + 3;
  }
  out[at] = 0xf0 | (codePoint >> 18);
  out[at + 1] = 0x80 | ((codePoint >> 12) & 63);
  out[at + 2] = 0x80 | ((codePoint >> 6) & 63);
  out[at + 3] = 0x80 | (codePoint & 63);
  return at + 4;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
