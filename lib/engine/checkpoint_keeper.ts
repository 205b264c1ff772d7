import {
  CHECKPOINT_VERSION,
  CheckpointChunkWriter,
  encodeManifest,
} from "../core/checkpoint_codec.ts";
import { RememberedCursor } from "../core/remembered.ts";
import { NO_ROW, ROW_ACTIVE } from "../core/row_format.ts";
import type { Shard } from "../core/shard.ts";
import {
  CHECKPOINT_CHUNK_BYTES_MAX,
  type CheckpointStore,
  CheckpointStoreError,
  type CheckpointWriter,
} from "../ports/checkpoint_store.ts";
import type { Clock } from "../ports/clock.ts";
import type { EngineContext } from "./engine_context.ts";
import { ENGINE_LIMITS } from "./engine_limits.ts";
import type { ShardRunner } from "./shard_runner.ts";

/**
 * Writes checkpoints: of every shard at rest at a shutdown, and, where an interval is configured,
 * of every shard while it runs. Those are fuzzy: rows are copied in slices of a millisecond
 * between turns, and the output since the first slice makes up for the difference.
 */
export class CheckpointKeeper {
  readonly #context: EngineContext;
  readonly #store: CheckpointStore;
  #isStopped = false;
  #running: Promise<void> | null = null;
  /** Of the shards' copies in the checkpoint that is being written. */
  #heldMaxMs = 0;

  constructor(context: EngineContext, store: CheckpointStore) {
    this.#context = context;
    this.#store = store;
  }

  /** Writes a checkpoint of every shard that runs, in the background, unless one is under way. */
  startBackground(): void {
    if (this.#running !== null || this.#isStopped) return;
    const { fail } = this.#context;
    this.#running = this.#writeAll((runner) => this.#writeFuzzy(runner)).catch(fail).finally(() => {
      this.#running = null;
    });
  }

  /**
   * Writes a checkpoint of every shard, now that no round runs any more: exact, without pauses.
   * Shards with something under way are left out.
   */
  async writeAtRest(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#writeAll((runner) => this.#writeExact(runner));
  }

  async #writeAll(write: (runner: ShardRunner) => Promise<number>): Promise<void> {
    const { ports, runners, options } = this.#context;
    const { checkpoint } = options.metrics;
    const startMs = ports.clock.monotonicMs();
    let bytes = 0;
    this.#heldMaxMs = 0;
    try {
      for (const runner of runners) bytes += await write(runner);
    } catch (error) {
      checkpoint.failures++;
      if (!(error instanceof CheckpointStoreError)) throw error;
      options.logger.warn("checkpoint cannot be written; the next start reads the output instead", {
        error,
      });
      return;
    }
    if (bytes === 0) return;
    checkpoint.written++;
    checkpoint.bytes = bytes;
    checkpoint.lastAtMs = ports.clock.monotonicMs();
    checkpoint.durationMs = checkpoint.lastAtMs - startMs;
    checkpoint.heldMaxMs = this.#heldMaxMs;
  }

  async #writeExact(runner: ShardRunner): Promise<number> {
    const { shard, writer, backlog } = runner;
    if (shard === null || runner.isDetached || writer.inFlight.length > 0 || backlog.size > 0) {
      return 0;
    }
    if (this.#isOfWrongTime(runner, shard)) return 0;
    const output = await this.#store.begin(runner.index);
    const copy = new ShardCopy(shard, output, this.#context.ports.clock);
    while (!copy.isDone) await copy.slice(AT_REST_ROWS_MAX, Infinity);
    const manifest = this.#manifest(runner, shard, runner.logEnd, runner, copy.rows);
    await output.publish(encodeManifest({ ...manifest, isExact: true }));
    return copy.bytes;
  }

  /**
   * A clock that ran ahead took the shard along, and its log does not know of that: in the next
   * process it would have to stand until then.
   */
  #isOfWrongTime({ acknowledgedClockMs }: ShardRunner, { clockMs }: Shard): boolean {
    const { clock, ports } = this.#context;
    if (clockMs <= acknowledgedClockMs) return false;
    return clock.isDoubted || clockMs - ports.clock.wallMs() > AHEAD_MS_MAX;
  }

  async #writeFuzzy(runner: ShardRunner): Promise<number> {
    const { shard } = runner;
    const { ports, options } = this.#context;
    const rowsMax = (options.limits ?? ENGINE_LIMITS).checkpointSliceRowsMax;
    if (shard === null || shard.active.size === 0) return 0;
    const output = await this.#store.begin(runner.index);
    const logFrom = runner.logEnd;
    const before = {
      acknowledgedBatch: runner.acknowledgedBatch,
      acknowledgedWriter: runner.acknowledgedWriter,
    };
    const isGone = () => this.#isStopped || runner.shard !== shard;
    const copy = new ShardCopy(shard, output, ports.clock);
    while (!copy.isDone) {
      await copy.slice(rowsMax, SLICE_MS);
      await this.#pause(PAUSE_MS);
      if (isGone()) return await abandon(output);
    }
    const fuzzy = this.#manifest(runner, shard, logFrom, before, copy.rows);
    // A batch that was closed after the last copy has to be in the log: its clock and its inputs
    // are past all that was copied, and it, or one before it, tells of the early ends that were.
    const manifest = { ...fuzzy, isExact: false, earlyEndsUnwritten: 0 };
    const closed = runner.closedBatch;
    const waitUntilMs = ports.clock.monotonicMs() + NEXT_BATCH_WAIT_MS;
    while (runner.acknowledgedBatch <= closed) {
      if (isGone() || ports.clock.monotonicMs() > waitUntilMs) return await abandon(output);
      await this.#pause(PAUSE_MS);
    }
    // It may have been restored in that pause, and its log may not have what was copied.
    if (isGone()) return await abandon(output);
    await output.publish(encodeManifest({ ...manifest, logTo: runner.logEnd }));
    this.#heldMaxMs = Math.max(this.#heldMaxMs, copy.heldMaxMs);
    return copy.bytes;
  }

  #manifest(
    runner: ShardRunner,
    shard: Shard,
    logFrom: number,
    before: Pick<ShardRunner, "acknowledgedBatch" | "acknowledgedWriter">,
    rows: number,
  ) {
    const { inputs, runners } = this.#context;
    const offsets = runner.positions(inputs.positions());
    return {
      version: CHECKPOINT_VERSION,
      shard: runner.index,
      shards: runners.length,
      heartbeatIntervalMs: shard.rules.heartbeatIntervalMs,
      clockMs: shard.clockMs,
      logFrom,
      logTo: runner.logEnd,
      batchNumber: before.acknowledgedBatch,
      producerId: before.acknowledgedWriter.producerId,
      epoch: before.acknowledgedWriter.epoch,
      stateHash: shard.active.stateHash.toString(),
      rows,
      earlyEndsUnwritten: shard.remembered.unwrittenCount,
      inputs: inputs.partitions.map(({ topic, partition, index }) => ({
        topic,
        partition,
        offset: offsets[index]!,
      })),
    };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#context.ports.clock.wakeAfter(ms, resolve));
  }
}

/** Copies the rows of a shard into chunks, in slices: the active ones, then what is remembered. */
class ShardCopy {
  bytes = 0;
  rows = 0;
  /** Whether every row there was by the end of the last slice is copied. */
  isDone = false;
  /** The longest that one slice held the thread; waiting is not counted. */
  heldMaxMs = 0;
  readonly #shard: Shard;
  readonly #chunk = new CheckpointChunkWriter(CHECKPOINT_CHUNK_BYTES_MAX);
  readonly #output: CheckpointWriter;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #nextActive = 0;
  readonly #remembered = new RememberedCursor();

  constructor(shard: Shard, output: CheckpointWriter, clock: Pick<Clock, "monotonicMs">) {
    this.#shard = shard;
    this.#output = output;
    this.#clock = clock;
  }

  /** Looks at so many rows at most and for so long, and writes the chunks that got full. */
  async slice(rowsMax: number, timeMaxMs: number): Promise<void> {
    const fromMs = this.#clock.monotonicMs();
    const { rows } = this.#shard;
    const chunks: Uint8Array[] = [];
    for (let seen = 0; seen < rowsMax; seen++) {
      if ((seen & 255) === 255 && this.#clock.monotonicMs() - fromMs >= timeMaxMs) break;
      const row = this.#nextRow();
      if (row === NO_ROW) {
        this.isDone = true;
        if (this.#chunk.count > 0) chunks.push(this.#chunk.take());
        break;
      }
      if (row === SKIPPED) continue;
      this.#chunk.add(rows, row);
      this.rows++;
      if (!this.#chunk.hasRoom()) chunks.push(this.#chunk.take());
    }
    await this.#write(chunks, fromMs);
  }

  /** A row to copy, `SKIPPED` for one that is not active, or `NO_ROW` at the end. */
  #nextRow(): number {
    const { rows, remembered } = this.#shard;
    if (this.#nextActive >= rows.used) return remembered.next(this.#remembered);
    const row = this.#nextActive++;
    return rows.state(row) === ROW_ACTIVE ? row : SKIPPED;
  }

  async #write(chunks: readonly Uint8Array[], heldFromMs: number): Promise<void> {
    let fromMs = heldFromMs;
    let heldMs = 0;
    for (const chunk of chunks) {
      this.bytes += chunk.length;
      const written = this.#output.writeChunk(chunk);
      heldMs += this.#clock.monotonicMs() - fromMs;
      await written;
      fromMs = this.#clock.monotonicMs();
    }
    this.heldMaxMs = Math.max(this.heldMaxMs, heldMs + this.#clock.monotonicMs() - fromMs);
  }
}

async function abandon(output: CheckpointWriter): Promise<number> {
  await output.abandon();
  return 0;
}

const SKIPPED = -2;
const SLICE_MS = 1;
/** As much as the engine's clock may differ from the wall clock. */
const AHEAD_MS_MAX = 1000;
/** Some chunks' worth: at rest nobody waits, but memory does not hold a second copy. */
const AT_REST_ROWS_MAX = 8_192;
const PAUSE_MS = 4;
/** Sessions have a heartbeat sooner than this, or there is little to keep. */
const NEXT_BATCH_WAIT_MS = 120_000;
