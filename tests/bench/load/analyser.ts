/**
 * Reads the engine's output while it is written, checks every record and counts how late each is,
 * in a process of its own: see `SessionLedger` for what is checked, `Latencies` for what is counted.
 *
 * It is started with an `AnalyserConfig` as its argument, says `{"kind":"ready"}`, takes
 * `AnalyserCommand`s on stdin, tells how far it is once a second, and ends with an `AnalyserReport`.
 */
import { partitionOf } from "../../../lib/core/murmur2.ts";
import { DeviceIds, UUID_BYTES } from "./device_ids.ts";
import { readJsonLines, writeJsonLine } from "./json_lines.ts";
import { Latencies, type LatencyReport, type LoadPart, type SecondOfOutput } from "./latencies.ts";
import { LoadSchedule, type ScheduleConfig } from "./load_schedule.ts";
import { type FollowedBatch, OutputFollower } from "./output_follower.ts";
import { RecordParser, START } from "./record_parser.ts";
import { type Faults, type LedgerRules, SessionLedger } from "./session_ledger.ts";
import { type TakeOver, TakeOvers } from "./take_overs.ts";
import { WallClock } from "./wall_clock.ts";

export interface AnalyserConfig {
  readonly broker: string;
  readonly topic: string;
  readonly partitions: number;
  readonly schedule: ScheduleConfig;
  readonly durationMs: number;
  readonly rules: LedgerRules;
  /** What is measured, since the schedule's first instant. */
  readonly windowFromMs: number;
  readonly windowToMs: number;
  readonly parts: readonly LoadPart[];
  readonly fetchIntervalMs: number;
}

export type AnalyserCommand =
  /** The schedule begins at this instant. */
  | { readonly do: "go"; readonly fromMs: number }
  /** The engine was killed at this instant. */
  | { readonly do: "killed"; readonly atMs: number }
  /** Waits until everything that is due by then has come, and reports. */
  | { readonly do: "finish"; readonly dueMs: number; readonly timeoutMs: number };

export interface AnalyserProgress {
  readonly kind: "progress";
  readonly starts: number;
  readonly ends: number;
  readonly heartbeats: number;
  /** Made so long ago is the newest record that was seen. */
  readonly behindMs: number;
}

export interface AnalyserReport {
  readonly kind: "report";
  readonly starts: number;
  readonly ends: number;
  readonly heartbeats: number;
  readonly faults: Faults;
  readonly foreignRecords: number;
  /** Due by the end and still not there when the time to wait was over. */
  readonly missing: { starts: number; heartbeats: number; ends: number };
  /** Heartbeats left out as the contract allows, after time away. */
  readonly leftOut: number;
  readonly leftOutInWindow: number;
  /** Events whose timestamp the engine took as now. */
  readonly corrected: number;
  readonly examples: readonly string[];
  readonly batches: number;
  readonly bytes: number;
  readonly bytesInWindow: number;
  readonly recordsInWindow: number;
  readonly latencies: LatencyReport;
  readonly seconds: readonly SecondOfOutput[];
  /** When the first and the last Start or End was seen, epoch milliseconds. */
  readonly firstSeenMs: number | null;
  readonly lastChangeSeenMs: number | null;
  readonly takeOver: TakeOver | null;
  readonly fetches: number;
}

class Analyser {
  readonly #config: AnalyserConfig;
  readonly #clock: WallClock;
  readonly #ids: DeviceIds;
  readonly #parser: RecordParser;
  readonly #ledger: SessionLedger;
  readonly #latencies: Latencies;
  readonly #takeOvers: TakeOvers;
  readonly #follower: OutputFollower;
  #batch!: FollowedBatch;
  #foreign = 0;
  #batches = 0;
  #bytes = 0;
  #bytesInWindow = 0;
  #newestMs = 0;
  #firstSeenMs: number | null = null;
  #lastChangeSeenMs: number | null = null;
  #changes = 0;

  constructor(config: AnalyserConfig, clock: WallClock, fromMs: number) {
    this.#config = config;
    this.#clock = clock;
    this.#ids = new DeviceIds(config.schedule.seed);
    this.#parser = new RecordParser(this.#ids);
    const schedule = new LoadSchedule(config.schedule, fromMs);
    const untilMs = fromMs + config.durationMs;
    this.#ledger = new SessionLedger(schedule, this.#ids, config.rules, untilMs);
    const windowFromMs = fromMs + config.windowFromMs;
    const windowToMs = fromMs + config.windowToMs;
    this.#ledger.windowFromMs = windowFromMs;
    this.#ledger.windowToMs = windowToMs;
    this.#latencies = new Latencies({
      windowFromMs,
      windowToMs,
      fromMs,
      durationMs: config.durationMs,
      parts: config.parts,
    });
    this.#takeOvers = new TakeOvers(config.partitions);
    this.#follower = new OutputFollower({
      broker: config.broker,
      topic: config.topic,
      partitions: config.partitions,
      fetchIntervalMs: config.fetchIntervalMs,
      nowMs: () => clock.nowMs(),
      listener: this,
    });
  }

  async run(): Promise<void> {
    await this.#follower.run();
  }

  onBatch(batch: FollowedBatch): void {
    this.#batch = batch;
    this.#batches++;
    this.#bytes += batch.bytes;
    this.#firstSeenMs ??= batch.seenMs;
    if (batch.baseTimestampMs > this.#newestMs) this.#newestMs = batch.baseTimestampMs;
    if (this.#latencies.isInWindow(batch.baseTimestampMs)) this.#bytesInWindow += batch.bytes;
    this.#takeOvers.take(batch);
  }

  onRecord(
    bytes: Uint8Array,
    timestampMs: number,
    keyFrom: number,
    keyTo: number,
    valueFrom: number,
    valueTo: number,
  ): void {
    const parser = this.#parser;
    if (keyTo - keyFrom !== UUID_BYTES || !parser.parse(bytes, keyFrom, valueFrom, valueTo)) {
      if (this.#foreign++ < 3) {
        const text = new TextDecoder().decode(bytes.subarray(valueFrom, valueTo));
        this.#ledger.examples.push(`foreign: ${text}`);
      }
      return;
    }
    const batch = this.#batch;
    const isCreateTime = batch.appendedMs !== batch.appendedMs;
    if (isCreateTime && timestampMs !== parser.emittedAt) this.#ledger.faults.wrongField++;
    if (parser.status === START) {
      const partition = partitionOf(bytes, keyFrom, keyTo, this.#config.partitions);
      if (partition !== batch.partition) this.#ledger.faults.wrongPartition++;
    }
    const dueMs = this.#ledger.take(parser, batch.partition);
    this.#latencies.take(parser, dueMs, batch.appendedMs, batch.seenMs);
    const changes = this.#ledger.starts + this.#ledger.ends;
    if (changes !== this.#changes) {
      this.#changes = changes;
      this.#lastChangeSeenMs = batch.seenMs;
    }
  }

  progress(): AnalyserProgress {
    const { starts, ends, heartbeats } = this.#ledger;
    const behindMs = this.#newestMs === 0 ? 0 : this.#clock.nowMs() - this.#newestMs;
    return { kind: "progress", starts, ends, heartbeats, behindMs };
  }

  killed(): void {
    this.#takeOvers.start();
  }

  async finish(dueMs: number, timeoutMs: number): Promise<AnalyserReport> {
    const deadlineMs = this.#clock.nowMs() + timeoutMs;
    let missing = this.#ledger.missingBy(dueMs);
    while (missing.starts + missing.heartbeats + missing.ends > 0) {
      if (this.#clock.nowMs() > deadlineMs) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
      missing = this.#ledger.missingBy(dueMs);
    }
    this.#follower.stop();
    const { starts, ends, heartbeats, faults, leftOut, leftOutInWindow } = this.#ledger;
    const { corrected, examples } = this.#ledger;
    return {
      kind: "report",
      starts,
      ends,
      heartbeats,
      faults,
      foreignRecords: this.#foreign,
      missing,
      leftOut,
      leftOutInWindow,
      corrected,
      examples,
      batches: this.#batches,
      bytes: this.#bytes,
      bytesInWindow: this.#bytesInWindow,
      recordsInWindow: this.#latencies.recordsInWindow,
      latencies: this.#latencies.report(),
      seconds: this.#latencies.seconds(),
      firstSeenMs: this.#firstSeenMs,
      lastChangeSeenMs: this.#lastChangeSeenMs,
      takeOver: this.#takeOvers.report(),
      fetches: this.#follower.fetches,
    };
  }
}

async function main(): Promise<void> {
  const config: AnalyserConfig = JSON.parse(Deno.args[0]!);
  const clock = new WallClock();
  let analyser: Analyser | undefined;
  let following: Promise<void> = Promise.resolve();
  writeJsonLine({ kind: "ready" });
  const commands = readJsonLines<AnalyserCommand>(Deno.stdin.readable);
  for await (const command of commands) {
    if (command.do === "go") {
      const started = new Analyser(config, clock, command.fromMs);
      analyser = started;
      following = started.run();
      // A follower that fails ends the process at once; the coordinator sees the exit code.
      following.catch((error) => {
        writeJsonLine({ kind: "failed", message: String(error) });
        Deno.exit(1);
      });
      setInterval(() => writeJsonLine(started.progress()), 1000);
    } else if (command.do === "killed") analyser?.killed();
    else if (analyser !== undefined) {
      writeJsonLine(await analyser.finish(command.dueMs, command.timeoutMs));
      break;
    }
  }
  Deno.exit(0);
}

if (import.meta.main) await main();
