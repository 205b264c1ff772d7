import { encodeRecordBatch, type RecordInput } from "../../lib/core/record_batch_encoder.ts";
import { MemoryPartition } from "../../lib/adapters/memory/memory_partition.ts";
import type { InputPartition } from "../../lib/ports/source.ts";

/** What a record of the input is, as those who sent it know. */
export type SimulatedRecord =
  | SimulatedEvent
  | { readonly kind: "garbage" }
  | { readonly kind: "ignored" }
  /** One of a batch with a broken checksum; those of a batch are one object. */
  | { readonly kind: "corrupt" };

export interface SimulatedEvent {
  readonly kind: "start" | "end";
  readonly device: string;
  readonly session: string;
  readonly sessionIsNumber: boolean;
  readonly accountId: string | null;
  /** The device's clock, or null. */
  readonly timestampMs: number | null;
  readonly durationMs: number | null;
  /** Of the Kafka record; may be odd. */
  readonly recordTimestampMs: number;
  /** Whether the record's timestamp is taken as it is. */
  readonly isTimely: boolean;
}

/**
 * The input topics and the group's offsets, which outlive every process; and, for the checks, what
 * each record of them is.
 */
export class SimulatedInput {
  readonly names: InputPartition[] = [];
  readonly logs: MemoryPartition[] = [];
  /** By partition and offset. */
  readonly records: SimulatedRecord[][] = [];
  /** The group's offsets; -1 where there is none. */
  readonly committed: number[] = [];
  /** Partitions that cannot be fetched. */
  readonly down = new Set<number>();
  readonly #corrupt = new Set<string>();
  readonly #listeners = new Set<(partition: number) => void>();

  addPartition(topic: string): void {
    const partition = this.names.filter((name) => name.topic === topic).length;
    this.names.push({ topic, partition });
    this.logs.push(new MemoryPartition({ batchBytesMax: 2 ** 23, retainedBytesMax: Infinity }));
    this.records.push([]);
    this.committed.push(-1);
  }

  /** Appends one batch. */
  append(
    partition: number,
    inputs: readonly RecordInput[],
    records: readonly SimulatedRecord[],
  ): void {
    const producer = { producerId: -1, epoch: -1, baseSequence: -1 };
    const batch = encodeRecordBatch({ baseOffset: 0, ...producer, records: inputs });
    const log = this.logs[partition]!;
    if (records[0]!.kind === "corrupt") this.#corrupt.add(`${partition}@${log.end}`);
    log.append(batch);
    this.records[partition]!.push(...records);
    for (const listener of this.#listeners) listener(partition);
  }

  /** Whole batches from the one that holds `offset`, damaged where a disk damaged them. */
  read(partition: number, offset: number, bytesMax: number): Uint8Array {
    const log = this.logs[partition]!;
    const bytes = log.read(offset, log.end, bytesMax);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 12 + view.getInt32(at + 8)) {
      const base = Number(view.getBigInt64(at));
      if (this.#corrupt.has(`${partition}@${base}`)) bytes[at + 17]! ^= 1;
    }
    return bytes;
  }

  onAppend(listener: (partition: number) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
