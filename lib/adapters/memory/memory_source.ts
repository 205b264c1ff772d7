import type { Clock } from "../../ports/clock.ts";
import {
  type InputPartition,
  type InputRange,
  type Source,
  SourceError,
  type SourceListener,
} from "../../ports/source.ts";
import type { MemoryInput } from "./memory_input.ts";
import { MemoryPartition } from "./memory_partition.ts";

/** Bytes of records a partition and a fetch. */
const FETCH_BYTES_MAX = 1024 * 1024;

/**
 * The source over a `MemoryInput`, for `demo`, HTTP input and tests. Fetches answer in wakes of the
 * clock, each with at most 1 MiB of real record batches.
 */
export class MemorySource implements Source {
  readonly #input: MemoryInput;
  readonly #clock: Clock;
  readonly #offsets: number[];
  readonly #paused: boolean[];
  /** Partitions that have something to tell: new records, or the end at the start. */
  readonly #ready = new Set<number>();
  #listener: SourceListener | null = null;
  #endSubscription = () => {};
  #cancelWake: (() => void) | null = null;

  constructor(input: MemoryInput, clock: Clock) {
    this.#input = input;
    this.#clock = clock;
    this.#offsets = input.partitions.map(() => 0);
    this.#paused = input.partitions.map(() => false);
  }

  open(): Promise<readonly InputPartition[]> {
    return Promise.resolve(this.#input.partitions);
  }

  ranges(): Promise<readonly InputRange[]> {
    return Promise.resolve(this.#input.logs.map(({ logStart, end }) => ({ logStart, end })));
  }

  committedOffsets(): Promise<readonly number[]> {
    return Promise.resolve([...this.#input.committed]);
  }

  commitOffsets(offsets: readonly number[]): Promise<void> {
    for (const [partition, offset] of offsets.entries()) {
      if (offset >= 0) this.#input.commitOffset(partition, offset);
    }
    return Promise.resolve();
  }

  start(offsets: readonly number[], listener: SourceListener): void {
    this.#listener = listener;
    this.#endSubscription();
    this.#endSubscription = this.#input.onAppend((partition) => this.#wake(partition));
    for (const [partition, offset] of offsets.entries()) {
      this.#offsets[partition] = offset;
      this.#paused[partition] = false;
      this.#wake(partition);
    }
  }

  setPaused(partition: number, paused: boolean): void {
    this.#paused[partition] = paused;
    if (!paused && this.#listener !== null) this.#wake(partition);
  }

  stop(): Promise<void> {
    this.#listener = null;
    this.#endSubscription();
    this.#cancelWake?.();
    this.#cancelWake = null;
    return Promise.resolve();
  }

  #wake(partition: number): void {
    this.#ready.add(partition);
    this.#cancelWake ??= this.#clock.wakeAfter(0, () => {
      this.#cancelWake = null;
      this.#fetch();
    });
  }

  /** Answers one fetch of all partitions. */
  #fetch(): void {
    const ready = [...this.#ready].sort((a, b) => a - b);
    this.#ready.clear();
    for (const partition of ready) {
      // The listener may pause or stop.
      if (this.#listener === null) return;
      if (!this.#paused[partition]) this.#fetchPartition(partition, this.#listener);
    }
  }

  #fetchPartition(partition: number, listener: SourceListener): void {
    const log = this.#input.logs[partition]!;
    const fetchOffset = this.#offsets[partition]!;
    if (fetchOffset < log.logStart || fetchOffset > log.end) {
      this.#paused[partition] = true;
      const { topic, partition: number } = this.#input.partitions[partition]!;
      listener.onError(
        new SourceError(
          `Cannot fetch ${topic}-${number} from offset ${fetchOffset}: ` +
            `it holds ${log.logStart} to ${log.end}`,
          { code: "offset_out_of_range", retryable: false, partition },
        ),
      );
      return;
    }
    const records = log.read(fetchOffset, log.end, FETCH_BYTES_MAX);
    if (records.length > 0) this.#offsets[partition] = MemoryPartition.endOf(records);
    if (this.#offsets[partition]! < log.end) this.#wake(partition);
    const { end: highWatermark, logStart } = log;
    listener.onFetch({ partition, fetchOffset, records, highWatermark, logStart });
  }
}
