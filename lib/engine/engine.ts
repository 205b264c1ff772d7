import { packId } from "../core/id_codec.ts";
import { partitionOf } from "../core/murmur2.ts";
import { PlainRecordLayout } from "../core/plain_record_layout.ts";
import type { RecordLayout } from "../core/record_layout.ts";
import { RtmRecordLayout } from "../core/rtm_record_layout.ts";
import { SessionBudget } from "../core/session_budget.ts";
import { NO_ROW } from "../core/row_format.ts";
import { newShardCounters } from "../core/shard_counters.ts";
import type { DeviceView } from "../ports/engine_queries.ts";
import type { OutputTopic } from "../ports/output_log.ts";
import type { EngineStatus } from "../telemetry/engine_status.ts";
import { viewDevice } from "./device_view.ts";
import { CheckpointKeeper } from "./checkpoint_keeper.ts";
import { CheckpointLoader } from "./checkpoint_loader.ts";
import { EngineChores } from "./engine_chores.ts";
import type { EngineContext } from "./engine_context.ts";
import { EngineError } from "./engine_error.ts";
import { ENGINE_LIMITS } from "./engine_limits.ts";
import { EngineInputs } from "./engine_inputs.ts";
import type { EngineOptions, EnginePorts } from "./engine_options.ts";
import { EngineReport } from "./engine_report.ts";
import { GuardedClock } from "./guarded_clock.ts";
import { InputDecoder } from "./input_decoder.ts";
import { InputPartition } from "./input_partition.ts";
import { OlderOwnerWatch } from "./older_owner_watch.ts";
import { OffsetCommitter } from "./offset_committer.ts";
import { ProduceQueue } from "./produce_queue.ts";
import { RoundLoop } from "./round_loop.ts";
import { ShardRestorer } from "./shard_restorer.ts";
import { ShardRunner } from "./shard_runner.ts";
import { ShardSupervisor } from "./shard_supervisor.ts";

/**
 * The engine: events in, sessions in memory, records out.
 *
 * Call order: `start` once, then `status` and `device` as wanted, `stop` once. It knows only
 * ports; the same engine runs on Kafka, in memory and in the simulator.
 *
 * ```
 *   start ── open topics ── restore every shard ── read the input ── rounds … ── stop
 *                                  ▲                                   │
 *                                  └── a shard whose log disagrees ────┘
 * ```
 */
export class Engine {
  /**
   * Rejects when the engine gives up: with an `EngineError` when an operator has to act, with
   * anything else when it is our bug. Never resolves.
   */
  readonly failed: Promise<never>;
  readonly #options: EngineOptions;
  readonly #ports: EnginePorts;
  readonly #clock: GuardedClock;
  readonly #layouts: readonly RecordLayout[] = [new PlainRecordLayout(), new RtmRecordLayout()];
  readonly #reject: (error: unknown) => void;
  #parts: EngineParts | null = null;
  #isStopping = false;
  #isReading = false;

  constructor(options: EngineOptions, ports: EnginePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#clock = new GuardedClock(ports.clock);
    const { promise, reject } = Promise.withResolvers<never>();
    // Whoever runs the engine looks at it; until then it must not count as unhandled.
    promise.catch(() => {});
    this.failed = promise;
    this.#reject = reject;
    options.metrics.sessionsActiveMax = options.sessionsMax;
    options.metrics.rememberedMax = options.rememberedMax;
  }

  /**
   * Resolves when every shard runs. Waits for brokers that are away.
   *
   * @param admission Nothing is read and no record is written before it resolves.
   * @throws what `admission` rejects with
   * @throws EngineError, SourceError, OutputLogError: what nobody can wait out.
   */
  async start(admission: Promise<void> = Promise.resolve()): Promise<void> {
    // It is looked at when the state is there; until then it must not count as unhandled.
    admission.catch(() => {});
    const options = this.#options;
    const parts = await this.#build();
    const { context, supervisor, loop } = parts;
    if (this.#isStopping) return;
    const chosen = await supervisor.restoreAll();
    if (chosen === null || this.#isStopping) return;
    await admission;
    if (this.#isStopping) return;
    const { ofShard, isFirstRun, isOutputEmpty, firstCommit } = chosen;
    const offsets = lowestOf(ofShard);
    if (isFirstRun) {
      options.logger.warn("first run: no output and no committed offset, sessions start empty", {
        start: options.start,
        group: "its offsets are committed before anything is read",
      });
    } else if (isOutputEmpty) {
      options.logger.warn("the output is empty, but input was read before: sessions start empty", {
        shards: ofShard.length,
      });
    }
    if (firstCommit !== null) {
      await parts.committer.commitFirst(firstCommit, () => this.#isStopping);
      if (this.#isStopping) return;
    }
    const ranges = await this.#ports.source.ranges();
    if (this.#isStopping) return;
    this.#isReading = true;
    context.inputs.start(offsets, ranges.map(({ end }) => end));
    options.metrics.phase = "running";
    options.metrics.started = true;
    options.metrics.brokersReachable = true;
    loop.start();
    parts.chores.start();
  }

  /**
   * Stops in the reverse order of the start: no more input, what was taken is written, a
   * checkpoint, the group's offsets. After three quarters of the time it waits no longer.
   *
   * @returns whether everything was settled; if not, the next start restores from the output.
   */
  async stop(): Promise<boolean> {
    this.#isStopping = true;
    const { metrics, logger, shutdownTimeoutMs } = this.#options;
    metrics.phase = "draining";
    this.#parts?.chores.stop();
    const parts = this.#parts;
    let isSettled = true;
    if (parts !== null) {
      const { context, loop, supervisor } = parts;
      supervisor.stop();
      const deadlineMs = this.#ports.clock.monotonicMs() + shutdownTimeoutMs * 0.75;
      await this.#ports.source.stop();
      loop.stopTaking();
      loop.request();
      isSettled = await this.#drained(context, deadlineMs);
      loop.stop();
      if (!isSettled) {
        logger.warn(
          "shutdown did not wait for all answers of the brokers: the next start " +
            "restores from the output, nothing is lost and nothing repeats",
        );
      }
      // Before it read anything, the state is that of the log, and the inputs are not known.
      if (this.#isReading) {
        if (this.#ports.clock.monotonicMs() < deadlineMs) await parts.keeper?.writeAtRest();
        await parts.committer.commit();
      }
    }
    await this.#ports.deadLetters.close();
    await this.#ports.log.close();
    await this.#ports.checkpoints?.close();
    metrics.phase = "stopped";
    return isSettled;
  }

  status(): EngineStatus {
    const { clock } = this.#ports;
    if (this.#parts !== null) this.#parts.report.update();
    return this.#options.metrics.snapshot({
      monotonicMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
    });
  }

  /** The device's active session, or null. */
  device(deviceId: string): DeviceView | null {
    const runners = this.#parts?.context.runners ?? [];
    const bytes = new TextEncoder().encode(deviceId);
    if (runners.length === 0 || bytes.length === 0 || bytes.length > 256) return null;
    const { shard } = runners[partitionOf(bytes, 0, bytes.length, runners.length)]!;
    if (shard === null) return null;
    const words = new Int32Array(4);
    const kind = packId(bytes, 0, bytes.length, words, 0);
    const row = shard.active.find(shard.rows.hashId(kind, words, 0, bytes), kind, words, 0, bytes);
    return row === NO_ROW ? null : viewDevice(shard, row);
  }

  async #build(): Promise<EngineParts> {
    const options = this.#options;
    const { log, source, deadLetters, clock, checkpoints } = this.#ports;
    const topic = await log.open();
    for (const warning of topic.warnings) options.logger.warn(warning, { topic: topic.name });
    options.metrics.openShards(topic.shards);
    const names = await source.open();
    options.metrics.openInputs(names);
    const partitions = names.map(({ topic: name, partition }, index) =>
      new InputPartition(
        index,
        name,
        partition,
        new InputDecoder({
          topic: name,
          partition,
          layout: options.eventLayout(name),
          eventBytesMax: options.eventBytesMax,
          shards: topic.shards,
          batches: options.batches,
          metrics: options.metrics,
        }),
      )
    );
    const inputs = new EngineInputs({
      source,
      deadLetters,
      partitions,
      metrics: options.metrics,
      limits: options.limits ?? ENGINE_LIMITS,
      nowMs: () => this.#clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      onWork: () => this.#parts?.loop.request(),
      onFailure: (error) => this.#fail(error),
    });
    const context = this.#context(topic, inputs);
    const onFenced = (runner: ShardRunner, reason: string) => this.#fenced(context, runner, reason);
    const supervisor: ShardSupervisor = new ShardSupervisor(context, this.#restorer(topic), {
      loop: () => loop,
      onFenced,
    });
    const produce = new ProduceQueue(context, {
      onRoom: (runner) => {
        if (runner.isDetached && !runner.isReturning) supervisor.rejoin(runner);
        loop.answered(runner);
      },
      onRecover: (runner, reason, refusal) => supervisor.recover(runner, reason, refusal),
      onFenced,
    });
    const loop = new RoundLoop(context, produce);
    const committer = new OffsetCommitter(context);
    const keeper = checkpoints === null ? null : new CheckpointKeeper(context, checkpoints);
    const report = new EngineReport(context);
    const followClockBack = () => supervisor.followClockBack();
    const chores = new EngineChores({
      context,
      committer,
      keeper,
      report,
      followClockBack,
      onFenced,
    });
    this.#parts = { context, supervisor, loop, committer, keeper, report, chores };
    return this.#parts;
  }

  #context(topic: OutputTopic, inputs: EngineInputs): EngineContext {
    const options = this.#options;
    const layout = this.#layouts.find(({ name }) => name === options.recordLayout);
    if (layout === undefined) {
      throw new EngineError(
        `There is no record layout ${JSON.stringify(options.recordLayout)}: output.layout is one ` +
          `of ${this.#layouts.map(({ name }) => name).join(", ")}`,
        { code: "config" },
      );
    }
    const batchBytesMax = Math.min(topic.batchBytesMax, BATCH_BYTES_MAX);
    if (inputs.positionBytesMax > batchBytesMax / 2) {
      throw new EngineError(
        `Each batch of ${topic.name} carries the offsets of all input partitions, which are ` +
          `${inputs.partitions.length}: they do not fit ${batchBytesMax} bytes. Give the output ` +
          "topic a larger max.message.bytes",
        { code: "config" },
      );
    }
    return {
      options,
      ports: this.#ports,
      clock: this.#clock,
      budget: new SessionBudget(options.sessionsMax),
      counters: newShardCounters(),
      layouts: this.#layouts,
      inputs,
      runners: Array.from({ length: topic.shards }, (_, index) =>
        new ShardRunner({
          index,
          layout,
          shards: topic.shards,
          inputs: inputs.partitions.length,
          batchBytesMax,
          timersPerRoundMax: (options.limits ?? ENGINE_LIMITS).timersPerRoundMax,
        })),
      fail: (error) => this.#fail(error),
    };
  }

  #restorer(topic: OutputTopic): ShardRestorer {
    const { metrics, logger, batches, lostSessions } = this.#options;
    return new ShardRestorer({
      log: this.#ports.log,
      checkpoints: this.#loader(topic.shards),
      topic: topic.name,
      shards: topic.shards,
      layouts: this.#layouts,
      batches,
      rememberedMax: this.#options.rememberedMax,
      lostSessions,
      olderOwners: this.#options.fencing
        ? new OlderOwnerWatch(this.#ports.clock, topic.name)
        : null,
      onProgress: (shard, done, total) => {
        metrics.shards.restoreDone[shard] = done;
        metrics.shards.restoreTotal[shard] = total;
      },
      onWarning: (message, fields) => logger.warn(message, fields),
    });
  }

  #loader(shards: number): CheckpointLoader | null {
    const { checkpoints: store, log } = this.#ports;
    const { batches, logger } = this.#options;
    if (store === null) return null;
    return new CheckpointLoader({
      store,
      log,
      shards,
      batches,
      onWarning: (message, fields) => logger.warn(message, fields),
    });
  }

  #fenced(context: EngineContext, runner: ShardRunner, reason: string): void {
    const { metrics, logger } = this.#options;
    runner.isStopped = true;
    runner.dropState();
    metrics.fenced++;
    metrics.shards.setState(runner.index, "stopped", reason);
    logger.error("shard was taken over by a newer process and has stopped here", {
      shard: runner.index,
      reason,
    });
    if (context.runners.some(({ isStopped }) => !isStopped)) {
      // Who took this one has most likely taken the others, which may have nothing to write.
      if (metrics.fenced === 1) this.#parts?.chores.refreshFences();
      return;
    }
    this.#fail(
      new EngineError(
        "Another sessionwheel has taken over every shard of this output topic. Two deployments " +
          "must not share app.id and output.topic",
        { code: "fenced" },
      ),
    );
  }

  /** Waits until nothing is in flight and nobody waits, or the deadline. */
  async #drained(context: EngineContext, deadlineMs: number): Promise<boolean> {
    const { clock } = this.#ports;
    const isBusy = () =>
      context.runners.some((runner) =>
        runner.writer.inFlight.length > 0 || (runner.shard !== null && runner.backlog.size > 0)
      );
    while (isBusy()) {
      if (clock.monotonicMs() >= deadlineMs) return false;
      await new Promise<void>((resolve) => clock.wakeAfter(DRAIN_CHECK_MS, resolve));
    }
    return true;
  }

  #fail(error: unknown): void {
    if (this.#isStopping) return;
    this.#options.metrics.phase = "failed";
    this.#parts?.loop.stop();
    this.#parts?.supervisor.stop();
    this.#parts?.chores.stop();
    this.#reject(error);
  }
}

interface EngineParts {
  readonly context: EngineContext;
  readonly supervisor: ShardSupervisor;
  readonly loop: RoundLoop;
  readonly committer: OffsetCommitter;
  /** Null where nothing is kept. */
  readonly keeper: CheckpointKeeper | null;
  readonly report: EngineReport;
  readonly chores: EngineChores;
}

function lowestOf(offsets: readonly Float64Array[]): Float64Array {
  const lowest = offsets[0]!.slice();
  for (const ofShard of offsets) {
    for (let i = 0; i < lowest.length; i++) lowest[i] = Math.min(lowest[i]!, ofShard[i]!);
  }
  return lowest;
}

/** Batches are kept below this even where the topic takes larger ones: others wait behind them. */
const BATCH_BYTES_MAX = 1_000_000;
const DRAIN_CHECK_MS = 5;
