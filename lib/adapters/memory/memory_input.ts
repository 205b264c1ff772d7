import { encodeRecordBatch, type RecordInput } from "../../core/record_batch_encoder.ts";
import type { InputPartition } from "../../ports/source.ts";
import { MemoryPartition } from "./memory_partition.ts";

export interface MemoryInputOptions {
  readonly topics: readonly { readonly name: string; readonly partitions: number }[];
  /** Bytes of records whose offset was not committed yet; an append beyond them is refused. */
  readonly bufferBytesMax: number;
  /** Default 8 MiB, for an event of 1 MiB and more. */
  readonly batchBytesMax?: number;
}

/**
 * The input topics and the group's offsets in memory. They outlive the sources that read them, as a
 * broker outlives a process. Records are dropped once their offset is committed.
 */
export class MemoryInput {
  readonly partitions: readonly InputPartition[];
  readonly logs: readonly MemoryPartition[];
  /** The group's offset of each partition, -1 where there is none. */
  readonly committed: number[];
  readonly #bufferBytesMax: number;
  readonly #listeners = new Set<(partition: number) => void>();

  constructor(options: MemoryInputOptions) {
    this.#bufferBytesMax = options.bufferBytesMax;
    this.partitions = options.topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }))
    );
    const batchBytesMax = options.batchBytesMax ?? 8 * 1024 * 1024;
    // Dropped by commits alone.
    const retainedBytesMax = Infinity;
    this.logs = this.partitions.map(() => new MemoryPartition({ batchBytesMax, retainedBytesMax }));
    this.committed = this.partitions.map(() => -1);
  }

  /**
   * Appends records as one batch to the partition of this index.
   * @returns the offset of the first one, or null when the buffer is full: try again later
   */
  appendRecords(partition: number, records: readonly RecordInput[]): number | null {
    const producer = { producerId: -1, epoch: -1, baseSequence: -1 };
    return this.appendBatch(
      partition,
      encodeRecordBatch({ baseOffset: 0, ...producer, records }),
    );
  }

  /** As `appendRecords`, for a record batch that was encoded elsewhere. */
  appendBatch(partition: number, batch: Uint8Array): number | null {
    const log = this.logs[partition];
    if (log === undefined) throw new RangeError(`There is no input partition ${partition}`);
    const bufferedBytes = this.logs.reduce((sum, { bytes }) => sum + bytes, 0);
    if (bufferedBytes + batch.length > this.#bufferBytesMax) return null;
    const result = log.append(batch);
    if (result.kind === "rejected" || result.kind === "fenced" || result.kind === "out_of_order") {
      throw new RangeError(`Cannot append to input partition ${partition}: ${result.kind}`);
    }
    for (const listener of this.#listeners) listener(partition);
    return result.baseOffset;
  }

  /** Publishes the group's offset of a partition and drops what lies before it. */
  commitOffset(partition: number, offset: number): void {
    this.committed[partition] = offset;
    this.logs[partition]!.dropBefore(offset);
  }

  /** Calls the listener after each append. The returned function ends it. */
  onAppend(listener: (partition: number) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
