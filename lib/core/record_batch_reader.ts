/**
 * Reads the record batches of a fetch in place, whatever the bytes hold.
 *
 * Layout: Kafka's message format, magic 2 (`DefaultRecordBatch`, `DefaultRecord`). A batch is
 * looked at as a whole before its first record is given out: its checksum, the decompression, and
 * every length in it. So a batch is either given with all of its records or reported as
 * undecodable, never half of it; the pass that makes sure costs 30 ns a record of 180, CRC included
 * (tests/bench/record_batch_reader_bench.ts).
 *
 * ```ts
 * reader.reset(records);
 * while (reader.nextBatch()) {
 *   if (reader.undecodable !== null) { …one dead letter for reader.batchBytes()…; continue; }
 *   while (reader.nextRecord()) { …reader.bytes, reader.valueFrom, reader.valueTo… }
 * }
 * ```
 *
 * Nothing is allocated per record. Nothing throws, and the work is bounded by the bytes given
 * and by `decompressedBytesMax` per batch.
 */

import { readInt16, readInt32, readInt64 } from "./big_endian.ts";
import { crc32c } from "./crc32c.ts";
import { type Decompress, DecompressError } from "./decompress.ts";
import { RecordHeaderReader } from "./record_header_reader.ts";
import * as layout from "./record_batch_layout.ts";
import { VarintReader } from "./varint.ts";

/** Why a batch cannot be decoded. */
export type UndecodableReason =
  /** A message of the formats before magic 2, or of one to come. */
  | "magic"
  /** The length field cannot be true: where the next batch begins is unknown, so this is the last. */
  | "framing"
  /** The CRC-32C is not that of the bytes. Fetching again may help: bytes can break on the way. */
  | "checksum"
  | "unknown_codec"
  /** The codec says that its input is broken. */
  | "decompression"
  /** Decompressed, it is larger than allowed. */
  | "too_large"
  /** Counts, offsets or lengths inside contradict each other. */
  | "records";

export interface RecordBatchReaderOptions {
  readonly decompress: Decompress;
  /** Most bytes the records of one batch may take when decompressed. */
  readonly decompressedBytesMax: number;
}

/** Bytes of the smallest message there ever was: magic 0, null key, null value. */
const MESSAGE_BYTES_MIN = 14;

export class RecordBatchReader {
  // The batch. Valid after `nextBatch` returned true.
  /** First byte of the batch in the record set, and the byte after its last. */
  batchFrom = 0;
  batchTo = 0;
  baseOffset = 0;
  /** Offset of the last record of the batch, also where compaction removed it. */
  lastOffset = 0;
  /** As the batch says; what it is worth in an undecodable batch nobody knows. */
  recordCount = 0;
  codec = 0;
  isControl = false;
  isTransactional = false;
  isLogAppendTime = false;
  baseTimestampMs = 0;
  maxTimestampMs = 0;
  /** -1: not idempotent. */
  producerId = -1;
  producerEpoch = -1;
  baseSequence = -1;
  /** Null when the batch's records can be read. */
  undecodable: UndecodableReason | null = null;
  /** A sentence about it; empty when there is no more to say than the reason. */
  undecodableDetail = "";

  // The record. Valid after `nextRecord` returned true.
  /** What the ranges below point into: the record set, or the decompressed records. */
  bytes: Uint8Array = EMPTY;
  offset = 0;
  timestampMs = 0;
  /** -1 and -1 when the key is null. */
  keyFrom = -1;
  keyTo = -1;
  /** -1 and -1 when the value is null. */
  valueFrom = -1;
  valueTo = -1;
  headersFrom = 0;
  headersTo = 0;
  headerCount = 0;

  readonly #decompress: Decompress;
  readonly #decompressedBytesMax: number;
  readonly #varints = new VarintReader();
  readonly #headers = new RecordHeaderReader();
  #set: Uint8Array = EMPTY;
  #nextBatchAt = 0;
  #recordsFrom = 0;
  #recordsLeft = 0;
  #lastOffsetDelta = 0;

  constructor(options: RecordBatchReaderOptions) {
    this.#decompress = options.decompress;
    this.#decompressedBytesMax = options.decompressedBytesMax;
  }

  /** Starts over with a record set, which may be cut off at its end. */
  reset(records: Uint8Array): void {
    this.#set = records;
    this.bytes = records;
    this.#nextBatchAt = 0;
    this.#recordsLeft = 0;
    this.undecodable = null;
  }

  /**
   * Bytes of the set that whole batches take, as far as they were walked. After `nextBatch`
   * returned false, what lies behind is the beginning of a batch that was cut off.
   */
  get wholeBytes(): number {
    return this.#nextBatchAt;
  }

  /** The batch as it came. */
  batchBytes(): Uint8Array {
    return this.#set.subarray(this.batchFrom, this.batchTo);
  }

  /** Goes to the next whole batch; false when there is none. */
  nextBatch(): boolean {
    const set = this.#set;
    const from = this.#nextBatchAt;
    this.#recordsLeft = 0;
    if (from + layout.LOG_OVERHEAD_BYTES > set.length) return false;
    const length = readInt32(set, from + layout.LENGTH_AT);
    if (length < MESSAGE_BYTES_MIN) {
      this.#startBatch(from, set.length);
      return this.#giveUp("framing", `length ${length}`);
    }
    const to = from + layout.LOG_OVERHEAD_BYTES + length;
    if (to > set.length) return false;
    this.#startBatch(from, to);
    const magic = set[from + layout.MAGIC_AT]!;
    if (magic !== 2) return this.#giveUp("magic", `magic ${magic}`);
    if (to - from < layout.RECORDS_AT) return this.#giveUp("records", `length ${length}`);
    this.#readHeader(from);
    const checksum = crc32c(set, from + layout.ATTRIBUTES_AT, to);
    if (checksum !== readInt32(set, from + layout.CRC_AT) >>> 0) return this.#giveUp("checksum");
    if (!this.#findRecords(from + layout.RECORDS_AT, to)) return true;
    if (!this.#areRecordsWhole()) return this.#giveUp("records", this.undecodableDetail);
    this.rewindRecords();
    return true;
  }

  /** Goes to the next record of the batch; false when there is none, or none can be read. */
  nextRecord(): boolean {
    if (this.#recordsLeft === 0) return false;
    this.#recordsLeft--;
    return this.#readRecord();
  }

  /** Goes back to before the first record of the batch. */
  rewindRecords(): void {
    this.#recordsLeft = this.undecodable === null ? this.recordCount : 0;
    this.#varints.position = this.#recordsFrom;
  }

  /**
   * Of a record in a control batch: 0 for an abort marker, 1 for a commit marker, others are
   * Kafka's own affairs. -1 when the key is none of a control record.
   */
  controlType(): number {
    if (!this.isControl || this.keyTo - this.keyFrom < 4) return -1;
    return readInt16(this.bytes, this.keyFrom + 2);
  }

  #startBatch(from: number, to: number): void {
    this.batchFrom = from;
    this.batchTo = to;
    this.#nextBatchAt = to;
    this.bytes = this.#set;
    this.baseOffset = readInt64(this.#set, from + layout.BASE_OFFSET_AT);
    this.lastOffset = this.baseOffset;
    this.recordCount = 1;
    this.codec = 0;
    this.isControl = false;
    this.isTransactional = false;
    this.isLogAppendTime = false;
    this.baseTimestampMs = -1;
    this.maxTimestampMs = -1;
    this.producerId = -1;
    this.producerEpoch = -1;
    this.baseSequence = -1;
    this.undecodable = null;
    this.undecodableDetail = "";
  }

  #readHeader(from: number): void {
    const set = this.#set;
    const attributes = readInt16(set, from + layout.ATTRIBUTES_AT);
    this.codec = attributes & layout.ATTRIBUTE_CODEC_MASK;
    this.isControl = (attributes & layout.ATTRIBUTE_CONTROL) !== 0;
    this.isTransactional = (attributes & layout.ATTRIBUTE_TRANSACTIONAL) !== 0;
    this.isLogAppendTime = (attributes & layout.ATTRIBUTE_LOG_APPEND_TIME) !== 0;
    this.#lastOffsetDelta = readInt32(set, from + layout.LAST_OFFSET_DELTA_AT);
    this.lastOffset = this.baseOffset + Math.max(0, this.#lastOffsetDelta);
    this.baseTimestampMs = readInt64(set, from + layout.BASE_TIMESTAMP_AT);
    this.maxTimestampMs = readInt64(set, from + layout.MAX_TIMESTAMP_AT);
    this.producerId = readInt64(set, from + layout.PRODUCER_ID_AT);
    this.producerEpoch = readInt16(set, from + layout.PRODUCER_EPOCH_AT);
    this.baseSequence = readInt32(set, from + layout.BASE_SEQUENCE_AT);
    this.recordCount = Math.max(0, readInt32(set, from + layout.RECORD_COUNT_AT));
  }

  /** Sets `bytes` and where the records begin and end in them; false when that fails. */
  #findRecords(from: number, to: number): boolean {
    // Compaction may leave the header of a batch without records, compressed or not.
    if (this.codec === 0 || from === to) {
      this.#varints.reset(this.#set, from, to);
      this.#recordsFrom = from;
      return true;
    }
    try {
      const compressed = this.#set.subarray(from, to);
      this.bytes = this.#decompress(this.codec, compressed, this.#decompressedBytesMax);
    } catch (error) {
      const code = error instanceof DecompressError ? error.code : "corrupt";
      this.#giveUp(
        code === "corrupt" ? "decompression" : code,
        error instanceof Error ? error.message : String(error),
      );
      return false;
    }
    this.#varints.reset(this.bytes, 0, this.bytes.length);
    this.#recordsFrom = 0;
    return true;
  }

  /** Walks all records once, headers too. */
  #areRecordsWhole(): boolean {
    const count = readInt32(this.#set, this.batchFrom + layout.RECORD_COUNT_AT);
    if (count < 0 || this.#lastOffsetDelta < 0) {
      this.undecodableDetail = `${count} records, last offset delta ${this.#lastOffsetDelta}`;
      return false;
    }
    let offsetBefore = this.baseOffset - 1;
    for (let i = 0; i < count; i++) {
      const whole = this.#readRecord() && this.#areHeadersWhole() &&
        this.offset > offsetBefore && this.offset <= this.lastOffset;
      if (!whole) {
        this.undecodableDetail = `record ${i} of ${count}`;
        return false;
      }
      offsetBefore = this.offset;
    }
    if (this.#varints.position !== this.#varints.end) {
      this.undecodableDetail = `bytes after record ${count} of ${count}`;
      return false;
    }
    return true;
  }

  #areHeadersWhole(): boolean {
    if (this.headerCount === 0) return this.headersFrom === this.headersTo;
    // Each takes at least two bytes, so that a count alone cannot keep us busy.
    if (this.headerCount * 2 > this.headersTo - this.headersFrom) return false;
    const headers = this.#headers;
    headers.reset(this.bytes, this.headersFrom, this.headersTo, this.headerCount);
    while (headers.next());
    return headers.isWhole;
  }

  /** Reads one record at the varint reader's position; false when it runs out of its bounds. */
  #readRecord(): boolean {
    const varints = this.#varints;
    const length = varints.read();
    const end = varints.position + length;
    if (varints.failed || length < 0 || end > varints.end) return false;
    varints.position++; // attributes of the record, unused
    const timestampDelta = varints.read();
    const offsetDelta = varints.read();
    const keyLength = varints.read();
    this.keyFrom = keyLength < 0 ? -1 : varints.position;
    this.keyTo = keyLength < 0 ? -1 : varints.position += keyLength;
    const valueLength = varints.read();
    this.valueFrom = valueLength < 0 ? -1 : varints.position;
    this.valueTo = valueLength < 0 ? -1 : varints.position += valueLength;
    this.headerCount = varints.read();
    this.headersFrom = varints.position;
    this.headersTo = end;
    if (varints.failed || varints.position > end || this.headerCount < 0) return false;
    varints.position = end;
    this.offset = this.baseOffset + offsetDelta;
    this.timestampMs = this.isLogAppendTime
      ? this.maxTimestampMs
      : this.baseTimestampMs + timestampDelta;
    return true;
  }

  #giveUp(reason: UndecodableReason, detail = ""): true {
    this.undecodable = reason;
    this.undecodableDetail = detail;
    return true;
  }
}

const EMPTY = new Uint8Array(0);
