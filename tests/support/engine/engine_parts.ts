import { setImmediate } from "node:timers";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import { MemoryCheckpointDisk } from "../../../lib/adapters/memory/memory_checkpoint_store.ts";
import { MemoryDeadLetters } from "../../../lib/adapters/memory/memory_dead_letters.ts";
import { PLAIN_EVENT_LAYOUT } from "../../../lib/core/event_layout.ts";
import { PlainRecordLayout } from "../../../lib/core/plain_record_layout.ts";
import { SessionBudget } from "../../../lib/core/session_budget.ts";
import type { SessionRules } from "../../../lib/core/session_rules.ts";
import { Shard } from "../../../lib/core/shard.ts";
import { newShardCounters } from "../../../lib/core/shard_counters.ts";
import type { EngineContext } from "../../../lib/engine/engine_context.ts";
import { EngineInputs } from "../../../lib/engine/engine_inputs.ts";
import { ENGINE_LIMITS, type EngineLimits } from "../../../lib/engine/engine_limits.ts";
import { GuardedClock } from "../../../lib/engine/guarded_clock.ts";
import { InputPartition } from "../../../lib/engine/input_partition.ts";
import { type Round, type ShardBatch, ShardRunner } from "../../../lib/engine/shard_runner.ts";
import type { OutputLog, ProduceBatch, ProduceListener } from "../../../lib/ports/output_log.ts";
import type { Source } from "../../../lib/ports/source.ts";
import { EngineMetrics } from "../../../lib/telemetry/engine_metrics.ts";
import { createLogger } from "../../../lib/telemetry/logger.ts";
import { batchOf, fetchOf, newDecoder, recordOf } from "./fetches.ts";

export interface EnginePartsOptions {
  readonly shards?: number;
  readonly limits?: Partial<EngineLimits>;
}

/**
 * What the parts of an engine share, for tests of one part: shards that run, one input partition,
 * ports that the test answers for. Rounds come when the test makes them.
 */
export class EngineParts {
  readonly clock = new ManualClock(START_MS);
  readonly metrics = new EngineMetrics();
  readonly disk = new MemoryCheckpointDisk();
  readonly log = new HandLog();
  readonly source = new HandSource();
  readonly lines: string[] = [];
  /** What was handed to `fail`. */
  readonly failures: unknown[] = [];
  readonly runners: readonly ShardRunner[];
  readonly context: EngineContext;
  readonly #guarded = new GuardedClock(this.clock);
  #nextOffset = 0;

  constructor(options: EnginePartsOptions = {}) {
    const { shards = 1, limits = {} } = options;
    const { clock, metrics, source } = this;
    metrics.openShards(shards);
    metrics.openInputs([{ topic: "events", partition: 0 }]);
    const deadLetters = new MemoryDeadLetters();
    const inputs = new EngineInputs({
      source,
      deadLetters,
      partitions: [new InputPartition(0, "events", 0, newDecoder(metrics))],
      metrics,
      limits: ENGINE_LIMITS,
      nowMs: () => this.#guarded.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      onWork: () => {},
      onFailure: (error) => this.failures.push(error),
    });
    const layout = new PlainRecordLayout();
    const { timersPerRoundMax } = { ...ENGINE_LIMITS, ...limits };
    const sizes = { shards, inputs: 1, batchBytesMax: 100_000, timersPerRoundMax };
    this.runners = Array.from(
      { length: shards },
      (_, index) => new ShardRunner({ index, layout, ...sizes }),
    );
    this.context = {
      options: {
        rules: RULES,
        recordLayout: layout.name,
        eventLayout: () => PLAIN_EVENT_LAYOUT,
        eventBytesMax: 1000,
        sessionsMax: 1_000_000,
        groupId: "sessionwheel",
        start: "earliest",
        checkpointIntervalMs: null,
        shutdownTimeoutMs: 10_000,
        tickMs: 5,
        hashSeed: 1,
        limits: { ...ENGINE_LIMITS, ...limits },
        batches: NO_CODEC,
        metrics,
        logger: createLogger({
          level: "info",
          format: "text",
          write: (line) => this.lines.push(line.trimEnd()),
          wallMs: () => clock.wallMs(),
        }),
      },
      ports: { clock, source, log: this.log, deadLetters, checkpoints: null },
      clock: this.#guarded,
      budget: new SessionBudget(1_000_000),
      counters: newShardCounters(),
      layouts: [layout],
      inputs,
      runners: this.runners,
      fail: (error) => this.failures.push(error),
    };
    inputs.start(Float64Array.of(0), [0]);
    for (const runner of this.runners) this.run(runner);
  }

  /** Lets a shard run from an empty log on, as after its restore. */
  run(runner: ShardRunner, producerId = 100 + runner.index): void {
    const { budget, counters } = this.context;
    const startMs = this.#guarded.nowMs();
    const { index } = runner;
    const shard = new Shard({ index, rules: RULES, budget, counters, hashSeed: 1, startMs });
    runner.run(shard, { producerId, epoch: 0, logStart: 0, end: 0 }, null);
    runner.acknowledged.fill(this.#nextOffset);
  }

  /** The next event of the input, taken for this shard, whatever its device: applied or waiting. */
  take(shard: number, event: unknown): void {
    const { inputs } = this.context;
    const runner = this.runners[shard]!;
    const offset = this.#nextOffset++;
    const nowMs = this.#guarded.nowMs();
    const batch = batchOf(offset, [recordOf(event, nowMs)]);
    inputs.onFetch(fetchOf([batch], { fetchOffset: offset, highWatermark: offset + 1 }));
    const partition = inputs.partitions[0]!;
    const queued = partition.head()!;
    const taken = queued.next;
    queued.pending++;
    partition.taken(queued);
    if (runner.backlog.size === 0 && runner.apply(queued, taken, nowMs, this.#round())) {
      partition.done(queued);
    } else runner.backlog.push(partition, queued, taken, nowMs);
  }

  start(shard: number, device: string, session = 1): void {
    this.take(shard, { type: "start", deviceId: device, sessionId: session });
  }

  end(shard: number, device: string, session = 1): void {
    this.take(shard, { type: "end", deviceId: device, sessionId: session });
  }

  /** Moves a shard's clock to now. */
  punctuate(shard: number): void {
    const round = this.#round();
    this.runners[shard]!.punctuate(round.nowMs, round);
  }

  /** Closes the batch of a shard that has one, counted as sent. */
  close(shard: number): ShardBatch {
    const { inputs } = this.context;
    const offsets = inputs.positions();
    const shared = { offsets, bytes: inputs.encode(offsets) };
    const batch = this.runners[shard]!.close(this.#round(), shared);
    if (batch === null) throw new Error(`Shard ${shard} has nothing to write`);
    return batch;
  }

  /** A batch with the start of one session. */
  batch(shard: number, device = `device-${this.#nextOffset}`): ShardBatch {
    this.start(shard, device);
    return this.close(shard);
  }

  /** The log has the oldest batch in flight of the shard. */
  acknowledge(shard: number): void {
    const runner = this.runners[shard]!;
    const batch = runner.writer.inFlight[0]!;
    runner.writer.answered(batch, { kind: "acknowledged", baseOffset: runner.logEnd });
    runner.writer.settle();
    runner.batchAcknowledged(batch, runner.logEnd);
  }

  /** A shard that has written once: from then on it may have several batches in flight. */
  warm(shard: number): void {
    this.batch(shard);
    this.acknowledge(shard);
  }

  /** Moves time on; promises settle before and after. */
  async advance(ms: number): Promise<void> {
    await settled();
    this.clock.advance(ms);
    await settled();
  }

  #round(): Round {
    const { inputs } = this.context;
    return {
      nowMs: this.#guarded.nowMs(),
      monotonicMs: this.clock.monotonicMs(),
      inputBytes: inputs.positionBytesMax,
      encodeInputs: (offsets) => inputs.encode(offsets),
    };
  }
}

/** A log whose answers are given by the test. */
export class HandLog implements OutputLog {
  /** Calls of `produce`, in order. */
  readonly calls: { batches: readonly ProduceBatch[]; onResult: ProduceListener }[] = [];
  /** The shards of each `refresh`. */
  readonly refreshed: (readonly number[])[] = [];
  /** What the next `refresh` throws. */
  refreshFailure: Error | null = null;

  refresh(shards: readonly number[]): Promise<void> {
    this.refreshed.push([...shards]);
    return this.refreshFailure === null ? Promise.resolve() : Promise.reject(this.refreshFailure);
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    this.calls.push({ batches, onResult });
  }

  open = unused;
  acquire = unused;
  readTail = unused;
  read = unused;
  close = unused;
}

/** A source whose commits are answered by the test. */
export class HandSource implements Source {
  readonly commits: { offsets: readonly number[]; answer: PromiseWithResolvers<void> }[] = [];

  commitOffsets(offsets: readonly number[]): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.commits.push({ offsets: [...offsets], answer });
    return answer.promise;
  }

  start(): void {}
  setPaused(): void {}
  open = unused;
  ranges = unused;
  committedOffsets = unused;
  stop = unused;
}

/** Lets every promise that can settle do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function unused(): never {
  throw new Error("no part that is tested so calls this");
}

const START_MS = Date.UTC(2025, 10, 1);
const RULES: SessionRules = {
  heartbeatIntervalMs: 30_000,
  maxDurationMs: 1_800_000,
  graceMs: 30_000,
  missed: "coalesce",
};
const NO_CODEC = { decompress: unused, decompressedBytesMax: 0 };
