import type { TestBroker } from "../support/kafka/broker.ts";
import { pause } from "../support/kafka/broker_process.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";
import { BatchWatch } from "./batch_watch.ts";
import type { ChaosRules } from "./chaos_rules.ts";
import { CheckFailures } from "./check_failures.ts";
import { type EngineCommand, EngineUnderTest } from "./engine_under_test.ts";
import { EventLoad } from "./event_load.ts";
import { streamTopic } from "./kcat_stream.ts";
import { auditOutput } from "./output_audit.ts";
import { OutputCheck } from "./output_check.ts";
import { OutputFollower } from "./output_follower.ts";
import type { ReadBatch } from "./record_batch_bytes.ts";
import { becomes } from "./within.ts";

export interface ChaosWorldOptions {
  readonly broker: TestBroker;
  /** Where engines look for their broker; the broker itself by default. */
  readonly bootstrap?: string;
  readonly program: EngineCommand;
  readonly rules: ChaosRules;
  readonly devices: number;
  readonly seed: number;
  /** For logs and state directories; kept when something was wrong. */
  readonly folder: string;
  readonly isSameClock?: boolean;
}

export interface ChaosVerdict {
  /** What a run counted and found, for a person. */
  readonly lines: readonly string[];
  readonly failures: readonly string[];
}

/** One deployment's topics with a load on them and somebody who watches what comes out. */
export class ChaosWorld {
  readonly options: ChaosWorldOptions;
  readonly input = uniqueTopic("events");
  readonly output = uniqueTopic("sessions");
  readonly deadLetters = uniqueTopic("dlq");
  readonly appId = uniqueTopic("chaos");
  readonly check: OutputCheck;
  readonly watch = new BatchWatch(OUTPUT_PARTITIONS);
  readonly load: EventLoad;
  /** Records of a time that, by our own clock, has not come when they are seen. */
  recordsAhead = 0;
  /** What the runs themselves found wrong. */
  readonly failures: string[] = [];
  readonly #follower: OutputFollower;
  readonly #engines: EngineUnderTest[] = [];
  #followed: Promise<void> | null = null;

  private constructor(options: ChaosWorldOptions) {
    this.options = options;
    const { broker: { bootstrap }, rules, devices, seed, isSameClock = true } = options;
    this.check = new OutputCheck({ rules, isSameClock });
    this.load = new EventLoad({
      bootstrap,
      topic: this.input,
      partitions: INPUT_PARTITIONS,
      devices,
      rules,
      seed,
      onEvent: (event) => this.check.event(event),
    });
    this.#follower = new OutputFollower({
      bootstrap,
      topic: this.output,
      partitions: OUTPUT_PARTITIONS,
      onBatch: (partition, batch, seenMs) => this.#saw(partition, batch, seenMs),
    });
  }

  /** Makes the topics and starts the load. */
  static async open(options: ChaosWorldOptions): Promise<ChaosWorld> {
    const world = new ChaosWorld(options);
    const { bootstrap } = options.broker;
    const config = { "retention.ms": "-1" };
    await createTopic(bootstrap, world.input, { partitions: INPUT_PARTITIONS, config });
    await createTopic(bootstrap, world.output, { partitions: OUTPUT_PARTITIONS, config });
    await createTopic(bootstrap, world.deadLetters, { partitions: 1, config });
    world.#follower.start();
    world.load.start();
    return world;
  }

  /** An engine of this deployment, not started, with a state directory of its own. */
  engine(
    name: string,
    options: {
      readonly settings?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly stateDir?: string;
    } = {},
  ): EngineUnderTest {
    const { folder, program, rules, broker, bootstrap = broker.bootstrap } = this.options;
    const engine = new EngineUnderTest({
      program,
      settings: [
        `app.id=${this.appId}`,
        `kafka.brokers=${bootstrap}`,
        `input.topics=${this.input}`,
        `output.topic=${this.output}`,
        `deadLetters.topic=${this.deadLetters}`,
        `session.heartbeatInterval=${rules.heartbeatIntervalMs}ms`,
        `session.maxDuration=${rules.maxDurationMs}ms`,
        `session.grace=${rules.graceMs}ms`,
        `limits.maxSessions=200000`,
        ...options.settings ?? [],
      ],
      stateDir: options.stateDir ?? `${folder}/${name}.state`,
      logFile: `${folder}/${name}.log`,
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    this.#engines.push(engine);
    return engine;
  }

  /**
   * Waits for the first records of an engine that was started last.
   * @throws Error with the end of its log, when none come in time.
   */
  async firstRecords(
    engine: EngineUnderTest,
    options: { readonly everywhere?: boolean; readonly timeoutMs?: number } = {},
  ): Promise<number> {
    const { everywhere = false, timeoutMs = FIRST_RECORDS_MS } = options;
    const seenMs = await this.watch.nextOwner(engine.startedAtMs, { everywhere, timeoutMs });
    if (seenMs !== null) return seenMs - engine.startedAtMs;
    throw new Error(
      `An engine wrote nothing within ${timeoutMs / 1000} s (exit code ${engine.exitCode}). The ` +
        `end of its log:\n${engine.log().slice(-3000)}`,
    );
  }

  /** An engine ends only when it is told to. */
  assertRunning(engine: EngineUnderTest): void {
    if (engine.exitCode === null) return;
    this.failures.push(
      `an engine ended by itself with ${engine.exitCode}. The end of its log:\n` +
        engine.log().slice(-2000),
    );
  }

  /**
   * Ends the load, waits until every session has ended, and looks at all of it again from the
   * beginning. An engine has to be running.
   */
  async finish(): Promise<ChaosVerdict> {
    const { rules, broker: { bootstrap }, isSameClock = true } = this.options;
    await this.load.stop();
    await becomes(rules.maxDurationMs + DRAIN_MS, () => this.check.sessionsOpen === 0);
    // Whatever should not be there has a moment to show.
    await pause(1000);
    const missingJunk = await this.#missingJunk();
    await this.close();
    this.check.finish();
    const audit = await auditOutput({
      rules,
      isSameClock,
      bootstrap,
      input: this.input,
      output: this.output,
    });
    if (missingJunk > 0) this.failures.push(`${missingJunk} dead letters are missing`);
    return this.#verdict(audit);
  }

  /** Ends load, reading and engines, wherever they are. */
  async close(): Promise<void> {
    await this.load.stop();
    await Promise.all(this.#engines.map((engine) => engine.kill9()));
    this.#followed ??= this.#follower.stop();
    await this.#followed;
  }

  #saw(partition: number, batch: ReadBatch, seenMs: number): void {
    const { records } = batch;
    const nowMs = Date.now();
    records.forEach((record, index) => {
      if (record.timestampMs > nowMs + 1000) this.recordsAhead++;
      this.check.record({ ...record, partition });
      const isLast = index === records.length - 1;
      if (isLast !== record.headerNames.includes("sw-position")) {
        this.check.failures.add("wrong", { partition, offset: record.offset }, "sw-position");
      }
    });
    this.watch.saw(partition, batch, seenMs);
  }

  async #missingJunk(): Promise<number> {
    const { bootstrap } = this.options.broker;
    let missing = 0;
    await becomes(DEAD_LETTERS_MS, async () => {
      const there = new Set<string | null>();
      for await (const { value } of streamTopic(bootstrap, this.deadLetters)) there.add(value);
      missing = this.load.junk.filter((junk) => !there.has(junk)).length;
      return missing === 0;
    });
    return missing;
  }

  #verdict(audit: OutputCheck): ChaosVerdict {
    const { counts, ends, sessionsStarted } = audit;
    const tell = (name: string, failures: CheckFailures) =>
      `${name}: ${
        Object.entries(failures.counts).map(([kind, count]) => `${kind} ${count}`).join(", ")
      }`;
    const failures = [...this.failures];
    for (const [name, check] of [["follower", this.check], ["kcat", audit]] as const) {
      if (check.failures.total > 0) {
        failures.push(tell(name, check.failures), ...check.failures.examples);
      }
    }
    if (JSON.stringify(this.check.counts) !== JSON.stringify(counts)) {
      failures.push(
        `two readers saw two outputs: ${JSON.stringify(this.check.counts)} and ` +
          JSON.stringify(counts),
      );
    }
    // Nothing proves nothing.
    if (counts.starts === 0) failures.push("there was no session at all");
    return {
      lines: [
        `${this.load.events} events, ${sessionsStarted} sessions started, ${counts.records} ` +
        `records: ${counts.starts} starts, ${counts.heartbeats} heartbeats, ends ` +
        `${ends.ended} ended + ${ends.superseded} superseded + ${ends.timeout} timeout`,
        `${counts.coalesced} heartbeats left out with reason, ${this.load.junk.length} dead letters`,
        tell("kcat, read_uncommitted", audit.failures),
      ],
      failures,
    };
  }
}

const INPUT_PARTITIONS = 4;
export const OUTPUT_PARTITIONS = 8;
const FIRST_RECORDS_MS = 60_000;
const DRAIN_MS = 60_000;
const DEAD_LETTERS_MS = 5000;
