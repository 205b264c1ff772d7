import { invariant } from "../core/invariant.ts";
import type { EngineContext } from "./engine_context.ts";
import { ENGINE_LIMITS } from "./engine_limits.ts";
import type { ProduceQueue } from "./produce_queue.ts";
import type { Round, ShardRunner } from "./shard_runner.ts";

/**
 * The rounds of an engine. A round, in this order:
 *
 * 1. Backlogs: events that waited for a shard which can write again.
 * 2. Merge and apply: a slice of the input, over all partitions by `sourceTimestamp`, each event
 *    to its shard. The frontier is the largest min(now, `sourceTimestamp`) taken so far.
 * 3. Punctuate: shards for which no event waits move their clock, to now when no input is behind,
 *    else to the frontier, and fire what is due.
 * 4. Close: one record batch a shard, with its position; then they are sent.
 *
 * Whatever happens outside a round (a fetch, an answer of the log) only queues something and asks
 * for a round, so the engine goes at its own pace. A round comes at once when there are events to
 * take, and otherwise at the next tick at which something is due.
 */
export class RoundLoop {
  readonly #context: EngineContext;
  readonly #produce: ProduceQueue;
  readonly #inputBytesMax: number;
  readonly #backlogEventsMax: number;
  readonly #punctuateMsMax: number;
  /** The shard whose timers come first. */
  #firstShard = 0;
  #frontierMs = -Infinity;
  #lastTickMs = -Infinity;
  #lastRunMs = Infinity;
  #cancelWake: (() => void) | null = null;
  #wakeAtMs = Infinity;
  #isRunning = false;
  #takesInput = true;
  /** Something could not be finished in the last round though its shard may write. */
  #hasMore = false;

  constructor(context: EngineContext, produce: ProduceQueue) {
    this.#context = context;
    this.#produce = produce;
    this.#inputBytesMax = context.inputs.positionBytesMax;
    const limits = context.options.limits ?? ENGINE_LIMITS;
    this.#backlogEventsMax = limits.backlogEventsMax;
    this.#punctuateMsMax = limits.punctuateMsMax;
  }

  start(): void {
    this.#isRunning = true;
    this.request();
  }

  /** No round starts after this, and no batch is sent again. */
  stop(): void {
    this.#isRunning = false;
    this.#produce.stop();
    this.#cancel();
  }

  /** From here on no event is taken; what was taken is finished. */
  stopTaking(): void {
    this.#takesInput = false;
  }

  /** The input is read again from before: event time starts over, the shards' clocks do not. */
  resetFrontier(): void {
    this.#frontierMs = -Infinity;
  }

  /** Asks for a round as soon as pending I/O was looked at. */
  request(): void {
    if (!this.#isRunning) return;
    const monotonicMs = this.#context.ports.clock.monotonicMs();
    if (this.#wakeAtMs <= monotonicMs) return;
    this.#wake(monotonicMs, 0);
  }

  /** A shard's batch was acknowledged: a round is due when something waits that can go on now. */
  answered(runner: ShardRunner): void {
    if (runner.backlog.size > 0 || this.#hasMore) return this.request();
    if (!this.#isRunning || !runner.canWrite) return;
    // While it could not write, its timers were not what the next round was scheduled for.
    const monotonicMs = this.#context.ports.clock.monotonicMs();
    const dueInMs = runner.shard!.nextDeadlineMs() - this.#context.clock.nowMs();
    const delayMs = Math.max(0, this.#tickInMs(monotonicMs), dueInMs);
    if (monotonicMs + delayMs < this.#wakeAtMs) this.#wake(monotonicMs, delayMs);
  }

  #tickInMs(monotonicMs: number): number {
    return this.#lastTickMs + this.#context.options.tickMs - monotonicMs;
  }

  #wake(monotonicMs: number, delayMs: number): void {
    this.#cancel();
    this.#wakeAtMs = monotonicMs + delayMs;
    this.#cancelWake = this.#context.ports.clock.wakeAfter(delayMs, () => {
      this.#cancelWake = null;
      this.#wakeAtMs = Infinity;
      if (!this.#isRunning) return;
      try {
        this.#run();
      } catch (error) {
        this.#context.fail(error);
      }
    });
  }

  #cancel(): void {
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAtMs = Infinity;
  }

  #run(): void {
    const { clock, inputs, ports, options } = this.#context;
    const startMs = ports.clock.monotonicMs();
    if (startMs - this.#lastRunMs > STOOD_STILL_MS) inputs.doubt();
    this.#lastRunMs = startMs;
    const isTick = startMs - this.#lastTickMs >= options.tickMs - TICK_SLACK_MS;
    if (isTick) this.#lastTickMs = startMs;
    const round: Round = {
      nowMs: clock.nowMs(),
      monotonicMs: startMs,
      inputBytes: this.#inputBytesMax,
      encodeInputs: (offsets) => inputs.encode(offsets),
    };
    this.#hasMore = false;
    if (this.#takesInput) inputs.resume();
    this.#drainBacklogs(round);
    // At the end only what was taken is finished: timers that fired would never let it end.
    if (this.#takesInput) {
      this.#take(round);
      this.#punctuate(round, isTick);
    }
    this.#close(round);
    options.metrics.turnTime.record(ports.clock.monotonicMs() - startMs);
    this.#scheduleNext(round);
  }

  /** 1. Events that waited for their shard, in order. */
  #drainBacklogs(round: Round): void {
    for (const runner of this.#context.runners) {
      const { backlog } = runner;
      while (backlog.size > 0) {
        const { queued } = backlog;
        if (!runner.apply(queued, backlog.event, backlog.frontierMs, round)) break;
        backlog.partition.done(queued);
        backlog.shift();
      }
    }
  }

  /** 2. A slice of the merged input. */
  #take(round: Round): void {
    const { inputs, runners, ports } = this.#context;
    const { merge } = inputs;
    merge.refill();
    if (inputs.mustWait()) return;
    for (let taken = 0; taken < EVENTS_PER_ROUND_MAX; taken++) {
      const partition = merge.first();
      if (partition === null) return;
      const queued = partition.head()!;
      const { chunk } = queued;
      const event = queued.next;
      const sourceMs = chunk.sourceTimestampMs(event);
      const offset = chunk.offset(event);
      const runner = runners[chunk.shard(event)]!;
      if (this.#isBusy(runner, round)) return;
      const frontierMs = Math.min(round.nowMs, sourceMs);
      if (frontierMs > this.#frontierMs) this.#frontierMs = frontierMs;
      queued.pending++;
      partition.taken(queued);
      merge.advance();
      if (!this.#give(runner, queued, event, partition.index, offset, round)) {
        runner.backlog.push(partition, queued, event, this.#frontierMs);
        if (runner.backlog.size > this.#backlogEventsMax) this.#detach(runner);
      } else partition.done(queued);
      // The rest of a partition that is behind is on its way: merged input waits for it.
      if (partition.isBehind && partition.head() === null && inputs.mustWait()) return;
      if ((taken & 255) === 255 && ports.clock.monotonicMs() - round.monotonicMs > TAKE_MS_MAX) {
        break;
      }
    }
    this.#hasMore = merge.first() !== null;
  }

  /**
   * Whether the input has to wait for the shard. In catching up events come faster than a log
   * takes what they cause: no shard is to leave the input for that. For one that gets no answers
   * nobody waits, nor while the input is up to date: the others' timers would be late.
   *
   * One that only needs more rounds for its timers is waited for in any case: they come at once,
   * and the log, which may owe it no answer, would not bring it back.
   */
  #isBusy(runner: ShardRunner, round: Round): boolean {
    const { size } = runner.backlog;
    if (size * BUSY_SHARE < this.#backlogEventsMax) return false;
    if (size >= this.#backlogEventsMax && runner.isCutShort && runner.canWrite) return true;
    if (round.nowMs - this.#frontierMs < CATCHING_UP_MS || runner.failures > 0) return false;
    const first = runner.writer.inFlight[0];
    return first === undefined || round.monotonicMs - first.sentAtMs < ANSWER_WAIT_MS;
  }

  /** @returns false when the shard cannot take the event now. */
  #give(
    runner: ShardRunner,
    queued: Parameters<ShardRunner["apply"]>[0],
    event: number,
    partition: number,
    offset: number,
    round: Round,
  ): boolean {
    if (runner.isAhead && offset < runner.skipBefore[partition]!) return true;
    // What is being restored or was detached reads its part of the input again, later.
    if (runner.shard === null || runner.isDetached || runner.isStopped) return true;
    return runner.backlog.size === 0 && runner.apply(queued, event, this.#frontierMs, round);
  }

  /** A shard that cannot write must not fill the memory: it will read its events again. */
  #detach(runner: ShardRunner): void {
    const { inputs, options } = this.#context;
    const { building, writer } = runner;
    const isAwaited = writer.inFlight.length > 0 || (building !== null && building.count > 0);
    invariant(isAwaited, "the answer to a batch brings the shard back");
    runner.skipBefore.set(runner.positions(inputs.positions()));
    runner.isDetached = true;
    runner.isAhead = true;
    runner.dropBacklog();
    if (runner.refusal === null) {
      options.metrics.shards.setState(runner.index, "stalled", "its output cannot be written");
    }
    options.logger.warn("shard cannot write and left the input: it will read its part again", {
      shard: runner.index,
    });
  }

  /** 3. Clocks move, timers fire. */
  #punctuate(round: Round, isTick: boolean): void {
    const { clock, inputs, ports, runners } = this.#context;
    const isBehind = inputs.isBehind(null);
    const untilMs = ports.clock.monotonicMs() + this.#punctuateMsMax;
    const first = this.#firstShard;
    let isOver = false;
    for (let i = 0; i < runners.length; i++) {
      const runner = runners[(first + i) % runners.length]!;
      if (!runner.canWrite || runner.backlog.size > 0) continue;
      const shard = runner.shard!;
      const isExempt = runner.isAhead && runner.hadAllInput;
      const follows = isBehind && (!isExempt || inputs.isBehind(runner.skipBefore));
      let toMs = shard.clockMs;
      if (follows) toMs = Math.max(toMs, this.#frontierMs);
      else if (!clock.alarm && (isTick || runner.building !== null || runner.isCutShort)) {
        toMs = Math.max(toMs, round.nowMs);
      }
      if (toMs === shard.clockMs && shard.nextDeadlineMs() > toMs) continue;
      if (isOver) {
        runner.isCutShort = true;
        this.#hasMore = true;
        continue;
      }
      if (!runner.punctuate(toMs, round)) this.#hasMore = true;
      if (ports.clock.monotonicMs() < untilMs) continue;
      isOver = true;
      this.#firstShard = runner.index + 1;
    }
  }

  /** 4. Batches, and away with them. */
  #close(round: Round): void {
    const { inputs, runners } = this.#context;
    let shared: { offsets: Float64Array; bytes: Uint8Array } | null = null;
    for (const runner of runners) {
      if (runner.building === null) continue;
      if (shared === null) {
        const offsets = inputs.positions();
        shared = { offsets, bytes: inputs.encode(offsets) };
      }
      const batch = runner.close(round, shared);
      if (batch !== null) this.#produce.add(runner, batch);
    }
    this.#produce.flush();
  }

  #scheduleNext(round: Round): void {
    const { inputs, ports, runners } = this.#context;
    const monotonicMs = ports.clock.monotonicMs();
    if (this.#wakeAtMs <= monotonicMs) return;
    let hasWork = this.#takesInput && this.#hasMore;
    let deadlineMs = Infinity;
    for (const runner of runners) {
      if (!runner.canWrite) continue;
      if (runner.backlog.size > 0 || this.#hasMore) hasWork = true;
      const nextMs = runner.shard!.nextDeadlineMs();
      if (nextMs < deadlineMs) deadlineMs = nextMs;
    }
    if (hasWork) return this.#wake(monotonicMs, 0);
    const tickInMs = this.#tickInMs(monotonicMs);
    const dueInMs = deadlineMs - round.nowMs - (monotonicMs - round.monotonicMs);
    const idleMs = inputs.isBehind(null) ? STARVED_CHECK_MS : IDLE_MS_MAX;
    this.#wake(monotonicMs, Math.max(0, Math.min(Math.max(tickInMs, dueInMs), idleMs)));
  }
}

/** Events taken in one round, and the time that may take: answers of the log wait meanwhile. */
const EVENTS_PER_ROUND_MAX = 20_000;
const TAKE_MS_MAX = 10;
/** A shard is busy from this part of the events on that would make it leave the input. */
const BUSY_SHARE = 4;
/** The input is being caught up with while it is further behind than this. */
const CATCHING_UP_MS = 1000;
/** A log that has not answered for so long may not answer at all. */
const ANSWER_WAIT_MS = 1000;
/** Timers fire a little early or late; a tick is not to be missed for that. */
const TICK_SLACK_MS = 0.3;
/** Without work the clock guard and the grace are looked at this often. */
const IDLE_MS_MAX = 1000;
const STARVED_CHECK_MS = 50;
/** Longer between two rounds than any wait for one: the process was stopped, or its machine. */
const STOOD_STILL_MS = 2 * IDLE_MS_MAX;
