import type { SessionRows } from "./session_rows.ts";

/**
 * The order of the sessions of one device: by order key, then by the id's text as UTF-8 bytes.
 *
 * @returns negative, zero or positive as the session in row `a` is older than, the same as, or
 * newer than the one in row `b`.
 */
export function compareOrder(rows: SessionRows, a: number, b: number): number {
  const difference = rows.orderKey(a) - rows.orderKey(b);
  if (difference !== 0) return difference;
  const lengthA = rows.writeSession(a, textA, 0);
  const lengthB = rows.writeSession(b, textB, 0);
  const common = Math.min(lengthA, lengthB);
  for (let i = 0; i < common; i++) {
    const byte = textA[i]! - textB[i]!;
    if (byte !== 0) return byte;
  }
  return lengthA - lengthB;
}

/** Session ids hold at most 128 bytes. */
const textA = new Uint8Array(128);
const textB = new Uint8Array(128);
