import { crc32c } from "./crc32c.ts";
import { invariant } from "./invariant.ts";
import {
  REASON_ENDED,
  REASON_SUPERSEDED,
  REASON_TIMEOUT,
  type RecordDraft,
  STATUS_END,
  STATUS_HEARTBEAT,
  TIME_AT,
  TIME_CLOCK,
  TIME_EMITTED,
  TIME_SOURCE,
} from "./record_draft.ts";
import { RECORD_BYTES_MAX, type RecordLayout } from "./record_layout.ts";
import type { RecordSink } from "./record_sink.ts";
import type { SessionRows } from "./session_rows.ts";
import { varintSize, writeVarint } from "./varint.ts";

/**
 * Builds one Kafka record batch (magic 2, KIP-98) straight from session rows: no object and no
 * string per record. The last record carries one header, `sw-position`.
 *
 * Call order: `begin`, any number of `append`, `finish`; `bytes` then stay as they are until the
 * next `begin`. Base offset and partition leader epoch are the broker's to set.
 */
export class BatchBuilder implements RecordSink {
  readonly #layout: RecordLayout;
  readonly #batchBytesMax: number;
  #buffer: Uint8Array;
  #view: DataView;
  #length = HEADER_BYTES;
  /** Batches in a row that filled less than an eighth of the buffer. */
  #smallBatches = 0;
  #count = 0;
  #lastRecordAt = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;
  /** Bytes that `finish` will add: the caller keeps it up to date. */
  reservedBytes = 0;
  /** The shard's clock at each end in the batch, in order. */
  readonly endClocks: number[] = [];
  /** `sourceTimestamp` of each start and end in the batch, in order. */
  readonly changeSources: number[] = [];
  /** Records by `KIND_…`. */
  readonly kinds: Int32Array = new Int32Array(KINDS);
  /** Heartbeats by how late they are: whole milliseconds, the last entry for all beyond. */
  readonly lateness: Int32Array = new Int32Array(LATENESS_MS_MAX + 1);
  /** Entries of `lateness` behind this one are 0. */
  latenessMaxMs = 0;

  /**
   * @param batchBytesMax The topic's `max.message.bytes`, or less where batches are to be small.
   */
  constructor(layout: RecordLayout, batchBytesMax: number) {
    this.#layout = layout;
    this.#batchBytesMax = batchBytesMax;
    this.#buffer = new Uint8Array(INITIAL_BYTES);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes so far, the header's own not included. */
  get length(): number {
    return this.#length;
  }

  /** Starts an empty batch; record timestamps are written relative to `nowMs`. */
  begin(nowMs: number): void {
    this.#fit();
    this.#length = HEADER_BYTES;
    this.#count = 0;
    this.#baseTimestampMs = nowMs;
    this.#maxTimestampMs = nowMs;
    this.endClocks.length = 0;
    this.changeSources.length = 0;
    this.kinds.fill(0);
    this.lateness.fill(0, 0, this.latenessMaxMs + 1);
    this.latenessMaxMs = 0;
  }

  hasRoom(): boolean {
    const headerBytes = this.reservedBytes + this.endClocks.length * END_CLOCK_BYTES_MAX;
    return this.#length + headerBytes + 3 * RECORD_BYTES_MAX <= this.#batchBytesMax;
  }

  append(rows: SessionRows, row: number, draft: RecordDraft): void {
    if (this.#length + RECORD_BYTES_MAX > this.#buffer.length) this.#grow(RECORD_BYTES_MAX);
    const out = this.#buffer;
    const from = this.#length;
    const emittedAt = draft.times[TIME_EMITTED]!;
    if (emittedAt > this.#maxTimestampMs) this.#maxTimestampMs = emittedAt;
    // Nearly every record is 64 to 8,191 bytes long: two bytes for its length.
    let p = from + 2;
    out[p++] = 0;
    p = writeVarint(out, p, emittedAt - this.#baseTimestampMs);
    p = writeVarint(out, p, this.#count);
    const deviceAt = p + 2;
    let deviceLength = rows.writeDevice(row, out, p + 1) - p - 1;
    if (deviceLength >= 64) deviceLength = rows.writeDevice(row, out, deviceAt) - deviceAt;
    p = writeVarint(out, p, deviceLength);
    const valueLengthAt = p + deviceLength;
    const valueAt = valueLengthAt + 2;
    const valueEnd = this.#layout.write(rows, row, draft, out, valueAt, p, deviceLength);
    invariant(
      valueEnd - valueAt >= 64 && valueEnd - from < 8192,
      "a record's lengths take two bytes each",
    );
    writeVarint(out, valueLengthAt, valueEnd - valueAt);
    out[valueEnd] = 0;
    writeVarint(out, from, valueEnd + 1 - from - 2);
    this.#lastRecordAt = from;
    this.#length = valueEnd + 1;
    this.#count++;
    if (draft.status === STATUS_HEARTBEAT) {
      const lateMs = emittedAt - draft.times[TIME_AT]!;
      const late = lateMs < LATENESS_MS_MAX ? lateMs : LATENESS_MS_MAX;
      this.lateness[late] = this.lateness[late]! + 1;
      if (late > this.latenessMaxMs) this.latenessMaxMs = late;
      this.kinds[KIND_HEARTBEAT] = this.kinds[KIND_HEARTBEAT]! + 1;
    } else this.#noteChange(draft);
  }

  /**
   * Closes the batch and returns its bytes, which belong to the builder.
   *
   * @param position The value of the header `sw-position`: `position[0, positionLength)`.
   */
  finish(
    producerId: number,
    epoch: number,
    baseSequence: number,
    position: Uint8Array,
    positionLength: number,
  ): Uint8Array {
    invariant(this.#count > 0, "a batch that is closed has records");
    this.#appendHeader(position, positionLength);
    const view = this.#view;
    view.setBigInt64(0, 0n);
    view.setInt32(8, this.#length - 12);
    view.setInt32(12, -1);
    view.setInt8(16, 2);
    view.setInt16(21, 0);
    view.setInt32(23, this.#count - 1);
    view.setBigInt64(27, BigInt(this.#baseTimestampMs));
    view.setBigInt64(35, BigInt(this.#maxTimestampMs));
    view.setBigInt64(43, BigInt(producerId));
    view.setInt16(51, epoch);
    view.setInt32(53, baseSequence);
    view.setInt32(57, this.#count);
    view.setUint32(17, crc32c(this.#buffer, 21, this.#length));
    return this.#buffer.subarray(0, this.#length);
  }

  #noteChange(draft: RecordDraft): void {
    this.changeSources.push(draft.times[TIME_SOURCE]!);
    if (draft.status === STATUS_END) this.endClocks.push(draft.times[TIME_CLOCK]!);
    const kind = draft.status === STATUS_END ? KIND_HEARTBEAT + draft.reason : KIND_START;
    this.kinds[kind] = this.kinds[kind]! + 1;
  }

  /** Puts the one header on the last record, which was written without any. */
  #appendHeader(position: Uint8Array, positionLength: number): void {
    const headerBytes = 1 + varintSize(HEADER_KEY.length) + HEADER_KEY.length +
      varintSize(positionLength) + positionLength;
    if (this.#length + headerBytes + 8 > this.#buffer.length) this.#grow(headerBytes + 8);
    const out = this.#buffer;
    const from = this.#lastRecordAt;
    const bodyLength = this.#length - from - 2 - 1;
    const newLength = bodyLength + headerBytes;
    const shift = varintSize(newLength) - 2;
    if (shift !== 0) out.copyWithin(from + 2 + shift, from + 2, from + 2 + bodyLength);
    let p = writeVarint(out, from, newLength) + bodyLength;
    p = writeVarint(out, p, 1);
    p = writeVarint(out, p, HEADER_KEY.length);
    for (let i = 0; i < HEADER_KEY.length; i++) out[p + i] = HEADER_KEY[i]!;
    p += HEADER_KEY.length;
    p = writeVarint(out, p, positionLength);
    for (let i = 0; i < positionLength; i++) out[p + i] = position[i]!;
    this.#length = p + positionLength;
  }

  /** A catch-up makes batches of a megabyte; what comes after it must not keep such a buffer. */
  #fit(): void {
    if (this.#buffer.length <= INITIAL_BYTES || this.#length * 8 > this.#buffer.length) {
      this.#smallBatches = 0;
    } else if (++this.#smallBatches >= SMALL_BATCHES_MAX) {
      this.#smallBatches = 0;
      this.#buffer = new Uint8Array(Math.max(INITIAL_BYTES, this.#buffer.length >>> 1));
      this.#view = new DataView(this.#buffer.buffer);
    }
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + bytes));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export const KIND_START = 0;
export const KIND_HEARTBEAT = 1;
export const KIND_ENDED = KIND_HEARTBEAT + REASON_ENDED;
export const KIND_SUPERSEDED = KIND_HEARTBEAT + REASON_SUPERSEDED;
export const KIND_TIMEOUT = KIND_HEARTBEAT + REASON_TIMEOUT;
const KINDS = 5;
export const LATENESS_MS_MAX = 4096;

/** The name of the header that carries a batch's position. */
export const POSITION_HEADER = "sw-position";

const HEADER_KEY = new TextEncoder().encode(POSITION_HEADER);
const HEADER_BYTES = 61;
/** A varint of some days in milliseconds. */
const END_CLOCK_BYTES_MAX = 5;
const INITIAL_BYTES = 16_384;
/** So many small batches in a row halve the buffer: some seconds of an engine's rounds. */
const SMALL_BATCHES_MAX = 500;
