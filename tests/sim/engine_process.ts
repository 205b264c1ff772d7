import type { MemoryCheckpointDisk } from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import { PLAIN_EVENT_LAYOUT, rtmGamingEventLayout } from "../../lib/core/event_layout.ts";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { EngineOptions } from "../../lib/engine/engine_options.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import type { EngineStatus } from "../../lib/telemetry/engine_status.ts";
import { createLogger } from "../../lib/telemetry/logger.ts";
import type { Random } from "../support/random.ts";
import { wrapDeadLetters } from "./canaries.ts";
import { SimulatedCheckpoints } from "./simulated_checkpoints.ts";
import { SimulatedDeadLetters } from "./simulated_dead_letters.ts";
import { SimulatedLog } from "./simulated_log.ts";
import { ProcessClock } from "./simulated_process.ts";
import { SimulatedSource } from "./simulated_source.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

export interface EngineProcessOptions {
  readonly id: number;
  readonly world: SimulatedWorld;
  readonly rules: SessionRules;
  readonly random: Random;
  /** Where its checkpoints are; no other process uses it while this one lives. */
  readonly disk: MemoryCheckpointDisk;
  readonly onCommit: (offsets: readonly number[]) => void;
}

/** One process with the real engine in it, on the ports of the simulated world. */
export class EngineProcess {
  readonly id: number;
  readonly rules: SessionRules;
  readonly clock: ProcessClock;
  readonly disk: MemoryCheckpointDisk;
  readonly engine: Engine;
  /** When every shard ran; NaN before. Monotonic. */
  runningSinceMs = NaN;
  /** Why the engine gave up, or undefined. */
  failure: unknown;
  isStopping = false;
  isStopped = false;
  onStarted: () => void = () => {};
  readonly #world: SimulatedWorld;

  constructor(options: EngineProcessOptions) {
    const { id, world, rules, random } = options;
    this.id = id;
    this.rules = rules;
    this.disk = options.disk;
    this.#world = world;
    const process = new ProcessClock(world.clock);
    this.clock = process;
    this.engine = new Engine(engineOptions(world, id, rules), {
      clock: process,
      source: new SimulatedSource({
        world,
        process,
        processId: id,
        random: random.fork(),
        onCommit: options.onCommit,
      }),
      log: new SimulatedLog({ world, process, processId: id, rules, random: random.fork() }),
      deadLetters: wrapDeadLetters(
        new SimulatedDeadLetters({ world, process, random: random.fork() }),
      ),
      checkpoints: world.scenario.checkpoints === "none"
        ? null
        : new SimulatedCheckpoints({ world, process, disk: options.disk, random: random.fork() }),
    });
  }

  /** Whether it restores all that is in the log, and nothing but that. */
  get isRestoredExactly(): boolean {
    const { checkpoints, faults } = this.#world.scenario;
    return checkpoints === "none" && faults.ruleChange === 0;
  }

  get isAlive(): boolean {
    return !this.clock.isKilled && !this.isStopped && this.failure === undefined;
  }

  get isRunning(): boolean {
    return this.isAlive && !Number.isNaN(this.runningSinceMs) && !this.isStopping;
  }

  start(): void {
    const failed = (error: unknown) => {
      if (this.clock.isKilled || this.failure !== undefined) return;
      this.#world.trace(`[${this.id}] failed: ${error}`);
      this.failure = error;
    };
    this.engine.failed.catch(failed);
    this.engine.start().then(() => {
      if (this.clock.isKilled || this.isStopping) return;
      this.runningSinceMs = this.#world.clock.monotonicMs();
      this.onStarted();
    }, failed);
  }

  kill(): void {
    this.clock.kill();
  }

  /** Begins to stop in order; `isStopped` tells the end. */
  stop(): void {
    this.isStopping = true;
    this.engine.stop().then(() => {
      if (!this.clock.isKilled) this.isStopped = true;
    }, (error) => this.failure = error);
  }

  /** The shards that this process took last. */
  owned(): number[] {
    return [...this.#world.owners.keys()].filter((shard) =>
      this.#world.owners[shard]?.processId === this.id
    );
  }

  /**
   * Those of them that it has not given up: one that died between a new epoch and its marker leaves
   * them to nobody, and who had them before takes them for taken over once it asks.
   */
  kept(): number[] {
    const { shards } = this.status();
    return this.owned().filter((shard) => shards[shard]?.state !== "stopped");
  }

  status(): EngineStatus {
    return this.engine.status();
  }
}

function engineOptions(world: SimulatedWorld, id: number, rules: SessionRules): EngineOptions {
  const { scenario } = world;
  return {
    rules,
    recordLayout: scenario.outputLayout,
    eventLayout: (topic) =>
      scenario.inputLayout === "plain" ? PLAIN_EVENT_LAYOUT : rtmGamingEventLayout(topic),
    eventBytesMax: 1_048_576,
    sessionsMax: scenario.sessionsMax,
    limits: scenario.limits,
    groupId: "sessionwheel",
    start: scenario.start,
    checkpointIntervalMs: scenario.checkpoints === "everySecond" ? 1000 : null,
    rememberedMax: 5_000_000,
    fencing: true,
    lostSessions: "refuse",
    shutdownTimeoutMs: 10_000,
    tickMs: 5,
    hashSeed: 1,
    batches: {
      decompress: () => {
        throw new Error("no codec");
      },
      decompressedBytesMax: 0,
    },
    metrics: new EngineMetrics(),
    logger: createLogger({
      level: world.isTraced ? "info" : "error",
      format: "text",
      write: (line) => world.trace(`[${id}] ${line.trimEnd()}`),
      wallMs: () => world.clock.wallMs(),
    }),
  };
}
