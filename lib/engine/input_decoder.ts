import { EVENT_END, EVENT_START, type EventChunk } from "../core/event_chunk.ts";
import {
  DECODED_END,
  DECODED_IGNORED,
  DECODED_REJECTED,
  DECODED_START,
  EventDecoder,
} from "../core/event_decoder.ts";
import type { EventLayout } from "../core/event_layout.ts";
import { RecordBatchReader, type RecordBatchReaderOptions } from "../core/record_batch_reader.ts";
import { RecordHeaderReader } from "../core/record_header_reader.ts";
import type { RejectReason } from "../core/reject_reason.ts";
import type { DeadLetter, DeadLetterHeader } from "../ports/dead_letters.ts";
import type { FetchedRecords } from "../ports/source.ts";
import type { EngineMetrics } from "../telemetry/engine_metrics.ts";

/**
 * Turns what a fetch brought into packed events and dead letters, whole, in one go: the fetched
 * bytes are done with afterwards.
 */
export class InputDecoder {
  readonly #topic: string;
  readonly #partition: number;
  readonly #shards: number;
  readonly #metrics: EngineMetrics;
  readonly #decoder: EventDecoder;
  readonly #reader: RecordBatchReader;
  readonly #headers = new RecordHeaderReader();

  constructor(options: InputDecoderOptions) {
    this.#topic = options.topic;
    this.#partition = options.partition;
    this.#shards = options.shards;
    this.#metrics = options.metrics;
    this.#decoder = new EventDecoder(options.layout, { eventBytesMax: options.eventBytesMax });
    this.#reader = new RecordBatchReader(options.batches);
  }

  /**
   * Adds the events of the fetch at or after its `fetchOffset` to `chunk`.
   *
   * @param nowMs A record timestamp later than this, or below 0, counts as this.
   * @returns the offset after the last record, and what was no event.
   */
  decode(fetched: FetchedRecords, chunk: EventChunk, nowMs: number): DecodedFetch {
    const reader = this.#reader;
    const letters: DeadLetter[] = [];
    let nextOffset = fetched.fetchOffset;
    reader.reset(fetched.records);
    while (reader.nextBatch()) {
      if (reader.undecodable !== null) {
        if (reader.lastOffset < fetched.fetchOffset) continue;
        letters.push(this.#undecodableLetter(nowMs));
      } else if (!reader.isControl) {
        while (reader.nextRecord()) {
          if (reader.offset < fetched.fetchOffset) continue;
          const letter = this.#decodeRecord(chunk, nowMs);
          if (letter !== null) letters.push(letter);
        }
      }
      nextOffset = Math.max(nextOffset, reader.lastOffset + 1);
    }
    return { nextOffset, letters };
  }

  #decodeRecord(chunk: EventChunk, nowMs: number): DeadLetter | null {
    const reader = this.#reader;
    const { events } = this.#metrics;
    if (reader.valueFrom < 0) {
      events.nullValue++;
      return null;
    }
    const decoded = this.#decoder.decode(reader.bytes, reader.valueFrom, reader.valueTo);
    if (decoded === DECODED_START || decoded === DECODED_END) {
      const type = decoded === DECODED_START ? EVENT_START : EVENT_END;
      if (type === EVENT_START) events.start++;
      else events.end++;
      chunk.add(this.#decoder, type, this.#shards, reader.offset, this.#sourceTimestamp(nowMs));
      return null;
    }
    if (decoded === DECODED_IGNORED) {
      events.otherType++;
      return null;
    }
    if (decoded !== DECODED_REJECTED) return null;
    this.#metrics.rejected[this.#decoder.rejectReason]++;
    return this.#recordLetter(this.#decoder.rejectReason, this.#decoder.rejectDetail);
  }

  /** The record's timestamp as it is used: not in the future, not before 1970. */
  #sourceTimestamp(nowMs: number): number {
    const timestampMs = this.#reader.timestampMs;
    if (timestampMs < 0) {
      this.#metrics.timestampsCorrected.negative++;
      return nowMs;
    }
    if (timestampMs > nowMs) {
      this.#metrics.timestampsCorrected.future++;
      return nowMs;
    }
    return timestampMs;
  }

  #recordLetter(reason: RejectReason, detail: string): DeadLetter {
    const reader = this.#reader;
    const { bytes, keyFrom, keyTo, valueFrom, valueTo } = reader;
    return {
      reason,
      detail,
      topic: this.#topic,
      partition: this.#partition,
      offset: reader.offset,
      count: 1,
      timestampMs: reader.timestampMs,
      key: keyFrom < 0 ? null : bytes.slice(keyFrom, keyTo),
      value: valueFrom < 0 ? null : bytes.slice(valueFrom, valueTo),
      headers: this.#copyHeaders(),
    };
  }

  #copyHeaders(): DeadLetterHeader[] {
    const { bytes, headersFrom, headersTo, headerCount } = this.#reader;
    const headers = this.#headers;
    const copied: DeadLetterHeader[] = [];
    headers.reset(bytes, headersFrom, headersTo, headerCount);
    while (headers.next()) {
      copied.push({
        key: bytes.slice(headers.keyFrom, headers.keyTo),
        value: headers.valueFrom < 0 ? null : bytes.slice(headers.valueFrom, headers.valueTo),
      });
    }
    return copied;
  }

  #undecodableLetter(nowMs: number): DeadLetter {
    const reader = this.#reader;
    const { undecodable, undecodableDetail } = reader;
    this.#metrics.rejected.undecodable++;
    return {
      reason: "undecodable",
      detail: undecodableDetail === "" ? `${undecodable}` : `${undecodable}: ${undecodableDetail}`,
      topic: this.#topic,
      partition: this.#partition,
      offset: reader.baseOffset,
      count: Math.max(1, reader.recordCount),
      timestampMs: nowMs,
      key: null,
      value: reader.batchBytes().slice(),
      headers: [],
    };
  }
}

export interface DecodedFetch {
  readonly nextOffset: number;
  readonly letters: readonly DeadLetter[];
}

export interface InputDecoderOptions {
  readonly topic: string;
  readonly partition: number;
  readonly layout: EventLayout;
  readonly eventBytesMax: number;
  /** Number of shards that devices are spread over. */
  readonly shards: number;
  readonly batches: RecordBatchReaderOptions;
  readonly metrics: EngineMetrics;
}
