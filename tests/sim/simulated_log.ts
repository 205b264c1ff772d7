import { readInt64 } from "../../lib/core/big_endian.ts";
import { MAX_TIMESTAMP_AT } from "../../lib/core/record_batch_layout.ts";
import type { AppendResult } from "../../lib/adapters/memory/memory_partition.ts";
import { MemoryOutputLog } from "../../lib/adapters/memory/memory_output_log.ts";
import type { ProducerIdentity } from "../../lib/adapters/memory/memory_topic.ts";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import {
  type OutputLimits,
  type OutputLog,
  OutputLogError,
  type OutputTopic,
  type ProduceBatch,
  type ProduceListener,
  type ProduceResult,
  type ShardOwnership,
} from "../../lib/ports/output_log.ts";
import type { Random } from "../support/random.ts";
import type { ProcessClock } from "./simulated_process.ts";
import { never, type SimulatedWorld } from "./simulated_world.ts";

export interface SimulatedLogOptions {
  readonly world: SimulatedWorld;
  readonly process: ProcessClock;
  readonly processId: number;
  readonly rules: SessionRules;
  readonly random: Random;
}

/**
 * An output log over the world's topic with a network in between: requests and answers take their
 * time, and some are lost. What was sent may land after its process is dead, or after those that
 * were sent behind it.
 */
export class SimulatedLog implements OutputLog {
  readonly #options: SimulatedLogOptions;
  readonly #world: SimulatedWorld;
  readonly #process: ProcessClock;
  readonly #random: Random;
  readonly #log: MemoryOutputLog;
  readonly #owned = new Map<number, ProducerIdentity>();
  readonly #sentUntilMs = new Map<number, number>();

  constructor(options: SimulatedLogOptions) {
    this.#options = options;
    this.#world = options.world;
    this.#process = options.process;
    this.#random = options.random;
    this.#log = new MemoryOutputLog(options.world.output, options.world.clock);
  }

  async open(): Promise<OutputTopic> {
    await this.#delay(this.#random.int(1, 20));
    return await this.#log.open();
  }

  /** The steps of fencing.md: a new epoch, a marker in the partition, its end. */
  async acquire(shard: number): Promise<ShardOwnership> {
    const { output, owners, claims } = this.#world;
    const { processId, rules } = this.#options;
    await this.#delay(this.#random.int(1, 20));
    const owner = output.nextOwner(shard);
    claims[shard] = processId;
    await this.#point("between a new epoch and its marker");
    await this.#delay(this.#random.int(1, 20));
    await this.#untilLed(shard);
    if (!output.isOwner(shard, owner)) {
      throw new OutputLogError(`Cannot acquire shard ${shard}: someone newer took it`, {
        code: "fenced",
        retryable: false,
      });
    }
    output.appendAbortMarker(shard, owner, this.#world.trueMs());
    owners[shard] = { processId, rules, epoch: owner.epoch };
    this.#world.graceMsMin = Math.min(this.#world.graceMsMin, rules.graceMs);
    this.#world.trace(`  fence of ${shard} by process ${processId}, epoch ${owner.epoch}`);
    const { logStart, end } = output.partition(shard);
    await this.#point("between the fence and the restore");
    await this.#delay(this.#random.int(1, 20));
    this.#owned.set(shard, owner);
    return { ...owner, logStart, end };
  }

  async readTail(shard: number, end: number): Promise<Uint8Array | null> {
    await this.#delay(this.#random.int(0, 5));
    await this.#untilLed(shard);
    return await this.#log.readTail(shard, end);
  }

  async *read(shard: number, from: number, to: number): AsyncIterableIterator<Uint8Array> {
    const partition = this.#world.output.partition(shard);
    for (let offset = from; offset < to;) {
      await this.#point("while it restores");
      await this.#delay(this.#random.int(0, 5));
      await this.#untilLed(shard);
      const bytes = partition.read(offset, to, this.#random.int(1, 20_000));
      if (bytes.length === 0) return;
      const view = new DataView(bytes.buffer);
      for (let at = 0; at < bytes.length; at += 12 + view.getInt32(at + 8)) {
        offset = Number(view.getBigInt64(at)) + view.getInt32(at + 23) + 1;
      }
      yield bytes;
    }
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    for (const batch of batches) {
      if (!this.#world.passes(this.#process, "before a produce")) return;
      this.#send(batch, onResult);
    }
  }

  async readLimits(): Promise<OutputLimits> {
    await this.#delay(this.#random.int(1, 20));
    return await this.#log.readLimits();
  }

  async refresh(shards: readonly number[]): Promise<void> {
    await this.#delay(this.#random.int(1, 20));
    const { output } = this.#world;
    for (const shard of shards) {
      const owner = this.#owned.get(shard)!;
      if (!output.isOwner(shard, owner)) {
        throw new OutputLogError(`Cannot refresh shard ${shard}: it has another owner`, {
          code: "fenced",
          retryable: false,
        });
      }
      output.appendAbortMarker(shard, owner, this.#world.trueMs());
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #send(batch: ProduceBatch, onResult: ProduceListener): void {
    const random = this.#random;
    const { shard } = batch;
    const world = this.#world;
    const answer = (result: ProduceResult) =>
      this.#process.wakeAfter(this.#networkMs(1, 8, 1000), () => onResult(shard, result));
    if (random.chance(world.amount("lostProduce") * 0.1)) {
      answer({ kind: "retriable", reason: "lost before the broker" });
      return;
    }
    if (random.chance(world.amount("refusedProduce") * 0.03)) {
      answer({ kind: "rejected", cause: random.pick(REFUSALS), reason: "refused" });
      return;
    }
    const bytes = batch.bytes.slice();
    const isReplyLost = random.chance(world.amount("lostReply") * 0.1);
    if (random.chance(world.amount("lateProduce") * 0.1)) {
      // The client gives up and sends it again on another connection; this one lands on its own.
      const lateMs = random.int(1, 3000);
      world.clock.wakeAfter(lateMs, () => this.#land(shard, bytes));
      answer({ kind: "retriable", reason: "no answer in time" });
      return;
    }
    // One connection: what was sent later does not arrive sooner.
    const nowMs = world.clock.monotonicMs();
    const atMs = Math.max(
      nowMs + this.#networkMs(0, 4, 500),
      this.#sentUntilMs.get(shard) ?? 0,
    );
    this.#sentUntilMs.set(shard, atMs);
    world.clock.wakeAfter(atMs - nowMs, () => {
      const result = this.#land(shard, bytes);
      if (result.kind === "acknowledged") world.passes(this.#process, "between append and answer");
      answer(isReplyLost ? { kind: "retriable", reason: "reply lost" } : result);
    });
  }

  /** The request is at the broker. */
  #land(shard: number, bytes: Uint8Array): ProduceResult {
    if (this.#world.leaderless.has(shard)) return { kind: "retriable", reason: "no leader" };
    if (this.#isTooFarAhead(bytes)) {
      return { kind: "rejected", cause: "timestamp", reason: "an hour ahead" };
    }
    return toResult(this.#world.output.append(shard, bytes));
  }

  #isTooFarAhead(bytes: Uint8Array): boolean {
    // A broker is like that or it is not, also when all is well otherwise.
    if (this.#world.scenario.faults.strictTimestamps === 0) return false;
    const maxTimestampMs = readInt64(bytes, MAX_TIMESTAMP_AT);
    return maxTimestampMs > this.#world.trueMs() + TIMESTAMP_AHEAD_MS_MAX;
  }

  #networkMs(min: number, max: number, slowMax: number): number {
    const isSlow = this.#random.chance(this.#world.amount("slowBroker") * 0.3);
    return isSlow ? this.#random.int(20, slowMax) : this.#random.int(min, max);
  }

  /** A reader may wait for a leader, or be told to come again. */
  async #untilLed(shard: number): Promise<void> {
    while (this.#world.leaderless.has(shard)) {
      if (this.#random.chance(0.3)) {
        throw new OutputLogError(`Shard ${shard} has no leader`, {
          code: "unreachable",
          retryable: true,
        });
      }
      await this.#delay(this.#random.int(20, 200));
    }
  }

  async #point(name: string): Promise<void> {
    if (!this.#world.passes(this.#process, name)) await never();
  }

  async #delay(ms: number): Promise<void> {
    if (this.#process.isKilled) return never();
    await new Promise<void>((resolve) => this.#process.wakeAfter(ms, resolve));
  }
}

/** One in the instants of a batch is for the clock to find. */
const REFUSALS = ["too_large", "access", "other"] as const;

/** `message.timestamp.after.max.ms`, as brokers have it by default. */
export const TIMESTAMP_AHEAD_MS_MAX = 3_600_000;

function toResult(result: AppendResult): ProduceResult {
  switch (result.kind) {
    case "appended":
    case "duplicate":
      return { kind: "acknowledged", baseOffset: result.baseOffset };
    case "out_of_order":
    case "fenced":
    case "rejected":
      return result;
  }
}
