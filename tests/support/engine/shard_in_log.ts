import { MemoryPartition } from "../../../lib/adapters/memory/memory_partition.ts";
import { ByteWriter } from "../../../lib/core/byte_writer.ts";
import { EVENT_END, EVENT_START, EventChunk } from "../../../lib/core/event_chunk.ts";
import { DECODED_START, EventDecoder } from "../../../lib/core/event_decoder.ts";
import { PLAIN_EVENT_LAYOUT } from "../../../lib/core/event_layout.ts";
import { LogFold } from "../../../lib/core/log_fold.ts";
import { PlainRecordLayout } from "../../../lib/core/plain_record_layout.ts";
import { type Position, writeInputPositions } from "../../../lib/core/position.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../../lib/core/record_header_reader.ts";
import type { RecordLayout } from "../../../lib/core/record_layout.ts";
import { RtmRecordLayout } from "../../../lib/core/rtm_record_layout.ts";
import { SessionBudget } from "../../../lib/core/session_budget.ts";
import type { SessionRules } from "../../../lib/core/session_rules.ts";
import { Shard } from "../../../lib/core/shard.ts";
import { newShardCounters } from "../../../lib/core/shard_counters.ts";
import { ENGINE_LIMITS } from "../../../lib/engine/engine_limits.ts";
import type { QueuedFetch } from "../../../lib/engine/input_partition.ts";
import { positionOf } from "../../../lib/engine/last_batch.ts";
import { type Round, type ShardBatch, ShardRunner } from "../../../lib/engine/shard_runner.ts";

export interface ShardInLogOptions {
  readonly layout: "plain" | "rtm-gaming";
  readonly batchBytesMax: number;
  /** Default: of `ENGINE_LIMITS`. */
  readonly timersPerRoundMax?: number;
}

/** A shard's runner over a log in memory: what the engine does with one, step by step. */
export class ShardInLog {
  readonly log: MemoryPartition;
  readonly budget = new SessionBudget(1_000_000);
  readonly #options: ShardInLogOptions;
  readonly #decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: 1_048_576 });
  runner: ShardRunner;
  #taken = 0;
  #epoch = 0;

  constructor(rules: SessionRules, options: ShardInLogOptions) {
    this.#options = options;
    this.log = new MemoryPartition({
      batchBytesMax: options.batchBytesMax,
      retainedBytesMax: Infinity,
    });
    this.runner = this.#run(this.#shard(rules), null);
  }

  get shard(): Shard {
    return this.runner.shard!;
  }

  /** Takes over what the log tells, by these rules, as after a crash. */
  restore(rules: SessionRules): void {
    this.runner.dropState();
    const { shard, position } = this.fold(rules);
    this.runner = this.#run(shard, position);
  }

  /** @returns false when the event could not be applied, the batch being full. */
  apply(event: unknown, sourceMs: number, frontierMs: number, nowMs: number): boolean {
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    const decoded = this.#decoder.decode(bytes, 0, bytes.length);
    const chunk = new EventChunk(1);
    const type = decoded === DECODED_START ? EVENT_START : EVENT_END;
    chunk.add(this.#decoder, type, 1, this.#taken, sourceMs);
    const queued: QueuedFetch = { chunk, next: 0, nextOffset: 1, gateOffset: Infinity, pending: 1 };
    if (!this.runner.apply(queued, 0, frontierMs, this.#round(nowMs))) return false;
    this.#taken++;
    return true;
  }

  punctuate(toMs: number, nowMs: number): boolean {
    return this.runner.punctuate(toMs, this.#round(nowMs));
  }

  /** Closes the batch and appends it; it is not acknowledged yet. */
  close(nowMs: number): ShardBatch | null {
    const offsets = Float64Array.of(this.#taken);
    const round = this.#round(nowMs);
    const batch = this.runner.close(round, { offsets, bytes: round.encodeInputs(offsets) });
    if (batch === null) return null;
    const result = this.log.append(batch.bytes);
    if (result.kind !== "appended") throw new Error(`not appended: ${JSON.stringify(result)}`);
    this.runner.writer.answered(batch, { kind: "acknowledged", baseOffset: result.baseOffset });
    return batch;
  }

  /** Acknowledges the oldest batch in flight. */
  acknowledge(): void {
    const batch = this.runner.writer.inFlight[0]!;
    const verdict = this.runner.writer.settle();
    if (verdict.kind !== "acknowledged") throw new Error(`not acknowledged: ${verdict.kind}`);
    this.runner.batchAcknowledged(batch, verdict.baseOffset);
  }

  /** The state of the shard as the log alone tells it, from R of its last batch on. */
  fold(rules: SessionRules): { shard: Shard; position: Position | null } {
    const shard = this.#shard(rules);
    const all = this.#positions(0);
    const last = all.at(-1) ?? null;
    const layout = this.#layout();
    const fold = new LogFold(shard, layout);
    if (last === null) return { shard, position: null };
    const reader = this.#reader(last.restoreOffset);
    while (reader.nextBatch()) {
      fold.beginBatch(positionOf(reader, new RecordHeaderReader())!);
      while (reader.nextRecord()) {
        if (fold.record(reader.bytes, reader.valueFrom, reader.valueTo)) continue;
        throw new Error("a record of ours is not read");
      }
      fold.endBatch();
    }
    fold.finish(last.clockMs);
    return { shard, position: last };
  }

  #positions(from: number): Position[] {
    const reader = this.#reader(from);
    const positions: Position[] = [];
    while (reader.nextBatch()) positions.push(positionOf(reader, new RecordHeaderReader())!);
    return positions;
  }

  #reader(from: number): RecordBatchReader {
    const reader = new RecordBatchReader({
      decompress: () => {
        throw new Error("nothing is compressed");
      },
      decompressedBytesMax: 0,
    });
    reader.reset(this.log.read(from, this.log.end, Infinity));
    return reader;
  }

  #run(shard: Shard, position: Position | null): ShardRunner {
    const runner = new ShardRunner({
      index: 0,
      layout: this.#layout(),
      shards: 1,
      inputs: 1,
      batchBytesMax: this.#options.batchBytesMax,
      timersPerRoundMax: this.#options.timersPerRoundMax ?? ENGINE_LIMITS.timersPerRoundMax,
    });
    const owner = { producerId: 1, epoch: this.#epoch++ };
    runner.run(shard, { ...owner, logStart: 0, end: this.log.end }, position);
    return runner;
  }

  #shard(rules: SessionRules): Shard {
    return new Shard({
      index: 0,
      rules,
      budget: this.budget,
      counters: newShardCounters(),
      hashSeed: 1,
      startMs: 0,
    });
  }

  #layout(): RecordLayout {
    return this.#options.layout === "plain" ? new PlainRecordLayout() : new RtmRecordLayout();
  }

  #round(nowMs: number): Round {
    return {
      nowMs,
      monotonicMs: nowMs,
      inputBytes: 100,
      encodeInputs: (offsets) => {
        const writer = new ByteWriter();
        writeInputPositions(writer, [{ topic: "events", partition: 0, offset: offsets[0]! }]);
        return writer.view().slice();
      },
    };
  }
}
