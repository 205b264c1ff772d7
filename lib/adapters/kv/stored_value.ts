import { crc32c } from "../../core/crc32c.ts";

/** What a stored value says it is; part of the bytes that its CRC covers. */
export interface StoredValueName {
  readonly kind: "chunk" | "manifest";
  readonly shard: number;
  readonly generation: number;
  /** Of a chunk: its place. Of a manifest: the number of chunks it stands for. */
  readonly index: number;
}

export interface StoredValue extends StoredValueName {
  /** A view into the stored bytes. */
  readonly payload: Uint8Array;
}

/**
 * Bytes in front of the payload, big-endian: CRC-32C of all that follows (u32), kind (u32),
 * shard (u32), index (u32), generation (f64).
 */
export const STORED_VALUE_HEADER_BYTES = 24;

const KINDS = ["chunk", "manifest"] as const;

/**
 * Puts the payload into an envelope that names it, so that a value which is whole but lies under
 * another key (SQLite followed a damaged page pointer) is noticed as well as a flipped bit.
 */
export function encodeStoredValue(name: StoredValueName, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(STORED_VALUE_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, KINDS.indexOf(name.kind));
  view.setUint32(8, name.shard);
  view.setUint32(12, name.index);
  view.setFloat64(16, name.generation);
  bytes.set(payload, STORED_VALUE_HEADER_BYTES);
  view.setUint32(0, crc32c(bytes, 4, bytes.length));
  return bytes;
}

/** Opens the envelope, or returns null when the value is not what was once stored. */
export function decodeStoredValue(value: unknown): StoredValue | null {
  if (!(value instanceof Uint8Array) || value.length < STORED_VALUE_HEADER_BYTES) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0) !== crc32c(value, 4, value.length)) return null;
  const kind = KINDS[view.getUint32(4)];
  if (kind === undefined) return null;
  return {
    kind,
    shard: view.getUint32(8),
    index: view.getUint32(12),
    generation: view.getFloat64(16),
    payload: value.subarray(STORED_VALUE_HEADER_BYTES),
  };
}
