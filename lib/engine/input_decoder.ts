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
 * Turns what a fetch brought into packed events and dead letters, in pieces: a dead letter is a
 * hundred times as large as the smallest garbage that makes one, so one fetch can be more of them
 * than memory is meant for. The fetched bytes are done with after the last piece.
 */
export class InputDecoder {
  readonly #topic: string;
  readonly #partition: number;
  readonly #shards: number;
  readonly #metrics: EngineMetrics;
  readonly #decoder: EventDecoder;
  readonly #reader: RecordBatchReader;
  readonly #headers = new RecordHeaderReader();
  #fetchOffset = 0;
  /** The offset after what was decoded, and after the batch that is being decoded. */
  #nextOffset = 0;
  #batchEnd = 0;

  constructor(options: InputDecoderOptions) {
    this.#topic = options.topic;
    this.#partition = options.partition;
    this.#shards = options.shards;
    this.#metrics = options.metrics;
    this.#decoder = new EventDecoder(options.layout, { eventBytesMax: options.eventBytesMax });
    this.#reader = new RecordBatchReader(options.batches);
  }

  /** Begins a fetch, whatever is left of the last one. */
  begin(fetched: FetchedRecords): void {
    this.#reader.reset(fetched.records);
    this.#fetchOffset = fetched.fetchOffset;
    this.#nextOffset = fetched.fetchOffset;
    this.#batchEnd = 0;
  }

  /** Lets go of what is left of the fetch. */
  abandon(): void {
    this.#reader.reset(NOTHING);
  }

  /**
   * Adds the next events of the fetch, at or after its `fetchOffset`, to `chunk`: all that are left,
   * or those up to the dead letter that reaches one of the limits.
   *
   * @param nowMs A record timestamp later than this, or below 0, counts as this.
   */
  decode(chunk: EventChunk, nowMs: number, limits: PieceLimits): DecodedPiece {
    const reader = this.#reader;
    const letters: DeadLetter[] = [];
    let letterBytes = 0;
    while (letters.length < limits.lettersMax && letterBytes < limits.letterBytesMax) {
      let letter: DeadLetter | null = null;
      if (reader.nextRecord()) {
        if (reader.offset < this.#fetchOffset) continue;
        this.#nextOffset = Math.max(this.#nextOffset, reader.offset + 1);
        if (!reader.isControl) letter = this.#decodeRecord(chunk, nowMs);
      } else {
        this.#nextOffset = Math.max(this.#nextOffset, this.#batchEnd);
        if (!reader.nextBatch()) {
          this.abandon();
          return { nextOffset: this.#nextOffset, letters, letterBytes, isLast: true };
        }
        this.#batchEnd = reader.lastOffset + 1;
        if (reader.undecodable === null || reader.lastOffset < this.#fetchOffset) continue;
        this.#nextOffset = Math.max(this.#nextOffset, this.#batchEnd);
        letter = this.#undecodableLetter(nowMs);
      }
      if (letter === null) continue;
      letters.push(letter);
      letterBytes += bytesOf(letter);
    }
    return { nextOffset: this.#nextOffset, letters, letterBytes, isLast: false };
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

export interface PieceLimits {
  readonly lettersMax: number;
  /** Of their keys, values and headers. */
  readonly letterBytesMax: number;
}

export interface DecodedPiece {
  /** The offset after the last record, and after the batch where that is over. */
  readonly nextOffset: number;
  /** What was no event. */
  readonly letters: readonly DeadLetter[];
  readonly letterBytes: number;
  /** Nothing is left of the fetch. */
  readonly isLast: boolean;
}

/** Bytes of a letter's key, value and headers as they came. */
function bytesOf({ key, value, headers }: DeadLetter): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}

const NOTHING = new Uint8Array(0);

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
