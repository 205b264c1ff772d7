import type { Clock } from "../../ports/clock.ts";
import {
  type OutputLimits,
  type OutputLog,
  OutputLogError,
  type OutputTopic,
  type ProduceBatch,
  type ProduceListener,
  type ProduceResult,
  type ShardOwnership,
} from "../../ports/output_log.ts";
import type { AppendResult } from "./memory_partition.ts";
import { MemoryPartition } from "./memory_partition.ts";
import type { MemoryTopic, ProducerIdentity } from "./memory_topic.ts";

/** Bytes of batches a chunk of `read`, as of a fetch. */
const READ_CHUNK_BYTES = 1024 * 1024;

/**
 * The output log in memory, for `demo` and tests, with a broker's idempotence and fencing. Several
 * logs over one topic are several processes that produce to it.
 */
export class MemoryOutputLog implements OutputLog {
  readonly #topic: MemoryTopic;
  readonly #clock: Clock;
  readonly #owned = new Map<number, ProducerIdentity>();

  /** @param clock its wake delivers the results of `produce` */
  constructor(topic: MemoryTopic, clock: Clock) {
    this.#topic = topic;
    this.#clock = clock;
  }

  open(): Promise<OutputTopic> {
    const { name, partitions, batchBytesMax } = this.#topic;
    return Promise.resolve({ name, shards: partitions.length, batchBytesMax, warnings: [] });
  }

  acquire(shard: number): Promise<ShardOwnership> {
    const owner = this.#topic.nextOwner(shard);
    this.#owned.set(shard, owner);
    this.#topic.appendAbortMarker(shard, owner, this.#clock.wallMs());
    const { logStart, end } = this.#topic.partition(shard);
    return Promise.resolve({ ...owner, logStart, end });
  }

  readTail(shard: number, end: number): Promise<Uint8Array | null> {
    return Promise.resolve(this.#topic.partition(shard).readLastData(end));
  }

  async *read(
    shard: number,
    fromOffset: number,
    toOffset: number,
  ): AsyncIterableIterator<Uint8Array> {
    const partition = this.#topic.partition(shard);
    for (let offset = fromOffset; offset < toOffset;) {
      if (offset < partition.logStart) {
        throw new OutputLogError(
          `Cannot read shard ${shard} from offset ${offset}: ` +
            `its log starts at ${partition.logStart}`,
          { code: "other", retryable: false },
        );
      }
      const chunk = partition.read(offset, toOffset, READ_CHUNK_BYTES);
      if (chunk.length === 0) return;
      offset = MemoryPartition.endOf(chunk);
      // Gives others a turn, as a broker would.
      yield await Promise.resolve(chunk);
    }
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    const results = batches.map(({ shard, bytes }) => toResult(this.#topic.append(shard, bytes)));
    const shards = batches.map(({ shard }) => shard);
    this.#clock.wakeAfter(0, () => {
      for (const [i, result] of results.entries()) onResult(shards[i]!, result);
    });
  }

  readLimits(): Promise<OutputLimits> {
    const { batchBytesMax } = this.#topic;
    return Promise.resolve({ batchBytesMax, timestampAheadMsMax: null });
  }

  // deno-lint-ignore require-await -- what is wrong must come as a rejection.
  async refresh(shards: readonly number[]): Promise<void> {
    for (const shard of shards) {
      const owner = this.#owned.get(shard);
      if (owner === undefined || !this.#topic.isOwner(shard, owner)) {
        throw new OutputLogError(`Cannot refresh shard ${shard}: it has another owner`, {
          code: "fenced",
          retryable: false,
        });
      }
      this.#topic.appendAbortMarker(shard, owner, this.#clock.wallMs());
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function toResult(result: AppendResult): ProduceResult {
  switch (result.kind) {
    case "appended":
    case "duplicate":
      return { kind: "acknowledged", baseOffset: result.baseOffset };
    case "out_of_order":
    case "fenced":
    case "rejected":
      return result;
  }
}
