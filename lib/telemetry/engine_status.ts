import type { RejectReason } from "../core/reject_reason.ts";
import type { RefusalCause } from "../ports/output_log.ts";
import type { HistogramCounts } from "./latency_histogram.ts";

/**
 * The engine at one instant, as plain data that survives a structured clone. Counters count since the
 * process started and never go down; durations are milliseconds.
 */
export interface EngineStatus {
  /** The engine's monotonic clock when this was taken. */
  readonly monotonicMs: number;
  /** The wall clock when this was taken, epoch milliseconds. */
  readonly wallMs: number;
  readonly phase: EnginePhase;
  /** Every shard has been running at once; stays true. */
  readonly started: boolean;
  readonly brokersReachable: boolean;
  /** JavaScript objects of the engine's thread, without typed arrays; null where nobody tells. */
  readonly heapUsedBytes: number | null;
  readonly sessions: SessionStatus;
  readonly counters: EngineCounters;
  readonly latencies: EngineLatencies;
  /** In the order of the source's partitions. */
  readonly inputs: readonly InputStatus[];
  /** In the order of the shards; empty until the output topic was found. */
  readonly shards: readonly ShardStatus[];
  readonly checkpoint: CheckpointStatus;
  readonly clock: ClockStatus;
  /** Hash over all active sessions, 16 hexadecimal digits: the sum of the shards' hashes. */
  readonly stateHash: string;
}

/** `failed`: the engine gave up and the process is about to end. */
export const ENGINE_PHASES = ["starting", "running", "draining", "stopped", "failed"] as const;
export type EnginePhase = (typeof ENGINE_PHASES)[number];

/**
 * `restoring` from acquiring the shard until its first turn, `stalled` when its partition cannot be
 * written right now, `stopped` when it ended for good (fenced, shutdown).
 */
export const SHARD_STATES = ["restoring", "running", "stalled", "stopped"] as const;
export type ShardState = (typeof SHARD_STATES)[number];

export interface SessionStatus {
  readonly active: number;
  /** `limits.maxSessions`. */
  readonly activeMax: number;
  readonly endsRemembered: number;
  readonly earlyEnds: number;
  /** `limits.maxRemembered`, of both. */
  readonly rememberedMax: number;
}

export interface EngineCounters {
  readonly events: EventCounters;
  readonly duplicates: number;
  readonly orphanEnds: number;
  readonly lateStarts: number;
  readonly forgottenEnds: number;
  readonly droppedStarts: number;
  readonly rejected: Readonly<Record<RejectReason, number>>;
  readonly deadLetters: DeadLetterCounters;
  readonly timestampsCorrected: TimestampCounters;
  readonly records: RecordCounters;
  readonly heartbeatsCoalesced: number;
  readonly outputBytes: number;
  readonly batches: number;
  readonly produceRequests: number;
  readonly produceRetries: number;
  readonly refused: RefusalCounters;
  readonly recoveries: number;
  readonly fenced: number;
}

/** Record batches that a broker refused for what they are, by the cause. */
export type RefusalCounters = Readonly<Record<RefusalCause, number>>;

export interface EventCounters {
  readonly start: number;
  readonly end: number;
  readonly otherType: number;
  readonly nullValue: number;
}

export interface DeadLetterCounters {
  readonly sent: number;
  readonly truncated: number;
  readonly givenUp: number;
}

export interface TimestampCounters {
  readonly future: number;
  readonly negative: number;
}

export interface RecordCounters {
  readonly start: number;
  readonly heartbeat: number;
  readonly ended: number;
  readonly superseded: number;
  readonly timeout: number;
}

export interface EngineLatencies {
  readonly produce: HistogramCounts;
  readonly endToEnd: HistogramCounts;
  readonly heartbeatLateness: HistogramCounts;
  readonly turn: HistogramCounts;
}

export interface InputStatus {
  readonly topic: string;
  readonly partition: number;
  /** Next offset that some shard has not applied; null until known. */
  readonly position: number | null;
  readonly highWatermark: number | null;
  readonly lagRecords: number | null;
  readonly reachable: boolean;
  readonly paused: boolean;
}

export interface ShardStatus {
  readonly shard: number;
  readonly state: ShardState;
  /** Why it is stalled, stopped or not restored yet, for people; null otherwise. */
  readonly reason: string | null;
  readonly sessionsActive: number;
  readonly endsRemembered: number;
  readonly earlyEnds: number;
  /** Next offset of the output partition, as acknowledged; null until known. */
  readonly outputEndOffset: number | null;
  readonly inFlightBatches: number;
  readonly queuedEvents: number;
  /** Output records read so far while restoring, of how many. Both 0 before it began. */
  readonly restoreDone: number;
  readonly restoreTotal: number;
  readonly stateHash: string;
}

export interface CheckpointStatus {
  /**
   * Age of the newest one this process wrote, its duration, the longest that it held the engine's
   * thread in one go (0 for one at rest), and its size; null when none was written.
   */
  readonly ageMs: number | null;
  readonly durationMs: number | null;
  readonly heldMaxMs: number | null;
  readonly bytes: number | null;
  readonly written: number;
  readonly failures: number;
}

export interface ClockStatus {
  /** Wall clock minus the engine's clock. */
  readonly offsetMs: number;
  /** The wall clock jumped and timers stand still until that is settled. */
  readonly jumpAlarm: boolean;
  /**
   * How far the sessions' clocks are ahead of the wall clock, which was ahead before: for so long no
   * timer fires.
   */
  readonly aheadMs: number;
}

/** The sessions' clocks may be so far ahead of the wall clock, to which they are drawn slowly. */
export const CLOCK_AHEAD_MS_MAX = 1000;

/** Share of the restore that is done, 0 … 1; 1 when no shard is restoring. */
export function restoreProgress(status: EngineStatus): number {
  let done = 0;
  let total = 0;
  for (const shard of status.shards) {
    if (shard.state !== "restoring") continue;
    // A shard that has not looked at its log yet weighs as one record.
    done += Math.min(shard.restoreDone, shard.restoreTotal);
    total += Math.max(1, shard.restoreTotal);
  }
  if (total === 0) return status.started ? 1 : 0;
  return done / total;
}

/** Events of all kinds that were looked at, the rejected ones included. */
export function eventsTotal(counters: EngineCounters): number {
  const { start, end, otherType, nullValue } = counters.events;
  let rejected = 0;
  for (const count of Object.values(counters.rejected)) rejected += count;
  return start + end + otherType + nullValue + rejected;
}

export function recordsTotal(records: RecordCounters): number {
  return records.start + records.heartbeat + records.ended + records.superseded + records.timeout;
}
