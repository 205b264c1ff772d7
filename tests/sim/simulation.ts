import { setImmediate } from "node:timers";
import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import { MemoryDeadLetters } from "../../lib/adapters/memory/memory_dead_letters.ts";
import { MemoryInput } from "../../lib/adapters/memory/memory_input.ts";
import { MemorySource } from "../../lib/adapters/memory/memory_source.ts";
import { MemoryTopic } from "../../lib/adapters/memory/memory_topic.ts";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import { createLogger } from "../../lib/telemetry/logger.ts";
import { Random } from "../support/random.ts";
import { OutputChecker } from "./output_checker.ts";
import { type LogFaults, SimulatedLog } from "./simulated_log.ts";
import { ProcessClock } from "./simulated_process.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Steps with faults; afterwards everything works and has to come to rest. */
  readonly steps: number;
  readonly trace?: (line: string) => void;
}

export interface SimulationResult {
  readonly faults: readonly string[];
  readonly records: number;
  readonly sessions: number;
  readonly crashes: number;
}

const RULES = { heartbeatIntervalMs: 1000, maxDurationMs: 7000, graceMs: 3000 };
const START_MS = Date.UTC(2025, 10, 1);
const NO_FAULTS: LogFaults = { lost: 0, replyLost: 0, slow: 0 };

/** One run of the real core and engine in a world of one thread, drawn from a seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  return await simulation.run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly #clock = new ManualClock(START_MS);
  readonly #input: MemoryInput;
  readonly #output: MemoryTopic;
  readonly #checker: OutputChecker;
  readonly #expected = new Set<string>();
  readonly #faults: LogFaults;
  readonly #missed: "coalesce" | "all";
  #isCalm = false;
  #process: ProcessClock | null = null;
  #engine: Engine | null = null;
  #failures: string[] = [];
  #crashes = 0;
  #sessionNumber = 0;
  #live: { device: string; session: number }[] = [];

  constructor(options: SimulationOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    this.#random = random;
    this.#missed = random.chance(0.5) ? "coalesce" : "all";
    this.#input = new MemoryInput({
      topics: [{ name: "events", partitions: random.int(1, 4) }],
      bufferBytesMax: 2 ** 30,
    });
    const partitions = random.int(1, 4);
    this.#output = new MemoryTopic({
      name: "sessions",
      partitions,
      batchBytesMax: random.chance(0.5) ? 65_536 : 1_048_576,
      retainedBytesMax: 2 ** 30,
    });
    this.#checker = new OutputChecker(this.#output, RULES.heartbeatIntervalMs);
    if (options.trace !== undefined) this.#checker.onRecord = (line) => this.#trace(`  > ${line}`);
    this.#faults = {
      lost: random.chance(0.5) ? random.fraction() * 0.1 : 0,
      replyLost: random.chance(0.5) ? random.fraction() * 0.1 : 0,
      slow: random.chance(0.5) ? random.fraction() * 0.2 : 0,
    };
  }

  async run(): Promise<SimulationResult> {
    const { steps } = this.#options;
    for (let step = 0; step < steps && this.#failures.length === 0; step++) {
      this.#trace(`step ${step} now ${this.#clock.wallMs() - START_MS}`);
      await this.#step();
      this.#checker.readOn();
      this.#failures.push(...this.#checker.faults);
    }
    if (this.#failures.length === 0) await this.#comeToRest();
    return {
      faults: this.#failures,
      records: this.#checker.records,
      sessions: this.#checker.sessions.size,
      crashes: this.#crashes,
    };
  }

  async #step(): Promise<void> {
    const random = this.#random;
    if (this.#engine === null) {
      if (random.chance(0.2)) this.#start();
    } else if (random.chance(0.01)) await this.#crash();
    else if (random.chance(0.004)) await this.#stop();
    if (random.chance(0.7)) this.#appendEvents();
    const leap = random.chance(0.01) ? random.int(500, 12_000) : random.int(0, 30);
    await this.#advance(leap);
  }

  /** Moves time in small pieces, so that promises settle where they would. */
  async #advance(ms: number): Promise<void> {
    for (let left = ms; left > 0;) {
      const piece = Math.min(left, 10);
      this.#clock.advance(piece);
      left -= piece;
      await settle();
    }
    await settle();
  }

  #start(): void {
    const process = new ProcessClock(this.#clock);
    const metrics = new EngineMetrics();
    const logger = createLogger({
      level: "info",
      format: "text",
      write: (line) => this.#trace(line.trimEnd()),
      wallMs: () => this.#clock.wallMs(),
    });
    const engine = new Engine({
      rules: { ...RULES, missed: this.#missed },
      recordLayout: "plain",
      eventLayout: () => PLAIN_EVENT_LAYOUT,
      eventBytesMax: 1_048_576,
      sessionsMax: 1_000_000,
      start: "earliest",
      checkpointIntervalMs: null,
      shutdownTimeoutMs: 10_000,
      tickMs: 5,
      hashSeed: 1,
      batches: {
        decompress: () => {
          throw new Error("no codec");
        },
        decompressedBytesMax: 0,
      },
      metrics,
      logger,
    }, {
      clock: process,
      source: new MemorySource(this.#input, process),
      log: new SimulatedLog({
        topic: this.#output,
        world: this.#clock,
        process,
        random: this.#random,
        faults: () => this.#isCalm ? NO_FAULTS : this.#faults,
      }),
      deadLetters: new MemoryDeadLetters(),
      checkpoints: null,
    });
    this.#trace("start");
    this.#process = process;
    this.#engine = engine;
    const failed = (error: unknown) => {
      if (!process.isKilled) this.#failures.push(`engine failed: ${(error as Error).stack}`);
    };
    engine.failed.catch(failed);
    engine.start().catch(failed);
  }

  async #crash(): Promise<void> {
    this.#trace("crash");
    this.#crashes++;
    this.#process!.kill();
    this.#engine = null;
    await settle();
  }

  async #stop(): Promise<void> {
    this.#trace("stop");
    const engine = this.#engine!;
    const process = this.#process!;
    this.#engine = null;
    let isStopped = false;
    engine.stop().then(() => isStopped = true);
    for (let i = 0; i < 2000 && !isStopped; i++) await this.#advance(10);
    if (!isStopped) this.#failures.push("the engine does not stop");
    process.kill();
  }

  #appendEvents(): void {
    const random = this.#random;
    for (let i = random.int(1, 4); i > 0; i--) {
      const timestampMs = this.#clock.wallMs() - (random.chance(0.2) ? random.int(0, 800) : 0);
      if (random.chance(0.55) || this.#live.length === 0) {
        const session = ++this.#sessionNumber;
        const device = `device-${random.int(1, 12)}`;
        this.#expected.add(`${device} ${session}`);
        this.#live.push({ device, session });
        const early = random.chance(0.1);
        if (early) this.#append("end", device, session, timestampMs);
        this.#append("start", device, session, timestampMs);
        if (random.chance(0.1)) this.#append("start", device, session, timestampMs);
      } else {
        const [live] = this.#live.splice(random.int(0, this.#live.length - 1), 1);
        if (random.chance(0.8)) this.#append("end", live!.device, live!.session, timestampMs);
      }
    }
    if (random.chance(0.02)) {
      const value = new TextEncoder().encode("{garbage");
      const partition = random.int(0, this.#input.partitions.length - 1);
      const timestampMs = this.#clock.wallMs();
      this.#input.appendRecords(partition, [{ timestampMs, key: null, value, headers: [] }]);
    }
  }

  #append(type: string, deviceId: string, sessionId: number, timestampMs: number): void {
    const event = { type, deviceId, sessionId, timestamp: timestampMs };
    this.#trace(`  ${type} ${deviceId} ${sessionId}`);
    const value = new TextEncoder().encode(JSON.stringify(event));
    const partition = this.#random.int(0, this.#input.partitions.length - 1);
    this.#input.appendRecords(partition, [{ timestampMs, key: null, value, headers: [] }]);
  }

  /** Faults stop: every session that was started has to end, each exactly once. */
  async #comeToRest(): Promise<void> {
    this.#isCalm = true;
    if (this.#engine === null) this.#start();
    await this.#advance(RULES.maxDurationMs + RULES.graceMs + 15_000);
    this.#checker.readOn();
    this.#failures.push(...this.#checker.faults);
    const { sessions } = this.#checker;
    for (const key of this.#expected) {
      const session = sessions.get(key);
      if (session === undefined) this.#failures.push(`${key} was started and is not in the output`);
      else if (session.endReason === null) this.#failures.push(`${key} has no End`);
    }
    if (sessions.size !== this.#expected.size) {
      this.#failures.push(`${sessions.size} sessions, ${this.#expected.size} were started`);
    }
    if (this.#failures.length === 0) await this.#stop();
  }

  #trace(line: string): void {
    this.#options.trace?.(line);
  }
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
