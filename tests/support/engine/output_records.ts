import type { MemoryTopic } from "../../../lib/adapters/memory/memory_topic.ts";
import type { Position } from "../../../lib/core/position.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../../lib/core/record_header_reader.ts";
import { positionOf } from "../../../lib/engine/last_batch.ts";

/** A record of layout `plain`, instants as epoch milliseconds. */
export interface OutputRecord {
  readonly offset: number;
  readonly device: string;
  readonly session: string;
  readonly status: "SessionStart" | "SessionHeartbeat" | "SessionEnd";
  readonly reason: string | null;
  readonly seq: number;
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly emittedMs: number;
}

export interface OutputBatch {
  readonly baseOffset: number;
  readonly position: Position;
  readonly records: readonly OutputRecord[];
}

/** The data batches of a partition of the output. */
export function readOutput(topic: MemoryTopic, shard: number): OutputBatch[] {
  const partition = topic.partition(shard);
  const reader = new RecordBatchReader({
    decompress: () => {
      throw new Error("the engine compresses nothing");
    },
    decompressedBytesMax: 0,
  });
  const headers = new RecordHeaderReader();
  const batches: OutputBatch[] = [];
  reader.reset(partition.read(partition.logStart, partition.end, Infinity));
  while (reader.nextBatch()) {
    if (reader.undecodable !== null) throw new Error(`undecodable: ${reader.undecodable}`);
    if (reader.isControl) continue;
    const position = positionOf(reader, headers);
    if (position === null) throw new Error("a batch has no position");
    const records: OutputRecord[] = [];
    while (reader.nextRecord()) {
      const { bytes, valueFrom, valueTo, offset } = reader;
      records.push(parse(offset, new TextDecoder().decode(bytes.subarray(valueFrom, valueTo))));
    }
    batches.push({ baseOffset: reader.baseOffset, position, records });
  }
  return batches;
}

function parse(offset: number, text: string): OutputRecord {
  const value = JSON.parse(text);
  return {
    offset,
    device: value.deviceId,
    session: `${value.sessionId}`,
    status: value.status,
    reason: value.reason,
    seq: value.seq,
    startedAtMs: Date.parse(value.startedAt),
    atMs: Date.parse(value.at),
    emittedMs: Date.parse(value.emittedAt),
  };
}
