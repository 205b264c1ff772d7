import type { MemoryCheckpointDisk } from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import type { Random } from "../support/random.ts";
import { TIMESTAMP_AHEAD_MS_MAX } from "./simulated_log.ts";
import type { OutputChecker } from "./output_checker.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

/** What befalls the world outside of the processes: brokers, clocks, disks, retention. */
export class FaultSchedule {
  readonly #world: SimulatedWorld;
  readonly #checker: OutputChecker;
  readonly #disks: readonly MemoryCheckpointDisk[];
  readonly #random: Random;
  /** How far the wall clock is off, and how far it was at most. */
  #wallOffMs = 0;
  #wallOffMsMax = 0;
  #blipMs = 0;
  #hasJumped = false;

  constructor(
    world: SimulatedWorld,
    checker: OutputChecker,
    disks: readonly MemoryCheckpointDisk[],
    random: Random,
  ) {
    this.#world = world;
    this.#checker = checker;
    this.#disks = disks;
    this.#random = random;
  }

  step(): void {
    this.#breakBrokers();
    this.#moveWallClock();
    if (this.#random.chance(this.#world.amount("retention") * 0.1)) this.#dropOutput();
  }

  /** A process that starts takes the wall clock as it is: not while it is off for a moment. */
  mayStart(): boolean {
    return this.#blipMs === 0;
  }

  /** What changes while nobody runs. */
  beforeStart(): void {
    const { input, output } = this.#world;
    // From the first commit on it is known which topics are read.
    const mayGrow = input.committed[0]! >= 0 && input.names.length < 7;
    if (mayGrow && this.#random.chance(this.#world.amount("growth") * 0.2)) {
      const { topic } = this.#random.pick(input.names);
      this.#world.trace(`${topic} gets another partition`);
      input.addPartition(topic);
    }
    if (!this.#random.chance(this.#world.amount("diskFailure") * 0.5)) return;
    const disk = this.#random.pick(this.#disks);
    const shard = this.#random.int(0, output.partitions.length - 1);
    const chunks = disk.generations.get(shard)?.at(-1)?.chunks.length ?? 0;
    if (chunks > 0) disk.damageChunk(shard, this.#random.int(0, chunks - 1));
  }

  /**
   * Faults are over.
   *
   * @returns how long it takes until all of it is settled.
   */
  calm(): number {
    this.#world.isCalm = true;
    this.#world.leaderless.clear();
    this.#world.input.down.clear();
    this.#endBlip();
    // Where the clock was ahead once, shards may have gone along: the time comes again. What is
    // further ahead than the broker takes, none of them has: it has to be put right.
    const isStrict = this.#world.scenario.faults.strictTimestamps > 0;
    const offMs = Math.min(this.#wallOffMsMax, isStrict ? TIMESTAMP_AHEAD_MS_MAX : Infinity);
    if (offMs !== this.#wallOffMs) this.#jump(offMs - this.#wallOffMs);
    return this.#hasJumped ? CLOCK_SETTLES_MS : 0;
  }

  #breakBrokers(): void {
    const { leaderless, input, output, clock } = this.#world;
    const random = this.#random;
    if (random.chance(this.#world.amount("shardOutage") * 0.01)) {
      const shard = random.int(0, output.partitions.length - 1);
      if (!leaderless.has(shard)) {
        this.#world.trace(`shard ${shard} has no leader`);
        leaderless.add(shard);
        const ms = random.int(100, 6000);
        this.#world.ledAgainAtMs[shard] = clock.monotonicMs() + ms;
        clock.wakeAfter(ms, () => leaderless.delete(shard));
      }
    }
    if (random.chance(this.#world.amount("inputOutage") * 0.01)) {
      const partition = random.int(0, input.logs.length - 1);
      if (!input.down.has(partition)) {
        this.#world.trace(`input ${partition} cannot be fetched`);
        input.down.add(partition);
        clock.wakeAfter(random.int(100, 6000), () => input.down.delete(partition));
      }
    }
  }

  #moveWallClock(): void {
    const random = this.#random;
    if (this.#blipMs === 0 && random.chance(this.#world.amount("wallBlip") * 0.02)) {
      this.#blipMs = random.pick([1500, -1500, MINUTE * 5, -MINUTE * 5, HOUR, -HOUR, YEAR * 10]);
      this.#world.trace(`wall clock off by ${this.#blipMs} for a moment`);
      this.#world.clock.jumpWall(this.#blipMs);
      this.#world.clock.wakeAfter(random.int(100, 8000), () => this.#endBlip());
    }
    if (this.#blipMs === 0 && random.chance(this.#world.amount("wallStep") * 0.01)) {
      this.#jump(random.pick([500, -500, 1000, -1000, 5000, -5000, MINUTE * 5, -MINUTE * 5, HOUR]));
    }
  }

  #endBlip(): void {
    if (this.#blipMs === 0) return;
    this.#world.trace("wall clock set right");
    this.#world.clock.jumpWall(-this.#blipMs);
    this.#blipMs = 0;
  }

  #jump(ms: number): void {
    this.#world.trace(`wall clock moves by ${ms}`);
    this.#world.clock.jumpWall(ms);
    this.#hasJumped = true;
    this.#wallOffMs += ms;
    this.#wallOffMsMax = Math.max(this.#wallOffMsMax, this.#wallOffMs);
  }

  /** The most that retention may take: all that lies before R. */
  #dropOutput(): void {
    for (const [shard, { position }] of this.#checker.shards.entries()) {
      if (position !== null) this.#world.output.partition(shard).dropBefore(position.restoreOffset);
    }
  }
}

/** A jump that stands is adopted after a minute. */
const CLOCK_SETTLES_MS = 65_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
