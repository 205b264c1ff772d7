import { ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL } from "../../core/record_batch_layout.ts";
import { encodeRecordBatch } from "../../core/record_batch_encoder.ts";
import { type AppendResult, MemoryPartition } from "./memory_partition.ts";

export interface MemoryTopicOptions {
  readonly name: string;
  readonly partitions: number;
  /** Default 1 MiB, as a broker's. */
  readonly batchBytesMax?: number;
  /** Bytes that all partitions together keep. Default 64 MiB. */
  readonly retainedBytesMax?: number;
}

export type AppendListener = (partition: number, batch: Uint8Array, baseOffset: number) => void;

export interface ProducerIdentity {
  readonly producerId: number;
  readonly epoch: number;
}

/** Kafka takes a new producer id where the epoch would not fit its 16 bits. */
const EPOCH_MAX = 32_766;

/** Key of an abort marker: version 0, type 0; value: version 0, coordinator epoch 0. */
const ABORT_MARKER = { key: new Uint8Array(4), value: new Uint8Array(6) };

/**
 * A topic in memory: what the broker is for Kafka's clients, for `MemoryOutputLog` and
 * `MemorySource`. It outlives them, as a broker outlives a process, and several may use one.
 */
export class MemoryTopic {
  readonly name: string;
  readonly partitions: readonly MemoryPartition[];
  readonly batchBytesMax: number;
  /** One per partition, as there is one transactional id per shard. */
  readonly #owners: (ProducerIdentity | undefined)[];
  readonly #listeners = new Set<AppendListener>();
  #lastProducerId = 0;

  constructor(options: MemoryTopicOptions) {
    this.name = options.name;
    this.batchBytesMax = options.batchBytesMax ?? 1024 * 1024;
    const retainedBytesMax = (options.retainedBytesMax ?? 64 * 1024 * 1024) / options.partitions;
    this.partitions = Array.from(
      { length: options.partitions },
      () => new MemoryPartition({ batchBytesMax: this.batchBytesMax, retainedBytesMax }),
    );
    this.#owners = Array.from({ length: options.partitions });
  }

  partition(index: number): MemoryPartition {
    const partition = this.partitions[index];
    if (partition === undefined) {
      throw new RangeError(`Topic ${this.name} has no partition ${index}`);
    }
    return partition;
  }

  /** Appends a copy of one record batch. */
  append(partition: number, batch: Uint8Array): AppendResult {
    const result = this.partition(partition).append(batch);
    if (result.kind === "appended") {
      for (const listener of this.#listeners) listener(partition, batch, result.baseOffset);
    }
    return result;
  }

  /** The owner of the partition with a new epoch, for whoever takes it over. */
  nextOwner(partition: number): ProducerIdentity {
    const before = this.#owners[partition];
    const owner = before === undefined || before.epoch >= EPOCH_MAX
      ? { producerId: ++this.#lastProducerId, epoch: 0 }
      : { producerId: before.producerId, epoch: before.epoch + 1 };
    this.#owners[partition] = owner;
    return owner;
  }

  isOwner(partition: number, { producerId, epoch }: ProducerIdentity): boolean {
    const owner = this.#owners[partition];
    return owner?.producerId === producerId && owner.epoch === epoch;
  }

  /** Appends the marker of an empty transaction, which fences lower epochs and takes one offset. */
  appendAbortMarker(partition: number, owner: ProducerIdentity, timestampMs: number): void {
    this.partition(partition).append(encodeRecordBatch({
      baseOffset: 0,
      producerId: owner.producerId,
      epoch: owner.epoch,
      baseSequence: -1,
      records: [{ timestampMs, ...ABORT_MARKER, headers: [] }],
      attributes: ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL,
    }));
  }

  /**
   * Calls the listener for each data batch that is appended, before `append` returns: it may look at
   * the bytes only until it returns, must not throw and must not append. The batch still has the
   * base offset that its producer wrote. The returned function ends it.
   */
  subscribe(listener: AppendListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
