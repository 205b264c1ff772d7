import { BatchBuilder } from "../core/batch_builder.ts";
import { ByteWriter } from "../core/byte_writer.ts";
import { ID_IS_INTEGER } from "../core/id_codec.ts";
import { type Position, writeEarlyEnd, writePositionHead } from "../core/position.ts";
import type { RecordLayout } from "../core/record_layout.ts";
import { RestorePoint } from "../core/restore_point.ts";
import type { Shard } from "../core/shard.ts";
import type { ShardOwnership } from "../ports/output_log.ts";
import { EventBacklog } from "./event_backlog.ts";
import type { QueuedFetch } from "./input_partition.ts";
import type { OutputRefusal } from "./output_refusal.ts";
import { type InFlightBatch, ShardWriter } from "./shard_writer.ts";

/** A batch in flight, with all that its acknowledgement settles. */
export interface ShardBatch extends InFlightBatch {
  readonly builder: BatchBuilder;
  /** T: the shard's clock when it was closed. */
  readonly clockMs: number;
  /** Next offset of each input partition that the batch's position tells. */
  readonly inputs: Float64Array;
}

/** The inputs of a position, as all shards of a round share them. */
export interface RoundInputs {
  /** Next offset per input partition that nobody has taken. */
  readonly offsets: Float64Array;
  /** The same as the bytes of `sw-position`. */
  readonly bytes: Uint8Array;
}

export interface ShardRunnerOptions {
  readonly index: number;
  readonly layout: RecordLayout;
  readonly shards: number;
  readonly inputs: number;
  readonly batchBytesMax: number;
  /** As `EngineLimits` has it. */
  readonly timersPerRoundMax: number;
}

/**
 * One shard as the engine runs it: its state, the events that wait for it, the batch that is being
 * built, the batches in flight, and how far its output stands for its input.
 *
 * ```
 *               restored            no answer, no leader              written again
 *  restoring ────────────► running ──────────────────────► stalled ────────────────► running
 *      ▲                      │                                │ backlog full
 *      │   broker disagrees   │                                ▼
 *      └──────────────────────┘                             detached: reads its input again later
 * ```
 */
export class ShardRunner {
  readonly index: number;
  readonly backlog = new EventBacklog();
  readonly writer = new ShardWriter<ShardBatch>();
  /** Below these offsets the log has the outputs of this shard already. */
  readonly skipBefore: Float64Array;
  /** Next offset per input partition whose outputs are all acknowledged. */
  readonly acknowledged: Float64Array;
  /** Null while the shard is being restored. */
  shard: Shard | null = null;
  /** It gave up its place in the input: where it has to be read again from is in `skipBefore`. */
  isDetached = false;
  /** It is detached and waits for the reader to go back for it. */
  isReturning = false;
  /** It ended for good. */
  isStopped = false;
  /** Whether `skipBefore` lies past what was taken, of any partition. */
  isAhead = true;
  /**
   * It had all of the input when the reader went back for another shard: its timers need not wait
   * until the reader is at `skipBefore` again. After a start there is more behind that than before.
   */
  hadAllInput = false;
  /** Next offset of the output partition, as far as acknowledged. */
  logEnd = 0;
  /** The last batch that is acknowledged, and the last one that was closed; 0 = none. */
  acknowledgedBatch = 0;
  closedBatch = 0;
  /** Who wrote the last acknowledged batch. */
  acknowledgedWriter: { readonly producerId: number; readonly epoch: number } = NO_WRITER;
  /** Failures in a row of the batches in flight. */
  failures = 0;
  /** More timers are due than fitted into the round: it goes on in the next one, tick or not. */
  isCutShort = false;
  /** Recoveries in a row, without a batch that was acknowledged. */
  recoveries = 0;
  /** Why the broker refuses what it writes, until it takes a batch again. */
  refusal: OutputRefusal | null = null;
  /** The shard's clock T as the log has it: of the last batch that is acknowledged, or restored. */
  acknowledgedClockMs = 0;
  /** The largest batch that the topic takes, as far as known. Counts for what is built from now on. */
  batchBytesMax: number;
  readonly #options: ShardRunnerOptions;
  readonly #header = new ByteWriter(512);
  #spare: BatchBuilder[] = [];
  #open: BatchBuilder | null = null;
  /** How many more timers may fire in this round. */
  #timersLeft = 0;
  #restorePoint = new RestorePoint(0, 0, 0, 0);
  #producerId = -1;
  #epoch = -1;
  readonly #facts = new ByteWriter(512);
  readonly #scratch = new Uint8Array(256);

  constructor(options: ShardRunnerOptions) {
    this.index = options.index;
    this.#options = options;
    this.batchBytesMax = options.batchBytesMax;
    this.skipBefore = new Float64Array(options.inputs);
    this.acknowledged = new Float64Array(options.inputs).fill(-1);
  }

  /** The batch that is being built in this round, or null. */
  get building(): BatchBuilder | null {
    return this.#open;
  }

  /** Whether it can apply events and write records at all in this round. */
  get canWrite(): boolean {
    return this.shard !== null && !this.isStopped && !this.isDetached && this.writer.canSend();
  }

  /**
   * Takes over what was restored. `skipBefore` is set by the caller, who knows the input.
   *
   * @param restoreOffset R at the end of the log; 0 = as the last position tells.
   */
  run(
    shard: Shard,
    ownership: ShardOwnership,
    position: Position | null,
    restoreOffset = 0,
  ): void {
    const { heartbeatIntervalMs, graceMs } = shard.rules;
    const windowMs = Math.max(heartbeatIntervalMs, graceMs);
    this.shard = shard;
    this.#producerId = ownership.producerId;
    this.#epoch = ownership.epoch;
    this.acknowledgedClockMs = shard.clockMs;
    this.closedBatch = position === null ? 0 : position.batchNumber;
    this.acknowledgedBatch = this.closedBatch;
    this.acknowledgedWriter = position ?? NO_WRITER;
    this.logEnd = ownership.end;
    // Also where that is before the log's start: what a checkpoint had beyond the log is not in it.
    const heldOffset = position === null
      ? restoreOffset > 0 ? restoreOffset : ownership.end
      : Math.max(position.restoreOffset, restoreOffset);
    this.#restorePoint = new RestorePoint(windowMs, heldOffset, shard.clockMs, ownership.end);
    this.writer.reset();
    this.isAhead = true;
    this.hadAllInput = false;
    this.isCutShort = false;
    this.failures = 0;
  }

  /** Drops the state and all that is not acknowledged: the log is to be asked again. */
  dropState(): void {
    this.shard?.active.discard();
    this.shard = null;
    // Not used again: they count what was never written, and may be of another size than the next.
    this.#spare = [];
    this.writer.reset();
    this.#open = null;
    this.dropBacklog();
  }

  dropBacklog(): void {
    while (this.backlog.size > 0) {
      this.backlog.partition.done(this.backlog.queued);
      this.backlog.shift();
    }
    this.backlog.clear();
  }

  /**
   * Applies one event, firing what is due before it.
   *
   * @returns false when it has to wait: the batch is full or may not be sent now, or too many
   * timers are due before it for one round.
   */
  apply(queued: QueuedFetch, event: number, frontierMs: number, round: Round): boolean {
    if (!this.canWrite) return false;
    const shard = this.shard!;
    const builder = this.#begin(round);
    if (!builder.hasRoom()) return false;
    const clockMs = shard.clockMs;
    if (frontierMs > clockMs || shard.nextDeadlineMs() <= clockMs) {
      if (!this.#advance(Math.max(clockMs, frontierMs), round, builder)) return false;
      if (!builder.hasRoom()) return false;
    }
    shard.apply(queued.chunk, event, round.nowMs, builder);
    if (shard.remembered.unwrittenCount > 0) this.#reserve(round, builder);
    return true;
  }

  /**
   * Moves the clock on and fires what is due.
   *
   * @returns false when more is due than fits into the batch or into the round.
   */
  punctuate(toMs: number, round: Round): boolean {
    const shard = this.shard!;
    if (toMs < shard.nextDeadlineMs()) {
      shard.moveClock(toMs);
      return true;
    }
    return this.#advance(toMs, round, this.#begin(round));
  }

  /**
   * Closes the batch of this round.
   *
   * @returns it, counted as sent, or null when the round brought no record.
   */
  close(round: Round, inputs: RoundInputs): ShardBatch | null {
    const builder = this.#open;
    if (builder === null) return null;
    if (builder.count === 0) {
      this.#abandonOpen();
      return null;
    }
    this.#open = null;
    const shard = this.shard!;
    const clockMs = shard.clockMs;
    const own = this.#ownInputs(inputs);
    this.#writeHeader(shard, builder, own === null ? inputs.bytes : round.encodeInputs(own));
    const bytes = builder.finish(
      this.#producerId,
      this.#epoch,
      this.writer.nextSequence,
      this.#header.bytes,
      this.#header.length,
    );
    const batch: ShardBatch = {
      builder,
      bytes,
      count: builder.count,
      clockMs,
      inputs: own ?? inputs.offsets,
      sentAtMs: round.monotonicMs,
      result: null,
    };
    this.writer.sent(batch);
    return batch;
  }

  /** The log has the oldest batch in flight. */
  batchAcknowledged(batch: ShardBatch, baseOffset: number): void {
    this.failures = 0;
    this.recoveries = 0;
    this.refusal = null;
    this.acknowledgedClockMs = batch.clockMs;
    this.acknowledgedBatch++;
    this.acknowledgedWriter = { producerId: this.#producerId, epoch: this.#epoch };
    this.logEnd = baseOffset + batch.count;
    this.#restorePoint.acknowledged(batch.clockMs, baseOffset, this.logEnd);
    this.acknowledged.set(batch.inputs);
    this.#release(batch.builder);
  }

  /** Whether everything it took is applied and written: `acknowledged` may follow the input. */
  isSettled(): boolean {
    return this.shard !== null && !this.isDetached && this.writer.inFlight.length === 0 &&
      this.backlog.size === 0 && this.shard.remembered.unwrittenCount === 0;
  }

  /** Next offset per input partition that this shard will apply, given what was taken. */
  positions(taken: Float64Array): Float64Array {
    const positions = taken.slice();
    for (let i = 0; i < positions.length; i++) {
      if (this.skipBefore[i]! > positions[i]!) positions[i] = this.skipBefore[i]!;
    }
    this.backlog.lowerPositions(positions);
    return positions;
  }

  #ownInputs(inputs: RoundInputs): Float64Array | null {
    // It left the input in this round: what was taken since then it does not have.
    if (this.isDetached) return this.skipBefore.slice();
    if (this.isAhead) {
      this.isAhead = false;
      for (let i = 0; i < this.skipBefore.length; i++) {
        if (this.skipBefore[i]! > inputs.offsets[i]!) this.isAhead = true;
      }
    }
    return this.isAhead || this.backlog.size > 0 ? this.positions(inputs.offsets) : null;
  }

  #advance(toMs: number, round: Round, builder: BatchBuilder): boolean {
    const shard = this.shard!;
    const sinceMs = shard.clockMs;
    const firedBefore = shard.timersFired;
    const isDone = shard.advance(toMs, round.nowMs, builder, this.#timersLeft);
    this.#timersLeft -= shard.timersFired - firedBefore;
    this.isCutShort = !isDone && this.#timersLeft <= 0;
    // Heartbeats were left out, or due timers are unwritten: R must stand still from before.
    let untilMs = shard.takeLeftOutUntil();
    if (!isDone) untilMs = Math.max(untilMs, shard.clockMs);
    if (untilMs > -Infinity) this.#restorePoint.hold(sinceMs, untilMs);
    return isDone;
  }

  /** The batch of this round; the first call in a round opens it. */
  #begin(round: Round): BatchBuilder {
    if (this.#open !== null) return this.#open;
    this.#timersLeft = this.#options.timersPerRoundMax;
    const builder = this.#spare.pop() ?? this.#newBuilder();
    builder.begin(round.nowMs);
    this.#open = builder;
    this.#reserve(round, builder);
    return builder;
  }

  /** Keeps room for the header, and no more early ends unwritten than it can take. */
  #reserve(round: Round, builder: BatchBuilder): void {
    const { remembered } = this.shard!;
    // Only where no record comes out at all, to carry them: they are in the input still.
    if (builder.count === 0) remembered.shrinkUnwritten(this.batchBytesMax / 4);
    builder.reservedBytes = HEAD_BYTES_MAX + round.inputBytes + remembered.unwrittenBytes;
  }

  #writeHeader(shard: Shard, builder: BatchBuilder, inputs: Uint8Array): void {
    const { rows, remembered, rules } = shard;
    const header = this.#header;
    const facts = this.#facts;
    header.clear();
    facts.clear();
    let earlyEndCount = 0;
    remembered.takeUnwritten((row) => {
      earlyEndCount++;
      writeEarlyEnd(facts, {
        deviceId: this.#scratch.slice(0, rows.writeDevice(row, this.#scratch, 0)),
        sessionId: this.#scratch.slice(0, rows.writeSession(row, this.#scratch, 0)),
        sessionIdIsInteger: (rows.sessionKind(row) & ID_IS_INTEGER) !== 0,
        atMs: rows.orderKey(row),
        reportedDurationMs: rows.reportedDurationMs(row),
        clockMs: rows.startedAt(row),
      });
    });
    writePositionHead(header, {
      layout: this.#options.layout.name,
      producerId: this.#producerId,
      epoch: this.#epoch,
      batchNumber: ++this.closedBatch,
      shards: this.#options.shards,
      heartbeatIntervalMs: rules.heartbeatIntervalMs,
      maxDurationMs: rules.maxDurationMs,
      graceMs: rules.graceMs,
      clockMs: shard.clockMs,
      restoreOffset: this.#restorePoint.offset(shard.clockMs),
      activeSessions: shard.active.size,
      endClocksMs: builder.endClocks,
      earlyEndCount,
    });
    header.writeRaw(facts.view());
    header.writeRaw(inputs);
  }

  #newBuilder(): BatchBuilder {
    return new BatchBuilder(this.#options.layout, this.batchBytesMax);
  }

  #abandonOpen(): void {
    if (this.#open !== null) this.#release(this.#open);
    this.#open = null;
  }

  #release(builder: BatchBuilder): void {
    if (this.#spare.length < BUILDERS_MAX) this.#spare.push(builder);
  }
}

/** What is the same for all shards while a round lasts. */
export interface Round {
  /** The guarded clock, epoch milliseconds. */
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** Bytes that the inputs of a position take, at most. */
  readonly inputBytes: number;
  /** The bytes of `sw-position` for these offsets. */
  readonly encodeInputs: (offsets: Float64Array) => Uint8Array;
}

const NO_WRITER = { producerId: -1, epoch: -1 };
const BUILDERS_MAX = 5;
/** All of `sw-position` but early ends and inputs; ends' clocks are far smaller than their records. */
const HEAD_BYTES_MAX = 1024;
