import type { FollowedBatch } from "./output_follower.ts";

/** What a restart looked like from the output, times in epoch milliseconds. */
export interface TakeOver {
  /** The last batch of the engine that was killed, when it was seen. */
  readonly lastBeforeMs: number | null;
  /** The first batch of its successor on any shard, when it was seen. */
  readonly firstAfterMs: number | null;
  /** When the last of the shards that had written before had its first new batch seen. */
  readonly everyShardMs: number | null;
  readonly shardsTakenOver: number;
  readonly shards: number;
}

/** Watches the writer of each partition: a new engine has another producer id, or a newer epoch. */
export class TakeOvers {
  readonly #writers: string[];
  readonly #old: string[];
  readonly #firstMs: (number | null)[];
  #watching = false;
  #lastBeforeMs: number | null = null;

  constructor(partitions: number) {
    this.#writers = Array.from({ length: partitions }, () => "");
    this.#old = [...this.#writers];
    this.#firstMs = Array.from({ length: partitions }, () => null);
  }

  /** The engine was killed. */
  start(): void {
    this.#watching = true;
    for (let i = 0; i < this.#writers.length; i++) this.#old[i] = this.#writers[i]!;
  }

  take(batch: FollowedBatch): void {
    const { partition, seenMs } = batch;
    const writer = `${batch.producerId}:${batch.epoch}`;
    this.#writers[partition] = writer;
    if (!this.#watching || writer === this.#old[partition]) this.#lastBeforeMs = seenMs;
    else if (this.#old[partition] !== "") this.#firstMs[partition] ??= seenMs;
  }

  report(): TakeOver | null {
    if (!this.#watching) return null;
    const shards = this.#old.filter((writer) => writer !== "").length;
    const firsts = this.#firstMs.filter((ms) => ms !== null);
    return {
      lastBeforeMs: this.#lastBeforeMs,
      firstAfterMs: firsts.length === 0 ? null : Math.min(...firsts),
      everyShardMs: firsts.length < shards || shards === 0 ? null : Math.max(...firsts),
      shardsTakenOver: firsts.length,
      shards,
    };
  }
}
