import {
  DECODED_END,
  DECODED_IGNORED,
  DECODED_REJECTED,
  DECODED_START,
  EventDecoder,
} from "../core/event_decoder.ts";
import type { EventLayout } from "../core/event_layout.ts";
import { partitionOf } from "../core/murmur2.ts";
import type { RecordInput } from "../core/record_batch_encoder.ts";
import {
  EngineUnavailableError,
  type IngestAnswer,
  type IngestFormat,
  type RejectedLine,
} from "../ports/engine_queries.ts";
import type { EventLog } from "./event_log.ts";

export interface EventIntakeOptions {
  readonly layout: EventLayout;
  readonly eventBytesMax: number;
  readonly log: EventLog;
  /** Epoch milliseconds. */
  readonly wallMs: () => number;
}

/**
 * Takes events that came over HTTP: tells at once what is none, and writes the others to the input
 * topic, where the engine finds them as if a producer had put them there.
 *
 * What is rejected goes back to its sender with the reason, and not to the dead letters besides.
 */
export class EventIntake {
  readonly #options: EventIntakeOptions;
  readonly #decoder: EventDecoder;

  constructor(options: EventIntakeOptions) {
    this.#options = options;
    this.#decoder = new EventDecoder(options.layout, { eventBytesMax: options.eventBytesMax });
  }

  /** @throws EngineUnavailableError `retryable`: there is no room; nothing was taken. */
  take(body: Uint8Array, format: IngestFormat): IngestAnswer {
    const rejected: RejectedLine[] = [];
    const batches = new Map<number, RecordInput[]>();
    let accepted = 0;
    let ignored = 0;
    let bytes = 0;
    const lines = format === "json" ? [body] : splitLines(body);
    for (const [index, line] of lines.entries()) {
      if (line.length === 0) {
        ignored++;
        continue;
      }
      switch (this.#decoder.decode(line, 0, line.length)) {
        case DECODED_START:
        case DECODED_END:
          accepted++;
          this.#add(batches, line);
          bytes += line.length + RECORD_BYTES_AROUND + this.#deviceBytes();
          break;
        case DECODED_IGNORED:
          ignored++;
          break;
        case DECODED_REJECTED: {
          const { rejectReason: reason, rejectDetail: detail } = this.#decoder;
          rejected.push({ line: index + 1, reason, detail });
        }
      }
    }
    this.#write(batches, bytes);
    return { accepted, ignored, rejected };
  }

  /** The event whose fields the decoder has just found. */
  #add(batches: Map<number, RecordInput[]>, line: Uint8Array): void {
    const { deviceBytes, deviceFrom, deviceTo } = this.#decoder;
    const { log, wallMs } = this.#options;
    const partition = partitionOf(deviceBytes, deviceFrom, deviceTo, log.partitions);
    const records = batches.get(partition) ?? [];
    records.push({
      timestampMs: wallMs(),
      key: deviceBytes.slice(deviceFrom, deviceTo),
      value: line,
      headers: [],
    });
    batches.set(partition, records);
  }

  #deviceBytes(): number {
    return this.#decoder.deviceTo - this.#decoder.deviceFrom;
  }

  #write(batches: ReadonlyMap<number, readonly RecordInput[]>, bytes: number): void {
    const { log } = this.#options;
    const roomBytes = bytes + batches.size * BATCH_BYTES_AROUND;
    // All of the body or nothing, so the room is looked at before the first of it is written.
    if (batches.size > 0 && roomBytes > log.freeBytes()) {
      throw new EngineUnavailableError("The input is full: try again in a moment", {
        retryable: true,
      });
    }
    for (const [partition, records] of batches) {
      for (const part of inBatches(records)) log.append(partition, part);
    }
  }
}

/** A last line without its newline counts, what stands after the last newline does not. */
function splitLines(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from < body.length;) {
    const newline = body.indexOf(NEWLINE, from);
    const to = newline < 0 ? body.length : newline;
    const end = to > from && body[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    lines.push(body.subarray(from, end));
    from = to + 1;
  }
  return lines;
}

/** Batches of some 1 MB, or of one record. */
function* inBatches(records: readonly RecordInput[]): Generator<readonly RecordInput[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, { value }] of records.entries()) {
    const size = value?.length ?? 0;
    if (index > from && bytes + size > BATCH_VALUE_BYTES_MAX) {
      yield records.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  yield records.slice(from);
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BATCH_VALUE_BYTES_MAX = 1_000_000;
/** Lengths, attributes, deltas; at most. */
const RECORD_BYTES_AROUND = 40;
/** A body has at most some eight batches of a partition. */
const BATCH_BYTES_AROUND = 16 * 64;
