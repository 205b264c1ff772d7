/**
 * Encodes starts and ends straight into one record batch a partition, and those into one Produce
 * request: no object an event, so that the generator leaves the machine to what is measured.
 * About 1 µs an event, checksum included.
 *
 * The request is Produce v7 with acks 1, as in Kafka's protocol guide; the key is the device id,
 * and the partition the one that the Java client chooses for it.
 */
import { crc32c } from "../../../lib/core/crc32c.ts";
import { partitionOf } from "../../../lib/core/murmur2.ts";
import * as layout from "../../../lib/core/record_batch_layout.ts";
import { writeInstant } from "../../../lib/core/text_writer.ts";
import { writeVarint } from "../../../lib/core/varint.ts";
import { type DeviceIds, UUID_BYTES, writeSessionId } from "./device_ids.ts";

export class EventBatches {
  readonly #ids: DeviceIds;
  readonly #topic: Uint8Array;
  readonly #batches: PartitionBatch[];
  readonly #uuid = new Uint8Array(UUID_BYTES);
  #count = 0;

  constructor(ids: DeviceIds, topic: string, partitions: number) {
    this.#ids = ids;
    this.#topic = new TextEncoder().encode(topic);
    this.#batches = Array.from({ length: partitions }, () => new PartitionBatch());
  }

  /** Events since the last `takeRequest`. */
  get count(): number {
    return this.#count;
  }

  addStart(n: number, stampMs: number): void {
    const batch = this.#batchOf(n);
    const p = this.#writeHead(batch, n, stampMs, START);
    this.#writeInstant(batch, p, stampMs - this.#ids.clockBehindMs(n));
    batch.endRecord();
  }

  addEnd(n: number, stampMs: number, durationMs: number): void {
    const batch = this.#batchOf(n);
    let p = this.#writeHead(batch, n, stampMs, END);
    p = this.#writeInstant(batch, p, stampMs - this.#ids.clockBehindMs(n)) - 1;
    p = copy(batch.bytes, p, DURATION);
    const seconds = String(Math.floor(durationMs / 1000));
    for (let i = 0; i < seconds.length; i++) batch.bytes[p++] = seconds.charCodeAt(i);
    batch.bytes[p++] = CLOSING_BRACE;
    batch.length = p;
    batch.endRecord();
  }

  /** The request for all that was added, complete with its length; null when that is nothing. */
  takeRequest(correlationId: number): Uint8Array<ArrayBuffer> | null {
    if (this.#count === 0) return null;
    const filled = this.#batches.filter((batch) => batch.count > 0);
    const bytes = filled.reduce((sum, batch) => sum + 8 + batch.length, 0);
    const frame = new Uint8Array(REQUEST_HEAD_BYTES + this.#topic.length + bytes);
    const view = new DataView(frame.buffer);
    view.setInt32(0, frame.length - 4);
    view.setInt16(4, 0); // Produce
    view.setInt16(6, 7);
    view.setInt32(8, correlationId);
    view.setInt16(12, -1); // no client id
    view.setInt16(14, -1); // no transaction
    view.setInt16(16, 1); // acks
    view.setInt32(18, 30_000);
    view.setInt32(22, 1); // topics
    view.setInt16(26, this.#topic.length);
    frame.set(this.#topic, 28);
    let at = 28 + this.#topic.length;
    view.setInt32(at, filled.length);
    at += 4;
    this.#batches.forEach((batch, partition) => {
      if (batch.count === 0) return;
      view.setInt32(at, partition);
      view.setInt32(at + 4, batch.length);
      frame.set(batch.seal(), at + 8);
      at += 8 + batch.length;
      batch.clear();
    });
    this.#count = 0;
    return frame;
  }

  #batchOf(n: number): PartitionBatch {
    this.#count++;
    this.#ids.writeUuid(this.#uuid, 0, n);
    return this.#batches[partitionOf(this.#uuid, 0, UUID_BYTES, this.#batches.length)]!;
  }

  /** Writes everything up to the value's timestamp. */
  #writeHead(batch: PartitionBatch, n: number, stampMs: number, type: Uint8Array): number {
    const p = batch.beginRecord(this.#uuid, stampMs);
    const bytes = batch.bytes;
    let q = copy(bytes, p, type);
    q = copy(bytes, q, this.#uuid);
    q = copy(bytes, q, SESSION_ID);
    q = writeSessionId(bytes, q, n);
    q = copy(bytes, q, ACCOUNT_ID);
    q = this.#ids.writeAccount(bytes, q, n);
    return copy(bytes, q, TIMESTAMP);
  }

  #writeInstant(batch: PartitionBatch, position: number, ms: number): number {
    let p = writeInstant(batch.bytes, position, ms);
    batch.bytes[p++] = QUOTE;
    batch.bytes[p++] = CLOSING_BRACE;
    batch.length = p;
    return p;
  }
}

class PartitionBatch {
  bytes = new Uint8Array(16_384);
  length = layout.RECORDS_AT;
  count = 0;
  #recordAt = 0;
  #valueLengthAt = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;

  /** Writes the record up to its value; returns where that begins. */
  beginRecord(key: Uint8Array, timestampMs: number): number {
    if (this.length + RECORD_BYTES_MAX > this.bytes.length) {
      const grown = new Uint8Array(this.bytes.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    if (this.count === 0) this.#baseTimestampMs = this.#maxTimestampMs = timestampMs;
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    this.#recordAt = this.length;
    // Every record is 64 to 8,191 bytes long, and so is its value: two bytes for either length.
    let p = this.length + 2;
    this.bytes[p++] = 0;
    p = writeVarint(this.bytes, p, timestampMs - this.#baseTimestampMs);
    p = writeVarint(this.bytes, p, this.count);
    p = writeVarint(this.bytes, p, key.length);
    p = copy(this.bytes, p, key);
    this.#valueLengthAt = p;
    return p + 2;
  }

  /** `length` is where the value ends. */
  endRecord(): void {
    writeVarint(this.bytes, this.#valueLengthAt, this.length - this.#valueLengthAt - 2);
    this.bytes[this.length++] = 0; // no headers
    writeVarint(this.bytes, this.#recordAt, this.length - this.#recordAt - 2);
    this.count++;
  }

  /** Completes the header; the batch is whole then. */
  seal(): Uint8Array {
    const view = new DataView(this.bytes.buffer);
    view.setBigInt64(layout.BASE_OFFSET_AT, 0n);
    view.setInt32(layout.LENGTH_AT, this.length - layout.LOG_OVERHEAD_BYTES);
    view.setInt32(layout.LEADER_EPOCH_AT, -1);
    view.setInt8(layout.MAGIC_AT, 2);
    view.setInt16(layout.ATTRIBUTES_AT, 0);
    view.setInt32(layout.LAST_OFFSET_DELTA_AT, this.count - 1);
    view.setBigInt64(layout.BASE_TIMESTAMP_AT, BigInt(this.#baseTimestampMs));
    view.setBigInt64(layout.MAX_TIMESTAMP_AT, BigInt(this.#maxTimestampMs));
    view.setBigInt64(layout.PRODUCER_ID_AT, -1n);
    view.setInt16(layout.PRODUCER_EPOCH_AT, -1);
    view.setInt32(layout.BASE_SEQUENCE_AT, -1);
    view.setInt32(layout.RECORD_COUNT_AT, this.count);
    view.setUint32(layout.CRC_AT, crc32c(this.bytes, layout.ATTRIBUTES_AT, this.length));
    return this.bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = layout.RECORDS_AT;
    this.count = 0;
  }
}

function copy(out: Uint8Array, position: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) out[position + i] = bytes[i]!;
  return position + bytes.length;
}

const encoder = new TextEncoder();
const START = encoder.encode('{"type":"start","deviceId":"');
const END = encoder.encode('{"type":"end","deviceId":"');
const SESSION_ID = encoder.encode('","sessionId":');
const ACCOUNT_ID = encoder.encode(',"accountId":"');
const TIMESTAMP = encoder.encode('","timestamp":"');
const DURATION = encoder.encode(',"durationSeconds":');
const QUOTE = 0x22;
const CLOSING_BRACE = 0x7d;
const RECORD_BYTES_MAX = 512;
/** Everything before the partitions, the topic's name not included. */
const REQUEST_HEAD_BYTES = 32;
