/**
 * Zigzag varints, the integers inside Kafka's records: seven bits a byte, least significant first,
 * the top bit set on all but the last; the lowest bit of the whole is the sign.
 *
 * Numbers here are doubles: everything from -2^53 to 2^53 is exact, in both directions, without
 * BigInt. Nothing allocates.
 */

/** Bytes of the longest varint that carries 64 bits. */
export const VARINT_BYTES_MAX = 10;

/**
 * Writes `value`, a whole number within ±2^53, at `position` and returns the position after it.
 * The caller has made room for `varintSize(value)` bytes, at most 8.
 */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let at = position;
  if (value >= -0x40000000 && value < 0x40000000) {
    let rest = (value << 1) ^ (value >> 31);
    for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
    bytes[at++] = rest;
    return at;
  }
  // Beyond 31 bits: zigzag the first byte by hand, since 2·value need not be exact.
  const magnitude = value < 0 ? -value - 1 : value;
  bytes[at++] = ((magnitude % 64) * 2 + (value < 0 ? 1 : 0)) | 128;
  let rest = Math.floor(magnitude / 64);
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
  bytes[at++] = rest;
  return at;
}

/** How many bytes `writeVarint` takes for `value`: 1 to 8. */
export function varintSize(value: number): number {
  const magnitude = value < 0 ? -value - 1 : value;
  if (magnitude < 64) return 1;
  if (magnitude < 8192) return 2;
  if (magnitude < 1048576) return 3;
  if (magnitude < 134217728) return 4;
  let size = 5;
  for (let limit = 2 ** 34; magnitude >= limit; limit *= 128) size++;
  return size;
}

/**
 * Reads varints one after the other from a range of bytes, whatever those hold.
 *
 * A varint that runs past the end of the range or past ten bytes sets `failed` and reads as 0,
 * and so does every one after it: the caller may look once, after a whole record.
 */
export class VarintReader {
  bytes: Uint8Array = new Uint8Array(0);
  /** Index in `bytes` of the next byte to read. */
  position = 0;
  /** Index after the last byte that may be read. */
  end = 0;
  failed = false;

  /** Starts over at `bytes[from, to)`. */
  reset(bytes: Uint8Array, from: number, to: number): void {
    this.bytes = bytes;
    this.position = from;
    this.end = to;
    this.failed = false;
  }

  /** The next integer; one beyond ±2^53 comes out as the nearest double. */
  read(): number {
    const at = this.position;
    if (at < this.end && !this.failed) {
      // `!`: below `end`, which lies within `bytes`.
      const first = this.bytes[at]!;
      if (first < 128) {
        this.position = at + 1;
        return (first >>> 1) ^ -(first & 1);
      }
      if (at + 1 < this.end) {
        const second = this.bytes[at + 1]!;
        if (second < 128) {
          this.position = at + 2;
          const zigzag = (first & 127) | (second << 7);
          return (zigzag >>> 1) ^ -(zigzag & 1);
        }
      }
    }
    return this.#readLong();
  }

  #readLong(): number {
    let at = this.position;
    const end = Math.min(this.end, at + VARINT_BYTES_MAX);
    if (this.failed || at >= end) return this.#fail();
    let byte = this.bytes[at++]!;
    const negative = (byte & 1) === 1;
    let magnitude = (byte & 127) >>> 1;
    for (let weight = 64; byte >= 128; weight *= 128) {
      if (at >= end) return this.#fail();
      byte = this.bytes[at++]!;
      magnitude += (byte & 127) * weight;
    }
    this.position = at;
    return negative ? -magnitude - 1 : magnitude;
  }

  #fail(): number {
    this.failed = true;
    return 0;
  }
}
