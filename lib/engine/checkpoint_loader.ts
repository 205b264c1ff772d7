import {
  CheckpointError,
  type CheckpointManifest,
  decodeManifest,
  readChunk,
} from "../core/checkpoint_codec.ts";
import { RecordBatchReader, type RecordBatchReaderOptions } from "../core/record_batch_reader.ts";
import { RecordHeaderReader } from "../core/record_header_reader.ts";
import { NO_ROW, ROW_ACTIVE, ROW_EARLY_END, ROW_ENDED } from "../core/row_format.ts";
import { Shard } from "../core/shard.ts";
import type { ShardOptions } from "../core/shard_options.ts";
import {
  type CheckpointReader,
  type CheckpointStore,
  CheckpointStoreError,
} from "../ports/checkpoint_store.ts";
import type { OutputLog, ShardOwnership } from "../ports/output_log.ts";
import { type LastBatch, positionOf } from "./last_batch.ts";

/** A shard as its checkpoint has it; facts from `manifest.logFrom` on are still to be applied. */
export interface LoadedCheckpoint {
  readonly shard: Shard;
  readonly manifest: CheckpointManifest;
}

export interface CheckpointLoaderOptions {
  readonly store: CheckpointStore;
  readonly log: OutputLog;
  /** Number of shards there are. */
  readonly shards: number;
  readonly batches: RecordBatchReaderOptions;
  readonly onWarning: (message: string, fields: Record<string, unknown>) => void;
}

/**
 * Loads shards from their checkpoints, where those are whole, fit the log, and save time. What
 * cannot be used is named and left alone: the log has everything.
 */
export class CheckpointLoader {
  readonly #options: CheckpointLoaderOptions;
  /** What the store found when it was opened is told by who opened it. */
  #opened: Promise<void> | null = null;
  #warningsTold = 0;

  constructor(options: CheckpointLoaderOptions) {
    this.#options = options;
  }

  /** @returns null when the shard is to be restored from its log alone. */
  async load(
    shardOptions: ShardOptions,
    ownership: ShardOwnership,
    last: LastBatch | null,
  ): Promise<LoadedCheckpoint | null> {
    const { index } = shardOptions;
    const { store, onWarning } = this.#options;
    let shard: Shard | null = null;
    try {
      this.#opened ??= store.warnings().then(({ length }) => void (this.#warningsTold = length));
      await this.#opened;
      const reader = await store.read(index);
      await this.#tellWarnings();
      if (reader === null) return null;
      const manifest = decodeManifest(reader.manifest);
      // Of an earlier run: the log alone has less to read.
      if (last !== null && manifest.logFrom < last.position.restoreOffset) return null;
      await this.#check(index, manifest, ownership);
      shard = new Shard(shardOptions);
      await loadRows(shard, manifest, reader);
      return { shard, manifest };
    } catch (error) {
      shard?.active.discard();
      if (!(error instanceof CheckpointError || error instanceof CheckpointStoreError)) throw error;
      onWarning("checkpoint is not used, the shard restores from its output", {
        shard: index,
        reason: error.message,
      });
      return null;
    }
  }

  /** A generation that is damaged is dropped as if it had never been: only the store can say so. */
  async #tellWarnings(): Promise<void> {
    const { store, onWarning } = this.#options;
    const warnings = await store.warnings();
    for (const warning of warnings.slice(this.#warningsTold)) onWarning(warning, {});
    this.#warningsTold = Math.max(this.#warningsTold, warnings.length);
  }

  async #check(
    shard: number,
    manifest: CheckpointManifest,
    ownership: ShardOwnership,
  ): Promise<void> {
    if (manifest.shard !== shard || manifest.shards !== this.#options.shards) {
      throw new CheckpointError(`it is of shard ${manifest.shard} of ${manifest.shards}`);
    }
    if (manifest.logTo > ownership.end) {
      throw new CheckpointError(
        `it stands for the output up to offset ${manifest.logTo}, which ends at ${ownership.end}`,
      );
    }
    if (manifest.logFrom < ownership.logStart) {
      throw new CheckpointError(
        `the output since offset ${manifest.logFrom} is not all there, it begins at ` +
          `${ownership.logStart}`,
      );
    }
    if (manifest.logFrom === ownership.logStart) return;
    const before = await this.#options.log.readTail(shard, manifest.logFrom);
    if (before === null) return;
    const reader = new RecordBatchReader(this.#options.batches);
    reader.reset(before);
    const position = reader.nextBatch() && reader.undecodable === null
      ? positionOf(reader, new RecordHeaderReader())
      : null;
    if (
      position?.batchNumber !== manifest.batchNumber ||
      position.producerId !== manifest.producerId || position.epoch !== manifest.epoch
    ) throw new CheckpointError("it belongs to another output than this one");
  }
}

async function loadRows(
  shard: Shard,
  manifest: CheckpointManifest,
  reader: CheckpointReader,
): Promise<void> {
  const { rows, active, remembered } = shard;
  // Some rows are ended sessions; a manifest that lies must not take the memory.
  active.reserve(Math.min(manifest.rows, ROWS_RESERVED_MAX));
  // Version 1 has no ages. This one is too low after a longer interval without a heartbeat.
  const ageOfBeat = (row: number) => (rows.beat(row) - 1) * manifest.heartbeatIntervalMs;
  // A session whose end came first is here twice if its start came while rows were copied: as the
  // end that waited and, later in the queue, as ended.
  const forgetSame = (row: number, hash: number) => {
    const known = manifest.isExact ? NO_ROW : remembered.findSame(row, hash);
    if (known !== NO_ROW) remembered.take(known);
  };
  let count = 0;
  const visit = (row: number) => {
    count++;
    const hash = rows.deviceHash(row);
    switch (rows.state(row)) {
      case ROW_ACTIVE: {
        // A device that changed its session while rows were copied may be here twice.
        if (!manifest.isExact && active.hasDeviceOf(row, hash)) return rows.free(row);
        shard.resumeAfter(row, manifest.version >= 2 ? rows.age(row) : ageOfBeat(row));
        active.link(row, hash);
        return;
      }
      case ROW_ENDED:
        forgetSame(row, hash);
        remembered.addEnded(row, hash, rows.startedAt(row));
        return;
      case ROW_EARLY_END:
        remembered.addEarlyEnd(row, hash, rows.startedAt(row));
        return;
      default:
        throw new CheckpointError(`a row has the unknown state ${rows.state(row)}`);
    }
  };
  for await (const chunk of reader.chunks()) readChunk(chunk, rows, visit);
  if (count !== manifest.rows) {
    throw new CheckpointError(`it has ${count} rows instead of ${manifest.rows}`);
  }
  if (manifest.isExact && active.stateHash.toString() !== manifest.stateHash) {
    throw new CheckpointError("its rows do not have the state hash that it says");
  }
  remembered.dropUnwritten(manifest.earlyEndsUnwritten);
}

const ROWS_RESERVED_MAX = 4_000_000;
