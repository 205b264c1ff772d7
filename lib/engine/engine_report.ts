import { CLOCK_AHEAD_MS_MAX } from "../telemetry/engine_status.ts";
import type { EngineContext } from "./engine_context.ts";

/** Brings the numbers that are not counted as they happen up to date: gauges, and the core's counts. */
export class EngineReport {
  readonly #context: EngineContext;
  #alarmed = false;
  #isAhead = false;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  update(): void {
    const { options, counters, inputs, runners } = this.#context;
    const { metrics } = options;
    metrics.duplicates = counters.duplicates;
    metrics.lateStarts = counters.lateStarts;
    metrics.orphanEnds = counters.orphanEnds;
    metrics.droppedStarts = counters.droppedStarts;
    this.#reportForgotten();
    metrics.heartbeatsCoalesced = counters.coalescedHeartbeats;
    inputs.report();
    const { shards } = metrics;
    for (const { index, shard, writer, backlog } of runners) {
      shards.inFlightBatches[index] = writer.inFlight.length;
      shards.queuedEvents[index] = backlog.size;
      if (shard === null) {
        shards.sessionsActive[index] = 0;
        shards.endsRemembered[index] = 0;
        shards.earlyEnds[index] = 0;
        shards.stateHash[index] = 0n;
        continue;
      }
      shards.sessionsActive[index] = shard.active.size;
      shards.endsRemembered[index] = shard.remembered.endedCount;
      shards.earlyEnds[index] = shard.remembered.earlyEndCount;
      shards.stateHash[index] = shard.active.stateHash.value();
    }
    this.#reportClock();
    this.#reportAhead();
  }

  #reportForgotten(): void {
    const { options: { metrics, logger }, counters: { forgottenEnds } } = this.#context;
    if (forgottenEnds === metrics.forgottenEnds) return;
    metrics.forgottenEnds = forgottenEnds;
    logger.warn(
      "ends are forgotten before their grace is over: limits.maxRemembered is reached",
      { total: forgottenEnds },
      { everyMs: 60_000 },
    );
  }

  #reportClock(): void {
    const { clock, options } = this.#context;
    options.metrics.clockOffsetMs = clock.differenceMs;
    options.metrics.clockJumpAlarm = clock.alarm;
    if (clock.alarm === this.#alarmed) return;
    this.#alarmed = clock.alarm;
    const fields = { byMs: Math.round(clock.differenceMs) };
    if (clock.alarm) {
      options.logger.error("the wall clock jumped: timers stand still until it is settled", fields);
    } else options.logger.warn("the wall clock is settled: timers go on", fields);
  }

  /** What is in the logs is of a time that has not come: of a clock that was ahead, or is behind. */
  #reportAhead(): void {
    const { clock, options, ports, runners } = this.#context;
    const wallMs = ports.clock.wallMs();
    let aheadMs = 0;
    for (const { shard } of runners) {
      if (shard !== null) aheadMs = Math.max(aheadMs, shard.clockMs - wallMs);
    }
    options.metrics.clockAheadMs = aheadMs;
    // While there is an alarm nobody knows which is right.
    const isAhead = !clock.alarm && aheadMs > CLOCK_AHEAD_MS_MAX;
    if (isAhead === this.#isAhead) return;
    this.#isAhead = isAhead;
    if (isAhead) {
      options.logger.warn("the sessions' time is ahead of the wall clock: timers wait for it", {
        aheadMs,
      });
    } else if (!clock.alarm) options.logger.info("the wall clock is at the sessions' time again");
  }
}
