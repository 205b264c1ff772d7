import type { InputPartition, QueuedFetch } from "./input_partition.ts";

/**
 * Events that were taken for a shard which cannot apply them yet, in order: its two batches are in
 * flight, its batch is full, or it is not running. Each keeps the frontier as of when it was taken.
 */
export class EventBacklog {
  #partitions: InputPartition[] = [];
  #fetches: QueuedFetch[] = [];
  #events: number[] = [];
  #frontiers: number[] = [];
  #first = 0;

  get size(): number {
    return this.#events.length - this.#first;
  }

  push(partition: InputPartition, queued: QueuedFetch, event: number, frontierMs: number): void {
    this.#partitions.push(partition);
    this.#fetches.push(queued);
    this.#events.push(event);
    this.#frontiers.push(frontierMs);
  }

  get partition(): InputPartition {
    return this.#partitions[this.#first]!;
  }

  get queued(): QueuedFetch {
    return this.#fetches[this.#first]!;
  }

  get event(): number {
    return this.#events[this.#first]!;
  }

  get frontierMs(): number {
    return this.#frontiers[this.#first]!;
  }

  /** Drops the first event, which was applied. */
  shift(): void {
    this.#first++;
    if (this.#first < COMPACT_AT && this.#first < this.#events.length) return;
    if (this.#first * 2 < this.#events.length) return;
    this.#partitions = this.#partitions.slice(this.#first);
    this.#fetches = this.#fetches.slice(this.#first);
    this.#events = this.#events.slice(this.#first);
    this.#frontiers = this.#frontiers.slice(this.#first);
    this.#first = 0;
  }

  clear(): void {
    this.#partitions = [];
    this.#fetches = [];
    this.#events = [];
    this.#frontiers = [];
    this.#first = 0;
  }

  /**
   * Lowers the position of each input partition that has an event here to its first one.
   *
   * @param positions Next offset per input partition; changed in place.
   */
  lowerPositions(positions: Float64Array): void {
    for (let i = this.#first; i < this.#events.length; i++) {
      const partition = this.#partitions[i]!.index;
      const offset = this.#fetches[i]!.chunk.offset(this.#events[i]!);
      if (offset < positions[partition]!) positions[partition] = offset;
    }
  }
}

const COMPACT_AT = 1024;
