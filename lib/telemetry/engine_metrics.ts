import { REJECT_REASONS, type RejectReason } from "../core/reject_reason.ts";
import type { RefusalCause } from "../ports/output_log.ts";
import type {
  EngineCounters,
  EnginePhase,
  EngineStatus,
  InputStatus,
  ShardState,
  ShardStatus,
} from "./engine_status.ts";
import { SHARD_STATES } from "./engine_status.ts";
import { LatencyHistogram } from "./latency_histogram.ts";

/**
 * The engine's numbers, kept by the engine's thread and written by it directly: fields to increment,
 * columns to assign, histograms to record into. Nothing here allocates until `snapshot`.
 *
 * Call order: construct at once (a status can be taken while brokers are still waited for), then
 * `openInputs` and `openShards` when the topics are known. Counters only ever go up, a recovery of a
 * shard included.
 */
export class EngineMetrics {
  phase: EnginePhase = "starting";
  /** Set once every shard runs; never unset. */
  started = false;
  brokersReachable = false;

  /** Events that decoded. What did not is in `rejected`. */
  readonly events: { start: number; end: number; otherType: number; nullValue: number } = {
    start: 0,
    end: 0,
    otherType: 0,
    nullValue: 0,
  };
  /** Starts and ends that repeat one already applied. */
  duplicates = 0;
  /** Remembered ends whose start did not come within the grace. */
  orphanEnds = 0;
  /** Starts older than the device's newest session. */
  lateStarts = 0;
  /** Remembered ends that were forgotten within the grace, over `limits.maxRemembered`. */
  forgottenEnds = 0;
  /** Starts over `limits.maxSessions`. */
  droppedStarts = 0;
  readonly rejected: Record<RejectReason, number> = zeroPerReason();
  /** Acknowledged letters; of them cut to fit; and letters no broker takes. */
  readonly deadLetters: { sent: number; truncated: number; givenUp: number } = {
    sent: 0,
    truncated: 0,
    givenUp: 0,
  };
  /** Record timestamps taken as now. */
  readonly timestampsCorrected: { future: number; negative: number } = { future: 0, negative: 0 };

  /** Acknowledged records: count them when the batch is acknowledged, so that no recovery repeats one. */
  readonly records: {
    start: number;
    heartbeat: number;
    ended: number;
    superseded: number;
    timeout: number;
  } = { start: 0, heartbeat: 0, ended: 0, superseded: 0, timeout: 0 };
  heartbeatsCoalesced = 0;
  /** Bytes of acknowledged batches. */
  outputBytes = 0;
  /** Acknowledged batches. */
  batches = 0;
  produceRequests = 0;
  /** Batches sent again. */
  produceRetries = 0;
  /** Batches that the broker refused for what they are, each time they were sent. */
  readonly refused: Record<RefusalCause, number> = {
    timestamp: 0,
    too_large: 0,
    access: 0,
    other: 0,
  };
  /** Times a shard dropped its state and restored it while the process ran. */
  recoveries = 0;
  /** Times a newer owner took a shard. */
  fenced = 0;

  /** From handing a batch to the log until its acknowledgement. */
  readonly produceLatency: LatencyHistogram = new LatencyHistogram();
  /** Starts and ends: acknowledgement − `sourceTimestamp`, on the wall clock. */
  readonly endToEndLatency: LatencyHistogram = new LatencyHistogram();
  /** Heartbeats: `emittedAt` − `at`. */
  readonly heartbeatLateness: LatencyHistogram = new LatencyHistogram();
  /** One round of turns, from waking up to having handed over its batches. */
  readonly turnTime: LatencyHistogram = new LatencyHistogram();

  clockOffsetMs = 0;
  clockJumpAlarm = false;
  clockAheadMs = 0;
  sessionsActiveMax = 0;
  rememberedMax = 0;
  /** Set by who runs the engine, before a snapshot. */
  heapUsedBytes: number | null = null;

  /** `lastAtMs` on the monotonic clock; NaN until the first one is published. */
  readonly checkpoint: {
    lastAtMs: number;
    durationMs: number;
    /** The longest that it held the engine's thread in one go. */
    heldMaxMs: number;
    bytes: number;
    written: number;
    failures: number;
  } = { lastAtMs: NaN, durationMs: 0, heldMaxMs: 0, bytes: 0, written: 0, failures: 0 };

  inputs: InputColumns = new InputColumns([]);
  shards: ShardColumns = new ShardColumns(0);

  openInputs(partitions: readonly { readonly topic: string; readonly partition: number }[]): void {
    this.inputs = new InputColumns(partitions);
  }

  openShards(count: number): void {
    this.shards = new ShardColumns(count);
  }

  /** A copy of everything, about 60 KB, made in some 20 µs. */
  snapshot(nowMs: { readonly monotonicMs: number; readonly wallMs: number }): EngineStatus {
    const shards = this.shards.snapshot();
    const { lastAtMs, durationMs, heldMaxMs, bytes, written, failures } = this.checkpoint;
    const hasCheckpoint = !Number.isNaN(lastAtMs);
    return {
      monotonicMs: nowMs.monotonicMs,
      wallMs: nowMs.wallMs,
      phase: this.phase,
      started: this.started,
      brokersReachable: this.brokersReachable,
      heapUsedBytes: this.heapUsedBytes,
      sessions: {
        active: total(shards, (shard) => shard.sessionsActive),
        activeMax: this.sessionsActiveMax,
        endsRemembered: total(shards, (shard) => shard.endsRemembered),
        earlyEnds: total(shards, (shard) => shard.earlyEnds),
        rememberedMax: this.rememberedMax,
      },
      counters: this.#counters(),
      latencies: {
        produce: this.produceLatency.snapshot(),
        endToEnd: this.endToEndLatency.snapshot(),
        heartbeatLateness: this.heartbeatLateness.snapshot(),
        turn: this.turnTime.snapshot(),
      },
      inputs: this.inputs.snapshot(),
      shards,
      checkpoint: {
        ageMs: hasCheckpoint ? Math.max(0, nowMs.monotonicMs - lastAtMs) : null,
        durationMs: hasCheckpoint ? durationMs : null,
        heldMaxMs: hasCheckpoint ? heldMaxMs : null,
        bytes: hasCheckpoint ? bytes : null,
        written,
        failures,
      },
      clock: {
        offsetMs: this.clockOffsetMs,
        jumpAlarm: this.clockJumpAlarm,
        aheadMs: this.clockAheadMs,
      },
      stateHash: this.shards.totalStateHash(),
    };
  }

  #counters(): EngineCounters {
    return {
      events: { ...this.events },
      duplicates: this.duplicates,
      orphanEnds: this.orphanEnds,
      lateStarts: this.lateStarts,
      forgottenEnds: this.forgottenEnds,
      droppedStarts: this.droppedStarts,
      rejected: { ...this.rejected },
      deadLetters: { ...this.deadLetters },
      timestampsCorrected: { ...this.timestampsCorrected },
      records: { ...this.records },
      heartbeatsCoalesced: this.heartbeatsCoalesced,
      outputBytes: this.outputBytes,
      batches: this.batches,
      produceRequests: this.produceRequests,
      produceRetries: this.produceRetries,
      refused: { ...this.refused },
      recoveries: this.recoveries,
      fenced: this.fenced,
    };
  }
}

/** One entry an input partition, in the order of `Source.open`. Offsets are -1 while unknown. */
export class InputColumns {
  readonly position: Float64Array<ArrayBuffer>;
  readonly highWatermark: Float64Array<ArrayBuffer>;
  /** 0 or 1. */
  readonly reachable: Uint8Array<ArrayBuffer>;
  /** 0 or 1. */
  readonly paused: Uint8Array<ArrayBuffer>;
  readonly #names: readonly { readonly topic: string; readonly partition: number }[];

  constructor(partitions: readonly { readonly topic: string; readonly partition: number }[]) {
    this.#names = partitions.map(({ topic, partition }) => ({ topic, partition }));
    this.position = new Float64Array(partitions.length).fill(-1);
    this.highWatermark = new Float64Array(partitions.length).fill(-1);
    this.reachable = new Uint8Array(partitions.length);
    this.paused = new Uint8Array(partitions.length);
  }

  snapshot(): InputStatus[] {
    return this.#names.map((name, i) => {
      const position = knownOffset(this.position[i]!);
      const highWatermark = knownOffset(this.highWatermark[i]!);
      const lagKnown = position !== null && highWatermark !== null;
      return {
        ...name,
        position,
        highWatermark,
        // The watermark is of the last fetch, the position may have passed it since.
        lagRecords: lagKnown ? Math.max(0, highWatermark - position) : null,
        reachable: this.reachable[i] === 1,
        paused: this.paused[i] === 1,
      };
    });
  }
}

/** One entry a shard. */
export class ShardColumns {
  readonly sessionsActive: Float64Array<ArrayBuffer>;
  readonly endsRemembered: Float64Array<ArrayBuffer>;
  readonly earlyEnds: Float64Array<ArrayBuffer>;
  /** -1 while unknown. */
  readonly outputEndOffset: Float64Array<ArrayBuffer>;
  readonly inFlightBatches: Float64Array<ArrayBuffer>;
  readonly queuedEvents: Float64Array<ArrayBuffer>;
  readonly restoreDone: Float64Array<ArrayBuffer>;
  readonly restoreTotal: Float64Array<ArrayBuffer>;
  /** The shard's hash over its active sessions, modulo 2^64. */
  readonly stateHash: BigUint64Array<ArrayBuffer>;
  /** The same hashes as 32-bit words, low word first: `stateHashWords[2 * shard]`. */
  readonly stateHashWords: Uint32Array<ArrayBuffer>;
  readonly #states: ShardState[];
  readonly #reasons: (string | null)[];

  constructor(count: number) {
    this.sessionsActive = new Float64Array(count);
    this.endsRemembered = new Float64Array(count);
    this.earlyEnds = new Float64Array(count);
    this.outputEndOffset = new Float64Array(count).fill(-1);
    this.inFlightBatches = new Float64Array(count);
    this.queuedEvents = new Float64Array(count);
    this.restoreDone = new Float64Array(count);
    this.restoreTotal = new Float64Array(count);
    this.stateHash = new BigUint64Array(count);
    this.stateHashWords = new Uint32Array(this.stateHash.buffer);
    this.#states = new Array<ShardState>(count).fill(SHARD_STATES[0]);
    this.#reasons = new Array<string | null>(count).fill(null);
  }

  /** `reason` says to people why the shard is not running. */
  setState(shard: number, state: ShardState, reason: string | null = null): void {
    this.#states[shard] = state;
    this.#reasons[shard] = reason;
  }

  allRunning(): boolean {
    return this.#states.every((state) => state === "running");
  }

  snapshot(): ShardStatus[] {
    return this.#states.map((state, shard) => ({
      shard,
      state,
      reason: this.#reasons[shard]!,
      sessionsActive: this.sessionsActive[shard]!,
      endsRemembered: this.endsRemembered[shard]!,
      earlyEnds: this.earlyEnds[shard]!,
      outputEndOffset: knownOffset(this.outputEndOffset[shard]!),
      inFlightBatches: this.inFlightBatches[shard]!,
      queuedEvents: this.queuedEvents[shard]!,
      restoreDone: this.restoreDone[shard]!,
      restoreTotal: this.restoreTotal[shard]!,
      stateHash: hex64(this.stateHash[shard]!),
    }));
  }

  totalStateHash(): string {
    let hash = 0n;
    for (const shardHash of this.stateHash) hash += shardHash;
    return hex64(BigInt.asUintN(64, hash));
  }
}

function knownOffset(offset: number): number | null {
  return offset < 0 ? null : offset;
}

function hex64(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

function total(shards: readonly ShardStatus[], of: (shard: ShardStatus) => number): number {
  let sum = 0;
  for (const shard of shards) sum += of(shard);
  return sum;
}

function zeroPerReason(): Record<RejectReason, number> {
  const counts = {} as Record<RejectReason, number>;
  for (const reason of REJECT_REASONS) counts[reason] = 0;
  return counts;
}
