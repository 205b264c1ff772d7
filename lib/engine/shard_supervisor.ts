import { type InputPosition, PositionError } from "../core/position.ts";
import { OutputLogError, type ShardOwnership } from "../ports/output_log.ts";
import type { ShardState } from "../telemetry/engine_status.ts";
import type { EngineContext } from "./engine_context.ts";
import { EngineError } from "./engine_error.ts";
import { fittingBatchBytes, type OutputRefusal, tellRefusal } from "./output_refusal.ts";
import type { RoundLoop } from "./round_loop.ts";
import type { ShardRestorer } from "./shard_restorer.ts";
import type { ShardRunner } from "./shard_runner.ts";
import { chooseStartOffsets, type StartOffsets } from "./start_offsets.ts";

/** Where the input goes on after all shards are restored. */
export interface RestoredInputs extends StartOffsets {
  /** No shard has a record in its log, nor a log that ever had one, as far as can be seen. */
  readonly isOutputEmpty: boolean;
}

export interface ShardSupervisorEvents {
  readonly loop: () => RoundLoop;
  /** Someone newer owns the shard. */
  readonly onFenced: (runner: ShardRunner, reason: string) => void;
}

/**
 * Brings shards to run: all of them at the start, one of them when its log turned out to be
 * another than it thought, or when it had left the input since it could not write.
 *
 * A shard that comes back needs input that the shared reader has passed: the reader goes back to
 * the lowest position, and every other shard skips what it has applied already.
 */
export class ShardSupervisor {
  readonly #context: EngineContext;
  readonly #restorer: ShardRestorer;
  readonly #loop: () => RoundLoop;
  readonly #onFenced: ShardSupervisorEvents["onFenced"];
  /** Shards that dropped their state and have not come back to the input yet, with which recovery. */
  readonly #recovering = new Map<ShardRunner, number>();
  #recoveries = 0;
  /** Ends the pauses that are going on. */
  readonly #pauses = new Set<() => void>();
  #isStopped = false;
  #isOutputEmpty = true;
  /** From the first restore on: what is missing then was there once, and may come back. */
  #hasRun = false;
  #rewinding: Promise<void> | null = null;
  #rewindAgain = false;

  constructor(
    context: EngineContext,
    restorer: ShardRestorer,
    { loop, onFenced }: ShardSupervisorEvents,
  ) {
    this.#context = context;
    this.#restorer = restorer;
    this.#loop = loop;
    this.#onFenced = onFenced;
  }

  /** Nothing is restored or read again after this. */
  stop(): void {
    this.#isStopped = true;
    this.#endPauses();
  }

  /**
   * Restores every shard and says where its input goes on; null when it was stopped meanwhile.
   *
   * @throws EngineError
   */
  async restoreAll(): Promise<RestoredInputs | null> {
    const { runners } = this.#context;
    const read: (readonly InputPosition[] | null)[] = new Array(runners.length).fill(null);
    // A fence is five round trips and no work: all at once. Reading takes memory: some at a time.
    const owned = runners.map(({ index }) => this.#restorer.acquire(index));
    // A failure counts where it is waited for, if that comes at all.
    for (const ownership of owned) ownership.catch(() => {});
    let next = 0;
    const work = async () => {
      while (next < runners.length && !this.#isStopped) {
        const runner = runners[next++]!;
        read[runner.index] = await this.#restore(runner, owned[runner.index]);
      }
    };
    await Promise.all(Array.from({ length: RESTORES_AT_ONCE }, work));
    if (this.#isStopped) return null;
    const offsets = await this.#chooseOffsets(read, { hadOutput: !this.#isOutputEmpty });
    for (const runner of runners) {
      this.#place(runner, offsets.ofShard[runner.index]!);
      this.#context.options.metrics.shards.setState(runner.index, "running");
    }
    this.#hasRun = true;
    return { ...offsets, isOutputEmpty: this.#isOutputEmpty };
  }

  /**
   * The log is not as the shard thought, or refuses what it writes: it drops its state and restores
   * it from the log.
   */
  recover(runner: ShardRunner, reason: string, refusal: OutputRefusal | null = null): void {
    const { options, fail } = this.#context;
    options.metrics.recoveries++;
    if (refusal !== null) {
      // More is said once it is known what the topic takes.
      runner.refusal = refusal;
      options.metrics.shards.setState(runner.index, "stalled", refusal.reason);
    } else {
      options.logger.warn("shard restores its state from the output", {
        shard: runner.index,
        reason,
      });
    }
    runner.dropState();
    const recovery = ++this.#recoveries;
    this.#recovering.set(runner, recovery);
    // Also while it waits before it begins: it has none of its sessions.
    this.#show(runner, "restoring");
    // It takes no event until the reader stands where its log ends, and where that is only the log
    // tells: a place that it was to come back to before counts no more.
    runner.isDetached = true;
    runner.isReturning = false;
    this.#recover(runner, refusal).catch(fail).finally(() => {
      // Another's rewind may have brought it back before, and the next one has begun since.
      if (this.#recovering.get(runner) === recovery) this.#recovering.delete(runner);
    });
  }

  /**
   * Lets time go back with the wall clock, when a clock that was ahead has been put right, as far as
   * nothing later is in a log: what was made of that time is dropped, and every shard restores its
   * state, as after a restart. What a log holds binds: time stands from the latest clock in one until
   * the wall clock is there. Called now and then.
   */
  followClockBack(): void {
    const { clock, options, runners } = this.#context;
    const { aheadMs } = clock;
    if (this.#isStopped || clock.alarm || aheadMs < GO_BACK_MS_MIN) return;
    const nowMs = clock.nowMs();
    let toMs = nowMs - aheadMs;
    for (const { isStopped, acknowledgedClockMs } of runners) {
      if (!isStopped) toMs = Math.max(toMs, acknowledgedClockMs);
    }
    const byMs = nowMs - toMs;
    if (byMs < GO_BACK_MS_MIN) return;
    clock.goBack(toMs);
    options.logger.warn("time goes back with the wall clock: nothing later was written", { byMs });
    for (const runner of runners) {
      if (runner.isStopped) continue;
      if (runner.refusal?.cause === "timestamp") runner.refusal = null;
      runner.recoveries = 0;
      // Whatever it restores is from the log, and no round has moved its clock yet.
      const isOfLog = this.#recovering.has(runner) && runner.isDetached;
      if (isOfLog) this.#show(runner, "restoring");
      else this.recover(runner, "time goes back with the wall clock");
    }
    this.#endPauses();
  }

  /** A shard that had left the input can write again: it reads its part of the input again. */
  rejoin(runner: ShardRunner): void {
    runner.isReturning = true;
    this.#rewind().catch(this.#context.fail);
  }

  async #recover(runner: ShardRunner, refusal: OutputRefusal | null): Promise<void> {
    const recoveries = runner.recoveries++;
    // What the log refuses it may refuse again: it is not to be fenced over and over.
    if (refusal !== null) await this.#waitOut(runner, refusal, recoveries);
    else if (recoveries > 0) await this.#pause(recoveries - 1);
    if (this.#isStopped || !await this.#isOurs(runner) || this.#isStopped) return;
    const read = await this.#restore(runner);
    if (this.#isStopped) return;
    const { ofShard } = await this.#chooseOffsets([read], { hadOutput: false });
    this.#place(runner, ofShard[0]!);
    runner.isReturning = true;
    await this.#rewind();
  }

  /**
   * Whether nobody newer has taken the shard meanwhile, which it would not have noticed, as it writes
   * nothing: to acquire it takes it from whoever has it, and that may be one that can write.
   */
  async #isOurs(runner: ShardRunner): Promise<boolean> {
    try {
      await this.#context.ports.log.refresh([runner.index]);
    } catch (error) {
      if (!(error instanceof OutputLogError)) throw error;
      // Whatever else it is, `acquire` meets it as well and knows what to do.
      if (error.code !== "fenced") return true;
      this.#onFenced(runner, error.message);
      return false;
    }
    return true;
  }

  /** Waits before a shard whose batch was refused tries again, until there is a chance. */
  async #waitOut(
    runner: ShardRunner,
    refusal: OutputRefusal,
    recoveries: number,
  ): Promise<void> {
    const { ports, inputs } = this.#context;
    for (let attempt = recoveries; !this.#isStopped; attempt++) {
      const limits = await ports.log.readLimits();
      // Time went back meanwhile.
      if (runner.refusal !== refusal) return;
      tellRefusal(this.#context, runner, refusal, limits);
      if (refusal.cause !== "too_large") return await this.#pause(attempt, REFUSED_PAUSE);
      const { batchBytesMax } = limits;
      const bytes = fittingBatchBytes(refusal.bytes, batchBytesMax, inputs.positionBytesMax);
      if (bytes !== null) {
        runner.batchBytesMax = bytes;
        // Smaller ones were no use before either.
        if (attempt > 0 && attempt === recoveries) await this.#pause(attempt - 1, REFUSED_PAUSE);
        return;
      }
      await this.#pause(attempt, REFUSED_PAUSE);
    }
  }

  /**
   * Restores until it works: only what nobody can wait out ends it.
   *
   * @param owned Its fence, where that is under way already; for the first attempt only.
   */
  async #restore(
    runner: ShardRunner,
    owned?: Promise<ShardOwnership>,
  ): Promise<readonly InputPosition[] | null> {
    const { options, budget, counters } = this.#context;
    const { logger } = options;
    this.#show(runner, "restoring");
    for (let attempt = 0;; attempt++) {
      try {
        const acquired = attempt === 0 ? owned : undefined;
        const ownership = await (acquired ?? this.#restorer.acquire(runner.index));
        const { shard, position, restoreOffset, read } = await this.#restorer.restore({
          index: runner.index,
          rules: options.rules,
          budget,
          counters,
          hashSeed: options.hashSeed,
          // Without a log it is before all events: the clock follows those that are there.
          startMs: 0,
        }, ownership);
        if (position !== null || ownership.logStart > 0) this.#isOutputEmpty = false;
        if (position !== null && position.producerId !== ownership.producerId) {
          logger.warn(
            "the broker gave this shard a new producer id: it cannot fence older owners",
            {
              shard: runner.index,
              before: position.producerId,
              now: ownership.producerId,
            },
          );
        }
        runner.run(shard, ownership, position, restoreOffset);
        return read;
      } catch (error) {
        if (error instanceof PositionError) {
          const message = `Shard ${runner.index} cannot be restored: ${error.message}`;
          throw new EngineError(message, { code: "state", cause: error });
        }
        if (!(error instanceof OutputLogError) || !this.#mayWait(error)) throw error;
        logger.warn("shard cannot be restored yet, trying again", {
          shard: runner.index,
          error,
        }, { everyMs: 10_000, key: "restore" });
        if (error.retryable) {
          this.#show(runner, "restoring", error.message);
          await this.#pause(attempt);
        } else {
          options.metrics.shards.setState(runner.index, "stalled", error.message);
          await this.#pause(attempt, REFUSED_PAUSE);
        }
        if (this.#isStopped) return null;
      }
    }
  }

  /** A right that is missing at the start is a mistake; one that was there may be given again. */
  #mayWait(error: OutputLogError): boolean {
    return error.retryable || (this.#hasRun && error.code === "access_denied");
  }

  /** The state of a shard, unless the broker refuses what it writes: that is what people look for. */
  #show(runner: ShardRunner, state: ShardState, reason?: string): void {
    if (runner.refusal !== null) return;
    this.#context.options.metrics.shards.setState(runner.index, state, reason);
  }

  /** Waits longer from attempt to attempt. */
  #pause(attempt: number, { firstMs, maxMs } = RESTORE_PAUSE): Promise<void> {
    const delayMs = Math.min(maxMs, firstMs * 2 ** attempt);
    return new Promise((resolve) => {
      const end = () => {
        this.#pauses.delete(end);
        cancel();
        resolve();
      };
      const cancel = this.#context.ports.clock.wakeAfter(delayMs, end);
      this.#pauses.add(end);
    });
  }

  #endPauses(): void {
    for (const end of [...this.#pauses]) end();
  }

  async #chooseOffsets(
    read: readonly (readonly InputPosition[] | null)[],
    { hadOutput }: { readonly hadOutput: boolean },
  ): Promise<StartOffsets> {
    const { ports, inputs, options } = this.#context;
    // In this order: an owner that is just being fenced may still commit, and past older ranges.
    const committed = await ports.source.committedOffsets();
    const ranges = await ports.source.ranges();
    return chooseStartOffsets({
      inputs: inputs.partitions,
      ranges,
      committed,
      read,
      start: options.start,
      hadOutput,
      groupId: options.groupId,
    });
  }

  #place(runner: ShardRunner, offsets: Float64Array): void {
    const { metrics } = this.#context.options;
    runner.skipBefore.set(offsets);
    // A checkpoint may hold early ends that no record tells of yet: without it they would be lost,
    // if the group's offsets had passed them.
    const isInLog = runner.shard === null || runner.shard.remembered.unwrittenCount === 0;
    if (isInLog) runner.acknowledged.set(offsets);
    metrics.shards.outputEndOffset[runner.index] = runner.logEnd;
  }

  /** Starts the reader again at the lowest position of all shards that run. */
  async #rewind(): Promise<void> {
    this.#rewindAgain = true;
    while (this.#rewinding !== null) await this.#rewinding;
    if (!this.#rewindAgain || this.#isStopped) return;
    this.#rewindAgain = false;
    this.#rewinding = this.#doRewind();
    try {
      await this.#rewinding;
    } finally {
      this.#rewinding = null;
    }
  }

  async #doRewind(): Promise<void> {
    const { ports, inputs, runners, options } = this.#context;
    const ranges = await ports.source.ranges();
    await ports.source.stop();
    // The engine stops: it has stopped the source, too, and must find it so.
    if (this.#isStopped) return;
    const taken = inputs.positions();
    const lowest = taken.slice();
    const isCurrent = !inputs.isBehind(null);
    for (const runner of runners) {
      if (runner.shard === null || runner.isStopped) continue;
      if (runner.isDetached && !runner.isReturning) continue;
      for (let i = 0; i < taken.length; i++) {
        const own = runner.skipBefore[i]!;
        if (!runner.isReturning) runner.skipBefore[i] = Math.max(own, taken[i]!);
        else if (own < lowest[i]!) lowest[i] = own;
      }
      const hadAllInput = isCurrent || (runner.isAhead && runner.hadAllInput);
      runner.hadAllInput = hadAllInput && !runner.isReturning;
      runner.isAhead = true;
      runner.isDetached = false;
      runner.isReturning = false;
      this.#show(runner, "running");
    }
    options.logger.info("input is read again for a shard that came back");
    this.#loop().resetFrontier();
    inputs.start(lowest, ranges.map(({ end }) => end));
    this.#loop().request();
  }
}

const RESTORES_AT_ONCE = 4;
const RESTORE_PAUSE = { firstMs: 100, maxMs: 5000 };
/** Each attempt takes an epoch of the fence, of which there are 32,766: they last for a week. */
const REFUSED_PAUSE = { firstMs: 1000, maxMs: 20_000 };
/** For less than this time stands: every shard has to restore its state for it. */
const GO_BACK_MS_MIN = 10_000;
