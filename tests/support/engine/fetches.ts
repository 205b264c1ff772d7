import { PLAIN_EVENT_LAYOUT } from "../../../lib/core/event_layout.ts";
import { encodeRecordBatch, type RecordInput } from "../../../lib/core/record_batch_encoder.ts";
import { InputDecoder } from "../../../lib/engine/input_decoder.ts";
import { InputPartition } from "../../../lib/engine/input_partition.ts";
import type { FetchedRecords } from "../../../lib/ports/source.ts";
import { EngineMetrics } from "../../../lib/telemetry/engine_metrics.ts";

const encoder = new TextEncoder();

/** A fetch decoded in one piece. */
export const WHOLE = { lettersMax: Infinity, letterBytesMax: Infinity };

export interface FetchOptions {
  readonly partition?: number;
  readonly fetchOffset?: number;
  readonly highWatermark?: number;
}

/** A fetch of these batches; by default it asked for the first offset and is all there is. */
export function fetchOf(
  batches: readonly Uint8Array[],
  options: FetchOptions = {},
): FetchedRecords {
  const records = new Uint8Array(batches.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const batch of batches) {
    records.set(batch, at);
    at += batch.length;
  }
  return {
    partition: options.partition ?? 0,
    fetchOffset: options.fetchOffset ?? 0,
    records,
    highWatermark: options.highWatermark ?? 0,
    logStart: 0,
  };
}

export function batchOf(
  baseOffset: number,
  records: readonly RecordInput[],
  options: { readonly attributes?: number } = {},
): Uint8Array {
  const producer = { producerId: -1, epoch: -1, baseSequence: -1 };
  return encodeRecordBatch({ baseOffset, ...producer, records, ...options });
}

/** A record with this value: an event as JSON, a text as it is, or null. */
export function recordOf(value: unknown, timestampMs = 0): RecordInput {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return {
    timestampMs,
    key: null,
    value: value === null ? null : encoder.encode(text),
    headers: [],
  };
}

export function startOf(device: string, session: number, timestampMs = 0): RecordInput {
  return recordOf({ type: "start", deviceId: device, sessionId: session }, timestampMs);
}

export function newDecoder(metrics: EngineMetrics, shards = 1): InputDecoder {
  return new InputDecoder({
    topic: "events",
    partition: 7,
    layout: PLAIN_EVENT_LAYOUT,
    eventBytesMax: 1000,
    shards,
    batches: {
      decompress: () => {
        throw new Error("nothing is compressed");
      },
      decompressedBytesMax: 0,
    },
    metrics,
  });
}

export function newPartition(index = 0): InputPartition {
  const metrics = new EngineMetrics();
  metrics.openInputs(Array.from({ length: 8 }, (_, partition) => ({ topic: "events", partition })));
  return new InputPartition(index, "events", index, newDecoder(metrics));
}
