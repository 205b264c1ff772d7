import type { EngineProcess } from "./engine_process.ts";
import type { OutputChecker } from "./output_checker.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

/**
 * What has to go on in spite of faults elsewhere: a shard whose owner lives and whose partition has
 * a leader writes its heartbeats in time, whatever befalls other shards and the input; no shard keeps
 * more events waiting than it may, and no process more sessions.
 */
export class Punctuality {
  readonly #world: SimulatedWorld;
  readonly #checker: OutputChecker;
  /** Monotonic instant since when nothing is wrong with a shard. */
  readonly #healthySinceMs: number[];
  readonly #isChecked: boolean;
  #looks = 0;

  constructor(world: SimulatedWorld, checker: OutputChecker) {
    this.#world = world;
    this.#checker = checker;
    this.#healthySinceMs = world.output.partitions.map(() => Infinity);
    // Timers follow the input, which may be far behind, and stand still while the clock is off.
    const { slowFetch, wallBlip, wallStep } = world.scenario.faults;
    this.#isChecked = slowFetch + wallBlip + wallStep === 0;
  }

  /** Called after each step. */
  look(processes: readonly EngineProcess[], fault: (what: string) => void): void {
    if (this.#looks++ % 8 === 0) this.#checkLimits(processes, fault);
    if (this.#isChecked) this.#checkTimers(processes, fault);
  }

  #checkLimits(processes: readonly EngineProcess[], fault: (what: string) => void): void {
    for (const process of processes) {
      if (!process.isRunning || process.clock.isSuspended) continue;
      const { shards, sessions, counters } = process.status();
      // What is restored is restored whole: an End that did not get into the log may have made room
      // for a Start of another shard, that did.
      const isLimitKept = process.id === 1 && counters.recoveries === 0;
      if (isLimitKept && sessions.active > this.#world.scenario.sessionsMax) {
        fault(`process ${process.id} has ${sessions.active} sessions`);
      }
      for (const { shard, queuedEvents } of shards) {
        if (queuedEvents > this.#world.scenario.limits.backlogEventsMax) {
          fault(`process ${process.id} keeps ${queuedEvents} events waiting for shard ${shard}`);
        }
      }
    }
  }

  #checkTimers(processes: readonly EngineProcess[], fault: (what: string) => void): void {
    const nowMs = this.#world.clock.monotonicMs();
    for (const shard of this.#healthySinceMs.keys()) {
      const owner = processes.find(({ id }) => id === this.#world.owners[shard]?.processId);
      const isHealthy = owner !== undefined && owner.isRunning && !owner.clock.isSuspended &&
        this.#world.claims[shard] === owner.id && nowMs > this.#world.ledAgainAtMs[shard]!;
      if (!isHealthy) this.#healthySinceMs[shard] = Infinity;
      else if (this.#healthySinceMs[shard] === Infinity) this.#healthySinceMs[shard] = nowMs;
      // Both may have changed in the middle of a long step.
      const sinceMs = Math.max(
        this.#healthySinceMs[shard]!,
        this.#world.ledAgainAtMs[shard]!,
        owner?.runningSinceMs ?? 0,
      );
      if (nowMs - sinceMs > LATE_MS_MAX) this.#checkShard(shard, fault);
    }
  }

  #checkShard(shard: number, fault: (what: string) => void): void {
    const nowMs = this.#world.trueMs();
    for (const { key, nextAtMs, writtenMs } of this.#checker.shards[shard]!.active.values()) {
      // Of a session that began long ago when its start came, many beats are due at once.
      if (nowMs - Math.max(nextAtMs, writtenMs) > LATE_MS_MAX) {
        fault(`${key} of shard ${shard} is due since ${nowMs - nextAtMs} ms, and all is well`);
      }
    }
  }
}

/** Answers take up to a second, some are lost several times in a row, and then comes a restore. */
const LATE_MS_MAX = 10_000;
