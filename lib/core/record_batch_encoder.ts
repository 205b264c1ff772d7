import { writeInt16, writeInt32, writeInt64 } from "./big_endian.ts";
import { crc32c } from "./crc32c.ts";
import * as layout from "./record_batch_layout.ts";
import { varintSize, writeVarint } from "./varint.ts";

export interface RecordBatchInput {
  readonly baseOffset: number;
  /** -1, -1 and -1 for a producer that is not idempotent. */
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  /** At least one. */
  readonly records: readonly RecordInput[];
  /** Transactional, control and time bits (record_batch_layout.ts); default 0. */
  readonly attributes?: number;
  /** Codec number and function over the records, for a compressed batch. */
  readonly compression?: {
    readonly codec: number;
    readonly compress: (records: Uint8Array) => Uint8Array;
  };
}

export interface RecordInput {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeaderInput[];
}

export interface RecordHeaderInput {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/**
 * One record batch, magic 2, complete with checksum; the records get consecutive offsets.
 *
 * The plain way, for the few: dead letters, logs in memory, tests. About 0.5 µs a record. (The
 * engine's own batches are built by patching bytes.)
 */
export function encodeRecordBatch(input: RecordBatchInput): Uint8Array<ArrayBuffer> {
  const { records, compression } = input;
  const baseTimestampMs = records[0]?.timestampMs ?? -1;
  let maxTimestampMs = baseTimestampMs;
  let recordsSize = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs);
    const bodySize = recordBodySize(record, i, baseTimestampMs);
    recordsSize += varintSize(bodySize) + bodySize;
  }
  let bytes = new Uint8Array(layout.RECORDS_AT + recordsSize);
  let at = layout.RECORDS_AT;
  for (let i = 0; i < records.length; i++) {
    at = writeRecord(bytes, at, records[i]!, i, baseTimestampMs);
  }
  let attributes = input.attributes ?? 0;
  if (compression !== undefined) {
    const compressed = compression.compress(bytes.subarray(layout.RECORDS_AT));
    bytes = new Uint8Array(layout.RECORDS_AT + compressed.length);
    bytes.set(compressed, layout.RECORDS_AT);
    attributes |= compression.codec;
  }
  writeInt64(bytes, layout.BASE_OFFSET_AT, input.baseOffset);
  writeInt32(bytes, layout.LENGTH_AT, bytes.length - layout.LOG_OVERHEAD_BYTES);
  writeInt32(bytes, layout.LEADER_EPOCH_AT, 0); // the broker writes its own
  bytes[layout.MAGIC_AT] = 2;
  writeInt16(bytes, layout.ATTRIBUTES_AT, attributes);
  writeInt32(bytes, layout.LAST_OFFSET_DELTA_AT, Math.max(0, records.length - 1));
  writeInt64(bytes, layout.BASE_TIMESTAMP_AT, baseTimestampMs);
  writeInt64(bytes, layout.MAX_TIMESTAMP_AT, maxTimestampMs);
  writeInt64(bytes, layout.PRODUCER_ID_AT, input.producerId);
  writeInt16(bytes, layout.PRODUCER_EPOCH_AT, input.epoch);
  writeInt32(bytes, layout.BASE_SEQUENCE_AT, input.baseSequence);
  writeInt32(bytes, layout.RECORD_COUNT_AT, records.length);
  sealRecordBatch(bytes);
  return bytes;
}

/** Writes the checksum of a batch whose other bytes are final. */
export function sealRecordBatch(batch: Uint8Array): void {
  writeInt32(batch, layout.CRC_AT, crc32c(batch, layout.ATTRIBUTES_AT, batch.length));
}

function recordBodySize(record: RecordInput, index: number, baseTimestampMs: number): number {
  let size = 1 + varintSize(record.timestampMs - baseTimestampMs) + varintSize(index) +
    fieldSize(record.key) + fieldSize(record.value) + varintSize(record.headers.length);
  for (const header of record.headers) size += fieldSize(header.key) + fieldSize(header.value);
  return size;
}

function fieldSize(field: Uint8Array | null): number {
  return field === null ? 1 : varintSize(field.length) + field.length;
}

function writeRecord(
  bytes: Uint8Array,
  from: number,
  record: RecordInput,
  index: number,
  baseTimestampMs: number,
): number {
  let at = writeVarint(bytes, from, recordBodySize(record, index, baseTimestampMs));
  bytes[at++] = 0; // attributes of the record, unused
  at = writeVarint(bytes, at, record.timestampMs - baseTimestampMs);
  at = writeVarint(bytes, at, index);
  at = writeField(bytes, at, record.key);
  at = writeField(bytes, at, record.value);
  at = writeVarint(bytes, at, record.headers.length);
  for (const header of record.headers) {
    at = writeField(bytes, at, header.key);
    at = writeField(bytes, at, header.value);
  }
  return at;
}

function writeField(bytes: Uint8Array, from: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(bytes, from, -1);
  const at = writeVarint(bytes, from, field.length);
  bytes.set(field, at);
  return at + field.length;
}
