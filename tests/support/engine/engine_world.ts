import { setImmediate } from "node:timers";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import {
  MemoryCheckpointDisk,
  MemoryCheckpointStore,
} from "../../../lib/adapters/memory/memory_checkpoint_store.ts";
import { MemoryDeadLetters } from "../../../lib/adapters/memory/memory_dead_letters.ts";
import { MemoryInput } from "../../../lib/adapters/memory/memory_input.ts";
import { MemorySource } from "../../../lib/adapters/memory/memory_source.ts";
import { MemoryTopic } from "../../../lib/adapters/memory/memory_topic.ts";
import { PLAIN_EVENT_LAYOUT } from "../../../lib/core/event_layout.ts";
import { partitionOf } from "../../../lib/core/murmur2.ts";
import type { SessionRules } from "../../../lib/core/session_rules.ts";
import { Engine } from "../../../lib/engine/engine.ts";
import { ENGINE_LIMITS, type EngineLimits } from "../../../lib/engine/engine_limits.ts";
import type { EnginePorts, LostSessions } from "../../../lib/engine/engine_options.ts";
import type { Clock } from "../../../lib/ports/clock.ts";
import { EngineMetrics } from "../../../lib/telemetry/engine_metrics.ts";
import { createLogger } from "../../../lib/telemetry/logger.ts";
import { type OutputBatch, type OutputRecord, readOutput } from "./output_records.ts";
import { ScriptedLog } from "./scripted_log.ts";

export interface EngineWorldOptions {
  readonly outputPartitions?: number;
  readonly inputPartitions?: number;
  readonly rules?: Partial<SessionRules>;
  readonly batchBytesMax?: number;
  readonly wallMs?: number;
}

export interface EngineStartOptions {
  readonly rules?: Partial<SessionRules>;
  readonly limits?: Partial<EngineLimits>;
  readonly sessionsMax?: number;
  readonly start?: "earliest" | "latest";
  readonly rememberedMax?: number;
  readonly fencing?: boolean;
  readonly lostSessions?: LostSessions;
  readonly checkpointIntervalMs?: number;
  readonly wrapPorts?: (ports: EnginePorts) => EnginePorts;
}

export const WORLD_START_MS = Date.UTC(2025, 10, 1);

/** Topics, a disk and a clock in memory, which outlive the engines that the test starts in them. */
export class EngineWorld {
  readonly clock: ManualClock;
  readonly input: MemoryInput;
  readonly output: MemoryTopic;
  readonly letters = new MemoryDeadLetters();
  readonly disk = new MemoryCheckpointDisk();
  readonly #rules: SessionRules;

  constructor(options: EngineWorldOptions = {}) {
    this.clock = new ManualClock(options.wallMs ?? WORLD_START_MS);
    this.input = new MemoryInput({
      topics: [{ name: "events", partitions: options.inputPartitions ?? 1 }],
      bufferBytesMax: 1 << 30,
    });
    this.output = new MemoryTopic({
      name: "sessions",
      partitions: options.outputPartitions ?? 1,
      batchBytesMax: options.batchBytesMax ?? 1 << 20,
      retainedBytesMax: 1 << 30,
    });
    this.#rules = { ...RULES, ...options.rules };
  }

  /** An engine in a process of its own, not started yet. */
  engine(options: EngineStartOptions = {}): EngineProcess {
    return new EngineProcess(this, { ...this.#rules, ...options.rules }, options);
  }

  /** Appends a start event; its record has the wall clock's time unless told otherwise. */
  sendStart(device: string, session: number | string, options: SendOptions = {}): void {
    this.send({ type: "start", deviceId: device, sessionId: session }, options);
  }

  sendEnd(device: string, session: number | string, options: SendOptions = {}): void {
    this.send({ type: "end", deviceId: device, sessionId: session }, options);
  }

  send(event: unknown, options: SendOptions = {}): void {
    this.sendText(JSON.stringify(event), options);
  }

  sendText(value: string, { atMs, partition }: SendOptions = {}): void {
    const timestampMs = atMs ?? this.clock.wallMs();
    this.input.appendRecords(partition ?? 0, [
      { timestampMs, key: null, value: new TextEncoder().encode(value), headers: [] },
    ]);
  }

  batches(shard = 0): OutputBatch[] {
    return readOutput(this.output, shard);
  }

  /** All records of the output, in the order of their partitions. */
  records(): OutputRecord[] {
    return this.output.partitions.flatMap((_, shard) =>
      this.batches(shard).flatMap(({ records }) => records)
    );
  }

  /** `Start 1`, `Heartbeat 1 k`, `End 1 reason`, of one device. */
  storyOf(device: string): string[] {
    return this.records().filter((record) => record.device === device).map((record) => {
      const kind = record.status.slice("Session".length);
      if (kind === "Start") return `Start ${record.session}`;
      return `${kind} ${record.session} ${kind === "End" ? record.reason : record.seq}`;
    });
  }

  /** A device whose key falls on the shard. */
  deviceOn(shard: number, number = 0): string {
    let found = 0;
    for (let i = 0;; i++) {
      const device = `device-${i}`;
      const bytes = new TextEncoder().encode(device);
      if (partitionOf(bytes, 0, bytes.length, this.output.partitions.length) !== shard) continue;
      if (found++ === number) return device;
    }
  }

  /** Moves time on from wake to wake; promises settle in between. */
  async advance(ms: number): Promise<void> {
    await settle();
    const targetMs = this.clock.monotonicMs() + ms;
    while (true) {
      const nextMs = this.clock.nextWakeMs();
      if (nextMs === null || nextMs > targetMs) break;
      this.clock.advance(Math.max(0, nextMs - this.clock.monotonicMs()));
      await settle();
    }
    this.clock.advance(Math.max(0, targetMs - this.clock.monotonicMs()));
    await settle();
  }
}

export interface SendOptions {
  /** Timestamp of the record. */
  readonly atMs?: number;
  readonly partition?: number;
}

/** An engine, its scripted log and what it logged. */
export class EngineProcess {
  readonly engine: Engine;
  readonly log: ScriptedLog;
  readonly metrics = new EngineMetrics();
  readonly lines: string[] = [];
  /** Why it gave up. */
  failure: unknown;
  isStarted = false;
  readonly #world: EngineWorld;
  readonly #clock: MortalClock;

  constructor(world: EngineWorld, rules: SessionRules, options: EngineStartOptions) {
    this.#world = world;
    const clock = new MortalClock(world.clock);
    this.#clock = clock;
    this.log = new ScriptedLog(world.output, clock);
    const ports: EnginePorts = {
      clock,
      source: new MemorySource(world.input, clock),
      log: this.log,
      deadLetters: world.letters,
      checkpoints: new MemoryCheckpointStore(world.disk),
    };
    this.engine = new Engine({
      rules,
      recordLayout: "plain",
      eventLayout: () => PLAIN_EVENT_LAYOUT,
      eventBytesMax: 1_048_576,
      sessionsMax: options.sessionsMax ?? 1_000_000,
      groupId: "sessionwheel",
      start: options.start ?? "earliest",
      checkpointIntervalMs: options.checkpointIntervalMs ?? null,
      rememberedMax: options.rememberedMax ?? 5_000_000,
      fencing: options.fencing ?? true,
      lostSessions: options.lostSessions ?? "refuse",
      shutdownTimeoutMs: 10_000,
      tickMs: 5,
      hashSeed: 1,
      limits: { ...ENGINE_LIMITS, ...options.limits },
      batches: {
        decompress: () => {
          throw new Error("no codec");
        },
        decompressedBytesMax: 0,
      },
      metrics: this.metrics,
      logger: createLogger({
        level: "info",
        format: "text",
        write: (line) => this.lines.push(line.trimEnd()),
        wallMs: () => world.clock.wallMs(),
      }),
    }, options.wrapPorts?.(ports) ?? ports);
    this.engine.failed.catch((error) => this.failure = error);
  }

  /** Starts it and waits until it runs. */
  async start(): Promise<void> {
    this.engine.start().then(() => this.isStarted = true, (error) => this.failure = error);
    for (let i = 0; i < 200 && !this.isStarted && this.failure === undefined; i++) {
      await this.#world.advance(50);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** Stops it in order. @returns whether all was settled, and how long it took. */
  async stop(): Promise<{ isSettled: boolean; tookMs: number }> {
    const fromMs = this.#world.clock.monotonicMs();
    let isSettled: boolean | null = null;
    this.engine.stop().then((settled) => isSettled = settled, (error) => this.failure = error);
    for (let i = 0; i < 4_000 && isSettled === null && this.failure === undefined; i++) {
      await this.#world.advance(5);
    }
    if (isSettled === null) throw this.failure ?? new Error("the engine does not stop");
    return { isSettled, tookMs: this.#world.clock.monotonicMs() - fromMs };
  }

  /** As kill -9: nothing of it runs any more. */
  kill(): void {
    this.#clock.isDead = true;
  }

  /** As SIGSTOP: time passes, and nothing of it runs until `thaw`. */
  freeze(): void {
    this.#clock.isFrozen = true;
  }

  /** As SIGCONT: what it would have been woken for meanwhile comes at once, in order. */
  thaw(): void {
    this.#clock.thaw();
  }

  /** Wakes that it has asked for and got. */
  get wakes(): number {
    return this.#clock.wakes;
  }

  /** The lines of the log that hold this text. */
  logged(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }
}

/** The clock of a process that may be killed or stopped; what it does takes a little time. */
class MortalClock implements Clock {
  isDead = false;
  isFrozen = false;
  wakes = 0;
  #overdue: (() => void)[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wakeAfter(delayMs: number, wake: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (this.isDead || isCancelled) return;
      if (this.isFrozen) {
        this.#overdue.push(run);
        return;
      }
      this.wakes++;
      wake();
    };
    const cancel = this.#clock.wakeAfter(Math.max(delayMs, WAKE_MS_MIN), run);
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  thaw(): void {
    this.isFrozen = false;
    const overdue = this.#overdue;
    this.#overdue = [];
    for (const run of overdue) run();
  }
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const RULES: SessionRules = {
  heartbeatIntervalMs: 30_000,
  maxDurationMs: 1_800_000,
  graceMs: 30_000,
  missed: "coalesce",
};
const WAKE_MS_MIN = 0.05;
