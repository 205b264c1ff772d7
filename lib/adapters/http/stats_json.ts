import type { BuildInfo } from "../../telemetry/build_info.ts";
import {
  type EngineLatencies,
  type EngineStatus,
  eventsTotal,
  recordsTotal,
  restoreProgress,
} from "../../telemetry/engine_status.ts";
import { quantileMs } from "../../telemetry/latency_histogram.ts";
import type { StatusWindow } from "../../telemetry/status_window.ts";

/** The answer of `GET /v1/stats`. What is not known is null. */
export interface StatsJson {
  readonly version: string;
  readonly commit: string;
  readonly uptimeSeconds: number;
  readonly phase: EngineStatus["phase"];
  readonly started: boolean;
  readonly brokersReachable: boolean;
  readonly clockJump: boolean;
  /** How far the sessions' time is ahead of the wall clock: timers wait for so long. */
  readonly clockAheadMs: number;
  readonly restoreProgress: number;
  readonly sessions: EngineStatus["sessions"];
  /** Over the last seconds, see `windowSeconds`. */
  readonly rates: {
    readonly windowSeconds: number;
    readonly eventsPerSecond: number;
    readonly recordsPerSecond: number;
    readonly heartbeatsPerSecond: number;
    readonly outputBytesPerSecond: number;
  } | null;
  /** Of the same seconds. */
  readonly latencies: Readonly<Record<keyof EngineLatencies, QuantilesJson>>;
  /** Since the process started. */
  readonly totals: EngineStatus["counters"] & { readonly allEvents: number; allRecords: number };
  readonly lagRecords: number | null;
  readonly inputs: EngineStatus["inputs"];
  readonly shards: EngineStatus["shards"];
  readonly checkpoint: EngineStatus["checkpoint"];
  readonly stateHash: string;
}

export interface QuantilesJson {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
}

export function statsJson(
  status: EngineStatus,
  window: StatusWindow,
  about: { build: BuildInfo; uptimeMs: number },
): StatsJson {
  const rates = window.rates();
  return {
    version: about.build.version,
    commit: about.build.commit,
    uptimeSeconds: Math.max(0, Math.floor(about.uptimeMs / 1000)),
    phase: status.phase,
    started: status.started,
    brokersReachable: status.brokersReachable,
    clockJump: status.clock.jumpAlarm,
    clockAheadMs: status.clock.aheadMs,
    restoreProgress: round(restoreProgress(status)),
    sessions: status.sessions,
    rates: rates === null ? null : {
      windowSeconds: round(rates.windowMs / 1000),
      eventsPerSecond: round(rates.eventsPerSecond),
      recordsPerSecond: round(rates.recordsPerSecond),
      heartbeatsPerSecond: round(rates.heartbeatsPerSecond),
      outputBytesPerSecond: round(rates.outputBytesPerSecond),
    },
    latencies: {
      produce: quantiles(window, "produce"),
      endToEnd: quantiles(window, "endToEnd"),
      heartbeatLateness: quantiles(window, "heartbeatLateness"),
      turn: quantiles(window, "turn"),
    },
    totals: {
      ...status.counters,
      allEvents: eventsTotal(status.counters),
      allRecords: recordsTotal(status.counters.records),
    },
    lagRecords: totalLag(status),
    inputs: status.inputs,
    shards: status.shards,
    checkpoint: status.checkpoint,
    stateHash: status.stateHash,
  };
}

function quantiles(window: StatusWindow, name: keyof EngineLatencies): QuantilesJson {
  const histogram = window.recent(name);
  if (histogram === null || histogram.count === 0) {
    return { count: 0, p50Ms: null, p90Ms: null, p99Ms: null, p999Ms: null, maxMs: null };
  }
  return {
    count: histogram.count,
    p50Ms: round(quantileMs(histogram, 0.5)),
    p90Ms: round(quantileMs(histogram, 0.9)),
    p99Ms: round(quantileMs(histogram, 0.99)),
    p999Ms: round(quantileMs(histogram, 0.999)),
    maxMs: round(histogram.maxMs),
  };
}

/** Null while the lag of any input partition is unknown. */
function totalLag(status: EngineStatus): number | null {
  let lag = 0;
  for (const { lagRecords } of status.inputs) {
    if (lagRecords === null) return null;
    lag += lagRecords;
  }
  return lag;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
