import type { InputPartition, QueuedFetch } from "./input_partition.ts";

/**
 * Events that were taken for a shard which cannot apply them yet, in order: its batches are all in
 * flight, its batch is full, or it is not running. Each keeps the frontier as of when it was taken.
 */
export class EventBacklog {
  #partitions: InputPartition[] = [];
  #fetches: QueuedFetch[] = [];
  #events: number[] = [];
  #frontiers: number[] = [];
  #first = 0;
  /** Events here, by input partition, and how many partitions have one. */
  readonly #counts: number[] = [];
  #partitionCount = 0;

  get size(): number {
    return this.#events.length - this.#first;
  }

  push(partition: InputPartition, queued: QueuedFetch, event: number, frontierMs: number): void {
    this.#partitions.push(partition);
    this.#fetches.push(queued);
    this.#events.push(event);
    this.#frontiers.push(frontierMs);
    const { index } = partition;
    const count = this.#counts[index] ?? 0;
    if (count === 0) this.#partitionCount++;
    this.#counts[index] = count + 1;
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
    const { index } = this.partition;
    const count = this.#counts[index]! - 1;
    this.#counts[index] = count;
    if (count === 0) this.#partitionCount--;
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
    this.#counts.length = 0;
    this.#partitionCount = 0;
  }

  /**
   * Lowers the position of each input partition that has an event here to its first one.
   *
   * @param positions Next offset per input partition; changed in place.
   */
  lowerPositions(positions: Float64Array): void {
    // Of a partition the first event here has the lowest offset: what comes after it is not read.
    const seen = new Set<number>();
    for (let i = this.#first; seen.size < this.#partitionCount; i++) {
      const partition = this.#partitions[i]!.index;
      if (seen.has(partition)) continue;
      seen.add(partition);
      const offset = this.#fetches[i]!.chunk.offset(this.#events[i]!);
      if (offset < positions[partition]!) positions[partition] = offset;
    }
  }
}

const COMPACT_AT = 1024;
