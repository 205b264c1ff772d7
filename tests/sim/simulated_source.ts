import type { InputPartition, InputRange, Source, SourceListener } from "../../lib/ports/source.ts";
import { SourceError } from "../../lib/ports/source.ts";
import type { Random } from "../support/random.ts";
import type { ProcessClock } from "./simulated_process.ts";
import { never, type SimulatedWorld } from "./simulated_world.ts";

export interface SimulatedSourceOptions {
  readonly world: SimulatedWorld;
  readonly process: ProcessClock;
  readonly processId: number;
  readonly random: Random;
  /** Looks at group offsets before they are stored. */
  readonly onCommit: (offsets: readonly number[]) => void;
}

/**
 * The source over the world's input, with a network in between: a fetch a partition under way at a
 * time, whose answer takes its while and is old by then, of a few records or many.
 */
export class SimulatedSource implements Source {
  readonly #world: SimulatedWorld;
  readonly #process: ProcessClock;
  readonly #processId: number;
  readonly #random: Random;
  readonly #onCommit: (offsets: readonly number[]) => void;
  /** As of the opening: a topic that grows is seen by the next process. */
  readonly #partitions: readonly InputPartition[];
  readonly #paused: boolean[];
  readonly #reachable: boolean[];
  /** Whether a fetch was held already: it answers now, empty or not. */
  readonly #waited: boolean[];
  readonly #offsets: number[];
  #listener: SourceListener | null = null;
  #generation = 0;

  constructor(options: SimulatedSourceOptions) {
    this.#world = options.world;
    this.#process = options.process;
    this.#processId = options.processId;
    this.#random = options.random;
    this.#onCommit = options.onCommit;
    this.#partitions = [...options.world.input.names];
    this.#paused = this.#partitions.map(() => false);
    this.#reachable = this.#partitions.map(() => true);
    this.#waited = this.#partitions.map(() => false);
    this.#offsets = this.#partitions.map(() => 0);
  }

  async open(): Promise<readonly InputPartition[]> {
    await this.#delay(this.#random.int(1, 10));
    return this.#partitions;
  }

  async ranges(): Promise<readonly InputRange[]> {
    await this.#delay(this.#random.int(1, 10));
    const ranges = this.#partitions.map((_, p) => {
      const { logStart, end } = this.#world.input.logs[p]!;
      return { logStart, end };
    });
    await this.#delay(this.#random.int(1, 10));
    return ranges;
  }

  async committedOffsets(): Promise<readonly number[]> {
    await this.#delay(this.#random.int(1, 10));
    if (this.#generation === 0) this.#world.beginnings.asked(this.#processId);
    return this.#partitions.map((_, p) => this.#world.input.committed[p]!);
  }

  async commitOffsets(offsets: readonly number[]): Promise<void> {
    if (this.#process.isKilled) return never();
    await this.#delay(this.#random.int(1, 5));
    if (this.#random.chance(this.#world.amount("commitFailure"))) {
      throw new SourceError("the coordinator is not there", { code: "other", retryable: true });
    }
    if (!this.#world.passes(this.#process, "before a commit")) return never();
    this.#world.trace(`  process ${this.#processId} commits ${offsets.join(" ")}`);
    this.#world.beginnings.committed(this.#processId, offsets);
    this.#onCommit(offsets);
    for (const [p, offset] of offsets.entries()) {
      if (offset >= 0) this.#world.input.committed[p] = offset;
    }
    if (!this.#world.passes(this.#process, "after a commit")) return never();
    await this.#delay(this.#random.int(1, 5));
  }

  start(offsets: readonly number[], listener: SourceListener): void {
    if (this.#process.isKilled) return;
    this.#listener = listener;
    const generation = ++this.#generation;
    for (const [p, offset] of offsets.entries()) {
      this.#offsets[p] = offset;
      this.#paused[p] = false;
      this.#reachable[p] = true;
      this.#waited[p] = true;
      this.#fetchLater(p, generation, this.#fetchMs());
    }
  }

  setPaused(partition: number, paused: boolean): void {
    this.#paused[partition] = paused;
  }

  async stop(): Promise<void> {
    await this.#delay(this.#random.int(0, 20));
    this.#generation++;
    this.#listener = null;
  }

  #fetchMs(): number {
    const isSlow = this.#random.chance(this.#world.amount("slowFetch") * 0.5);
    return isSlow ? this.#random.int(20, 900) : this.#random.int(1, 8);
  }

  #fetchLater(partition: number, generation: number, delayMs: number): void {
    this.#process.wakeAfter(delayMs, () => {
      if (generation === this.#generation) this.#fetch(partition, generation);
    });
  }

  #fetch(partition: number, generation: number): void {
    const { input } = this.#world;
    if (input.names.length > this.#partitions.length && this.#random.chance(0.3)) {
      const code = "partitions_added";
      this.#listener!.onError(new SourceError("a topic has grown", { code, retryable: false }));
    }
    if (this.#paused[partition]) return this.#fetchLater(partition, generation, 5);
    if (input.down.has(partition)) {
      // It takes a while to find out, or it is never known for sure.
      if (this.#reachable[partition] && this.#random.chance(0.3)) {
        this.#reachable[partition] = false;
        this.#listener!.onPartitionState(partition, false);
      }
      return this.#fetchLater(partition, generation, this.#random.int(20, 200));
    }
    if (!this.#reachable[partition]) {
      this.#reachable[partition] = true;
      this.#listener!.onPartitionState(partition, true);
    }
    const fetchOffset = this.#offsets[partition]!;
    const { logStart, end: highWatermark } = input.logs[partition]!;
    const waited = this.#waited[partition]!;
    if (fetchOffset === highWatermark && !waited) return this.#wait(partition, generation);
    this.#waited[partition] = false;
    const bytesMax = this.#random.chance(0.3) ? this.#random.int(1, 1000) : 1_048_576;
    const records = input.read(partition, fetchOffset, bytesMax);
    this.#process.wakeAfter(this.#fetchMs(), () => {
      if (generation !== this.#generation) return;
      this.#offsets[partition] = endOf(records, fetchOffset);
      this.#listener!.onFetch({ partition, fetchOffset, records, highWatermark, logStart });
      if (generation === this.#generation) this.#fetchLater(partition, generation, 0);
    });
  }

  /** A broker holds a fetch that has nothing to tell until it has, or half a second is over. */
  #wait(partition: number, generation: number): void {
    const goOn = () => {
      cancel();
      unsubscribe();
      this.#waited[partition] = true;
      if (generation === this.#generation) this.#fetch(partition, generation);
    };
    const cancel = this.#process.wakeAfter(500, goOn);
    const unsubscribe = this.#world.input.onAppend((appended) => {
      if (appended !== partition) return;
      unsubscribe();
      cancel();
      this.#process.wakeAfter(0, goOn);
    });
  }

  async #delay(ms: number): Promise<void> {
    if (this.#process.isKilled) return never();
    await new Promise<void>((resolve) => this.#process.wakeAfter(ms, resolve));
  }
}

/** Offset after the last batch, or `fetchOffset` when there is none. */
function endOf(records: Uint8Array, fetchOffset: number): number {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let end = fetchOffset;
  for (let at = 0; at < records.length; at += 12 + view.getInt32(at + 8)) {
    end = Number(view.getBigInt64(at)) + view.getInt32(at + 23) + 1;
  }
  return end;
}
