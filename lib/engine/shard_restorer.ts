import { FactOffsets } from "../core/fact_offsets.ts";
import { LogFold, type LogFoldNotes } from "../core/log_fold.ts";
import { type InputPosition, type Position, PositionError } from "../core/position.ts";
import { RecordBatchReader, type RecordBatchReaderOptions } from "../core/record_batch_reader.ts";
import { RecordHeaderReader } from "../core/record_header_reader.ts";
import type { RecordLayout } from "../core/record_layout.ts";
import { ROW_EARLY_END } from "../core/row_format.ts";
import { Shard } from "../core/shard.ts";
import type { ShardOptions } from "../core/shard_options.ts";
import type { OutputLog, ShardOwnership } from "../ports/output_log.ts";
import type { CheckpointLoader } from "./checkpoint_loader.ts";
import { EngineError } from "./engine_error.ts";
import type { LostSessions } from "./engine_options.ts";
import { type LastBatch, positionOf, shardPositionOf } from "./last_batch.ts";
import type { OlderOwnerWatch } from "./older_owner_watch.ts";

/** A shard as its log tells it, owned by this process. */
export interface RestoredShard {
  readonly shard: Shard;
  /** What the last data batch says; null when the partition holds none. */
  readonly position: Position | null;
  /** R at the end of the log, where that is known; else 0, and R is as the last position says. */
  readonly restoreOffset: number;
  /** Up to where the state has its inputs; null when nothing tells. */
  readonly read: readonly InputPosition[] | null;
}

export interface ShardRestorerOptions {
  readonly log: OutputLog;
  readonly checkpoints: CheckpointLoader | null;
  readonly topic: string;
  readonly shards: number;
  /** Of all shards together: each has its part. */
  readonly rememberedMax: number;
  readonly layouts: readonly RecordLayout[];
  readonly batches: RecordBatchReaderOptions;
  /** What to do where retention took the last records of sessions that are active. */
  readonly lostSessions: LostSessions;
  /** Null where the log fences nobody: then there is nothing to tell an older owner by. */
  readonly olderOwners: OlderOwnerWatch | null;
  /** Records read so far, of how many offsets: called now and then. */
  readonly onProgress: (shard: number, done: number, total: number) => void;
  /** What was odd but workable, for the log. */
  readonly onWarning: (message: string, fields: Record<string, unknown>) => void;
}

/**
 * Makes this process the owner of a shard and restores its state from the output: fence, position,
 * state, in this order.
 */
export class ShardRestorer {
  readonly #options: ShardRestorerOptions;

  constructor(options: ShardRestorerOptions) {
    this.#options = options;
  }

  /** Fences a shard. @throws OutputLogError */
  async acquire(shard: number): Promise<ShardOwnership> {
    const ownership = await this.#options.log.acquire(shard);
    this.#options.olderOwners?.acquired(shard, ownership);
    return ownership;
  }

  /**
   * @param shardOptions Of the shard to make; its clock starts at `startMs` where there is no log.
   * @param ownership What `acquire` gave.
   * @throws EngineError when the log is not ours, or of a newer version, or of another shape, or
   * not whole.
   * @throws OutputLogError
   */
  async restore(shardOptions: ShardOptions, ownership: ShardOwnership): Promise<RestoredShard> {
    const rememberedMax = Math.ceil(this.#options.rememberedMax / this.#options.shards);
    const restored = await this.#restore({ ...shardOptions, rememberedMax }, ownership);
    this.#options.olderOwners?.settled(shardOptions.index);
    return restored;
  }

  async #restore(shardOptions: ShardOptions, ownership: ShardOwnership): Promise<RestoredShard> {
    const { index } = shardOptions;
    const { log, checkpoints } = this.#options;
    const tail = ownership.end > ownership.logStart
      ? await log.readTail(index, ownership.end)
      : null;
    const last = tail === null ? null : this.#lastBatch(index, tail);
    if (last !== null) this.#checkShape(last.position);
    if (last !== null) this.#options.olderOwners?.check(index, last, ownership.producerId);
    if (last !== null && last.position.restoreOffset > last.lastOffset) {
      throw new EngineError(
        `${this.#name(index)} ends at offset ${
          last.lastOffset + 1
        }, but its last batch needs what ` +
          `is from ${last.position.restoreOffset} on: the topic was made anew while it was written. ` +
          "What the sessions wrote before is gone: move to a new output topic",
        { code: "state" },
      );
    }
    const loaded = await checkpoints?.load(shardOptions, ownership, last) ?? null;
    if (loaded !== null) {
      const { shard, manifest } = loaded;
      if (last !== null && last.lastOffset >= manifest.logFrom) {
        const { position } = last;
        const range = { from: manifest.logFrom, to: ownership.end, last: position };
        if (await this.#foldOver(shard, range)) {
          return { shard, position, restoreOffset: 0, read: position.inputs };
        }
        shard.active.discard();
        this.#options.onWarning("checkpoint is not used, the shard restores from its output", {
          shard: index,
          reason: "who wrote the output since did not know it: it had ends without a start",
        });
      } else {
        shard.startTimers(manifest.clockMs);
        const position = last?.position ?? null;
        // Where retention took all records, the sessions are in the checkpoint alone: R must stay
        // where that is taken up again.
        const restoreOffset = last === null ? manifest.logFrom : 0;
        return { shard, position, restoreOffset, read: manifest.inputs };
      }
    }
    const shard = new Shard(shardOptions);
    if (last === null) {
      if (ownership.logStart > 0) {
        this.#options.onWarning(
          "the output holds no data batch any more: retention or an operator removed it",
          { shard: index, logStart: ownership.logStart },
        );
      }
      return { shard, position: null, restoreOffset: 0, read: null };
    }
    const { position } = last;
    const from = Math.max(position.restoreOffset, ownership.logStart);
    const offsets = new FactOffsets();
    await this.#fold(shard, { from, to: ownership.end, last: position }, { offsets });
    if (from > position.restoreOffset) this.#checkLost(shard, position, ownership.logStart);
    const restoreOffset = Math.min(offsets.oldest(shard.rows), ownership.end);
    return { shard, position, restoreOffset, read: position.inputs };
  }

  /**
   * Folds the output since a checkpoint over the shard that was loaded from it.
   *
   * @returns false when the checkpoint's early ends that were in no batch yet are in none now. The
   * next owner's first batch tells of them, if it knew the checkpoint. One that began before the
   * checkpoint was there did not, and its position leaves those ends to be read again: then they
   * would be taken for repetitions of what no batch has, and be lost in the next crash.
   */
  async #foldOver(shard: Shard, range: LogRange): Promise<boolean> {
    const untold = new Set<number>();
    shard.remembered.forEachUnwritten((row) => untold.add(row));
    await this.#fold(shard, range, { untold });
    for (const row of untold) if (shard.rows.state(row) === ROW_EARLY_END) return false;
    return true;
  }

  /**
   * The output from R on is not all there any more. That is no loss where all the sessions that were
   * active have a record in what is left: the position tells how many those were. Remembered ends
   * may be missing; they were written before retention's time, which is more than the grace.
   */
  #checkLost(shard: Shard, { restoreOffset, activeSessions }: Position, logStart: number): void {
    const found = shard.active.size;
    if (activeSessions === found) return;
    const lost = activeSessions < 0 ? null : activeSessions - found;
    if (this.#options.lostSessions === "forget") {
      this.#options.onWarning(
        "the output begins after the offset that this shard restores from: sessions that wrote " +
          "nothing since are lost; retention.ms of the output topic is too small",
        { shard: shard.index, restoreOffset, logStart, lost: lost ?? "unknown" },
      );
      return;
    }
    shard.active.discard();
    throw new EngineError(
      `${this.#name(shard.index)} begins at offset ${logStart}, but its last batch needs what is ` +
        `from ${restoreOffset} on: retention removed the last records of ${
          lost === null
            ? "sessions that may still be"
            : `${lost} of the ${activeSessions} sessions that were`
        } active. Nothing is known of them any more: they would get no End. To go on without ` +
        "them, set output.lostSessions: forget for one start, and give the topic a longer " +
        "retention.ms",
      { code: "state" },
    );
  }

  async #fold(shard: Shard, range: LogRange, notes: LogFoldNotes): Promise<void> {
    try {
      await this.#foldRange(shard, range, notes);
    } catch (error) {
      // Its sessions count no more: the next attempt makes another shard.
      shard.active.discard();
      throw error;
    }
  }

  async #foldRange(
    shard: Shard,
    { from, to, last }: LogRange,
    notes: LogFoldNotes,
  ): Promise<void> {
    const { log, batches, onProgress } = this.#options;
    const reader = new RecordBatchReader(batches);
    const headers = new RecordHeaderReader();
    let fold: LogFold | null = null;
    let layout = "";
    onProgress(shard.index, 0, to - from);
    for await (const records of log.read(shard.index, from, to)) {
      reader.reset(records);
      while (reader.nextBatch()) {
        if (reader.lastOffset < from) continue;
        if (reader.undecodable !== null) this.#failUndecodable(shard.index, reader);
        if (reader.isControl) continue;
        const position = shardPositionOf(reader, headers);
        if (position === null) this.#failForeign(shard.index, reader.baseOffset);
        if (fold === null || position.layout !== layout) {
          layout = position.layout;
          fold = new LogFold(shard, this.#layout(shard.index, layout), notes);
        }
        fold.beginBatch(position, reader.baseOffset);
        while (reader.nextRecord()) {
          if (!fold.record(reader.bytes, reader.valueFrom, reader.valueTo)) {
            this.#failForeign(shard.index, reader.offset);
          }
        }
        fold.endBatch();
        onProgress(shard.index, Math.min(reader.lastOffset + 1, to) - from, to - from);
      }
    }
    (fold ?? new LogFold(shard, this.#options.layouts[0]!)).finish(last.clockMs);
  }

  #lastBatch(shard: number, tail: Uint8Array): LastBatch {
    const reader = new RecordBatchReader(this.#options.batches);
    reader.reset(tail);
    let position: Position | null = null;
    let lastOffset = -1;
    let writtenAtMs = 0;
    try {
      while (reader.nextBatch()) {
        if (reader.undecodable !== null) this.#failUndecodable(shard, reader);
        if (reader.isControl) continue;
        position = positionOf(reader, new RecordHeaderReader());
        lastOffset = reader.lastOffset;
        writtenAtMs = reader.maxTimestampMs;
      }
    } catch (error) {
      if (!(error instanceof PositionError)) throw error;
      throw new EngineError(`${this.#name(shard)}: ${error.message}`, {
        code: "state",
        cause: error,
      });
    }
    if (position === null) this.#failForeign(shard, reader.baseOffset);
    return { position, lastOffset, writtenAtMs };
  }

  #checkShape(position: Position): void {
    const { shards, topic } = this.#options;
    if (position.shards === shards) return;
    throw new EngineError(
      `The output topic ${topic} has ${shards} partitions, but it had ${position.shards} when ` +
        "its records were written: devices would change their partition. Go back to " +
        `${position.shards} partitions, or let all sessions end (stop the input and wait for ` +
        "session.maxDuration) and move to a new output topic",
      { code: "config" },
    );
  }

  #layout(shard: number, name: string): RecordLayout {
    const layout = this.#options.layouts.find((known) => known.name === name);
    if (layout !== undefined) return layout;
    throw new EngineError(
      `${this.#name(shard)} has records in layout ${JSON.stringify(name)}, which this program ` +
        "does not know; run the program that wrote them, or move to a new output topic",
      { code: "config" },
    );
  }

  #failForeign(shard: number, offset: number): never {
    throw new EngineError(
      `${this.#name(shard)} holds a record at offset ${offset} that sessionwheel did not write. ` +
        "State is restored from this topic, so nobody else may write to it: give the other " +
        "writer, or sessionwheel, a topic of its own",
      { code: "state" },
    );
  }

  #failUndecodable(shard: number, reader: RecordBatchReader): never {
    throw new EngineError(
      `${this.#name(shard)} holds a batch at offset ${reader.baseOffset} that cannot be read: ` +
        `${reader.undecodable} ${reader.undecodableDetail}`,
      { code: "state" },
    );
  }

  #name(shard: number): string {
    return `Partition ${shard} of the output topic ${this.#options.topic}`;
  }
}

/** What of a shard's log is to be applied to its state. */
interface LogRange {
  /** Offsets, `to` not included. */
  readonly from: number;
  readonly to: number;
  /** Of the log's last data batch. */
  readonly last: Position;
}
