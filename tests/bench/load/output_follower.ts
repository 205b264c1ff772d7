/**
 * Follows all partitions of the output topic, in a plain loop of Fetch requests (v11, no session)
 * over one connection, and gives out the records where they lie, without copying. Batches are
 * uncompressed, as the engine writes them. Their checksums are the broker's affair: it has checked
 * each when it took the batch.
 */
import * as layout from "../../../lib/core/record_batch_layout.ts";
import { BrokerConnection } from "./broker_connection.ts";

export interface FollowedBatch {
  readonly partition: number;
  /** Whole batch, header and records. */
  readonly bytes: number;
  readonly producerId: number;
  readonly epoch: number;
  /** When the broker appended it, in a topic of log-append time; else NaN. */
  readonly appendedMs: number;
  readonly baseTimestampMs: number;
  /** Epoch milliseconds at which the answer that holds it was there. */
  readonly seenMs: number;
}

export interface FollowerListener {
  onBatch(batch: FollowedBatch): void;
  /** The record's timestamp and where its key and value lie; -1 for a key that is null. */
  onRecord(
    bytes: Uint8Array,
    timestampMs: number,
    keyFrom: number,
    keyTo: number,
    valueFrom: number,
    valueTo: number,
  ): void;
}

export interface FollowerOptions {
  readonly broker: string;
  readonly topic: string;
  readonly partitions: number;
  /** At least this long from one request to the next. */
  readonly fetchIntervalMs: number;
  readonly nowMs: () => number;
  readonly listener: FollowerListener;
}

/** What the broker collects at most before it answers: 1 MB a partition, 16 MB in all. */
const PARTITION_BYTES_MAX = 1 << 20;
const ANSWER_BYTES_MAX = 1 << 24;
const WAIT_MAX_MS = 500;

export class OutputFollower {
  readonly #options: FollowerOptions;
  readonly #offsets: Float64Array;
  #connection!: BrokerConnection;
  #stopped = false;
  #onAnswer: () => void = () => {};
  // The position of the varint reader below.
  #at = 0;
  fetches = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#offsets = new Float64Array(options.partitions);
  }

  /** Follows until `stop`. */
  async run(): Promise<void> {
    const { fetchIntervalMs, nowMs } = this.#options;
    this.#connection = await BrokerConnection.connect(
      this.#options.broker,
      (answer) => {
        this.#takeAnswer(answer);
        this.#onAnswer();
      },
    );
    while (!this.#stopped) {
      const askedMs = nowMs();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onAnswer = resolve;
      this.#connection.send(this.#request());
      await Promise.race([promise, this.#connection.failed]);
      const restMs = askedMs + fetchIntervalMs - nowMs();
      if (restMs >= 1) await new Promise((resolve) => setTimeout(resolve, restMs - 1));
    }
    this.#connection.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  #request(): Uint8Array {
    const topic = new TextEncoder().encode(this.#options.topic);
    const { partitions } = this.#options;
    const frame = new Uint8Array(4 + 10 + 25 + 4 + 2 + topic.length + 4 + partitions * 28 + 4 + 2);
    const view = new DataView(frame.buffer);
    let at = 0;
    const int32 = (value: number) => {
      view.setInt32(at, value);
      at += 4;
    };
    int32(frame.length - 4);
    view.setInt16(at, 1); // Fetch
    view.setInt16(at + 2, 11);
    at += 4;
    int32(++this.fetches);
    view.setInt16(at, -1); // no client id
    at += 2;
    int32(-1); // no replica
    int32(WAIT_MAX_MS);
    int32(1); // bytes at least
    int32(ANSWER_BYTES_MAX);
    frame[at++] = 0; // read uncommitted
    int32(0); // no session
    int32(-1);
    int32(1); // topics
    view.setInt16(at, topic.length);
    frame.set(topic, at + 2);
    at += 2 + topic.length;
    int32(partitions);
    for (let partition = 0; partition < partitions; partition++) {
      int32(partition);
      int32(-1); // leader epoch unknown
      view.setBigInt64(at, BigInt(this.#offsets[partition]!));
      view.setBigInt64(at + 8, -1n); // log start unknown
      at += 16;
      int32(PARTITION_BYTES_MAX);
    }
    int32(0); // forgotten topics
    view.setInt16(at, 0); // rack
    return frame;
  }

  #takeAnswer(answer: Uint8Array): void {
    const seenMs = this.#options.nowMs();
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    const error = view.getInt16(8);
    if (error !== 0) throw new Error(`Cannot fetch the output: error ${error}`);
    let at = 14;
    const topics = view.getInt32(at);
    at += 4;
    for (let t = 0; t < topics; t++) {
      at += 2 + view.getInt16(at);
      const partitions = view.getInt32(at);
      at += 4;
      for (let p = 0; p < partitions; p++) {
        const partition = view.getInt32(at);
        const partitionError = view.getInt16(at + 4);
        if (partitionError !== 0) {
          throw new Error(`Cannot fetch output partition ${partition}: error ${partitionError}`);
        }
        at += 30;
        const aborted = view.getInt32(at);
        at += 4 + Math.max(0, aborted) * 16 + 4;
        const length = Math.max(0, view.getInt32(at));
        at += 4;
        this.#takeBatches(answer, view, partition, at, at + length, seenMs);
        at += length;
      }
    }
  }

  #takeBatches(
    bytes: Uint8Array,
    view: DataView,
    partition: number,
    from: number,
    to: number,
    seenMs: number,
  ): void {
    for (let at = from; at + layout.RECORDS_AT <= to;) {
      const size = layout.LOG_OVERHEAD_BYTES + view.getInt32(at + layout.LENGTH_AT);
      if (at + size > to) return; // cut off: it comes whole the next time
      const baseOffset = Number(view.getBigInt64(at));
      const next = baseOffset + view.getInt32(at + layout.LAST_OFFSET_DELTA_AT) + 1;
      // A batch is sent whole, also when the offset asked for lies within it.
      if (next > this.#offsets[partition]!) {
        this.#offsets[partition] = next;
        const attributes = view.getInt16(at + layout.ATTRIBUTES_AT);
        if ((attributes & layout.ATTRIBUTE_CONTROL) === 0) {
          this.#takeBatch(bytes, view, partition, at, at + size, seenMs);
        }
      }
      at += size;
    }
  }

  #takeBatch(
    bytes: Uint8Array,
    view: DataView,
    partition: number,
    from: number,
    to: number,
    seenMs: number,
  ): void {
    const attributes = view.getInt16(from + layout.ATTRIBUTES_AT);
    if ((attributes & layout.ATTRIBUTE_CODEC_MASK) !== 0) throw new Error("A compressed batch");
    const isLogAppendTime = (attributes & layout.ATTRIBUTE_LOG_APPEND_TIME) !== 0;
    const maxTimestampMs = Number(view.getBigInt64(from + layout.MAX_TIMESTAMP_AT));
    const baseTimestampMs = Number(view.getBigInt64(from + layout.BASE_TIMESTAMP_AT));
    const { listener } = this.#options;
    listener.onBatch({
      partition,
      bytes: to - from,
      producerId: Number(view.getBigInt64(from + layout.PRODUCER_ID_AT)),
      epoch: view.getInt16(from + layout.PRODUCER_EPOCH_AT),
      appendedMs: isLogAppendTime ? maxTimestampMs : NaN,
      baseTimestampMs,
      seenMs,
    });
    const count = view.getInt32(from + layout.RECORD_COUNT_AT);
    this.#at = from + layout.RECORDS_AT;
    for (let i = 0; i < count; i++) {
      const length = this.#varint(bytes);
      const end = this.#at + length;
      if (length <= 0 || end > to) throw new Error("A damaged batch");
      this.#at++; // attributes
      const timestampMs = baseTimestampMs + this.#varint(bytes);
      this.#varint(bytes); // offset
      const keyLength = this.#varint(bytes);
      const keyFrom = keyLength < 0 ? -1 : this.#at;
      this.#at += Math.max(0, keyLength);
      const keyTo = keyLength < 0 ? -1 : this.#at;
      const valueLength = this.#varint(bytes);
      const valueFrom = this.#at;
      const valueTo = valueFrom + Math.max(0, valueLength);
      listener.onRecord(
        bytes,
        isLogAppendTime ? maxTimestampMs : timestampMs,
        keyFrom,
        keyTo,
        valueFrom,
        valueTo,
      );
      this.#at = end;
    }
    if (this.#at !== to) throw new Error("A damaged batch");
  }

  /** A zigzag varint of at most 32 bits; timestamps lie close together. */
  #varint(bytes: Uint8Array): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[this.#at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
  }
}
