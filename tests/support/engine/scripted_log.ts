import { MemoryOutputLog } from "../../../lib/adapters/memory/memory_output_log.ts";
import type { MemoryTopic } from "../../../lib/adapters/memory/memory_topic.ts";
import type { Clock } from "../../../lib/ports/clock.ts";
import {
  type OutputLimits,
  type OutputLog,
  OutputLogError,
  type OutputTopic,
  type ProduceBatch,
  type ProduceListener,
  type ProduceResult,
  type ShardOwnership,
} from "../../../lib/ports/output_log.ts";

/**
 * How the log answers a batch:
 * `append`, after `latencyMs`; `refuse`, retriably and without appending; `lose`, appended and then
 * answered as retriable; `hold`, appended and not answered until `release`; or as told.
 */
export type LogMode = "append" | "refuse" | "lose" | "hold" | ProduceResult;

/** The output log in memory, whose broker does what the test says, shard by shard. */
export class ScriptedLog implements OutputLog {
  latencyMs = 1;
  /** Chunks that a read gives before it fails, retriably; null = it does not fail. */
  readsUntilFailure: number | null = null;
  /** Batches handed to `produce` so far. */
  produced = 0;
  acquired = 0;
  /** Shards that were asked to be refreshed, in order; those that get no answer. */
  readonly refreshes: number[] = [];
  readonly unrefreshable = new Set<number>();
  /** What the topic says that it takes, and what it refuses whatever the shard's mode is. */
  limits: Partial<OutputLimits> = {};
  refusalOf: (bytes: Uint8Array) => ProduceResult | null = () => null;
  /** What `acquire` throws. */
  acquireFailure: OutputLogError | null = null;
  isClosed = false;
  /** What was done to the log after it was closed. */
  readonly misuse: string[] = [];
  readonly #topic: MemoryTopic;
  readonly #inner: MemoryOutputLog;
  readonly #clock: Clock;
  readonly #modes = new Map<number, LogMode>();
  #held: { shard: number; answer: () => void }[] = [];

  constructor(topic: MemoryTopic, clock: Clock) {
    this.#topic = topic;
    this.#inner = new MemoryOutputLog(topic, clock);
    this.#clock = clock;
  }

  setMode(shard: number, mode: LogMode): void {
    this.#modes.set(shard, mode);
  }

  /** Answers what was held of the shard; from then on it appends. */
  release(shard: number): void {
    this.#modes.set(shard, "append");
    const held = this.#held.filter((batch) => batch.shard === shard);
    this.#held = this.#held.filter((batch) => batch.shard !== shard);
    for (const { answer } of held) answer();
  }

  open(): Promise<OutputTopic> {
    return this.#inner.open();
  }

  acquire(shard: number): Promise<ShardOwnership> {
    if (this.isClosed) this.misuse.push(`acquire ${shard}`);
    this.acquired++;
    if (this.acquireFailure !== null) return Promise.reject(this.acquireFailure);
    return this.#inner.acquire(shard);
  }

  readTail(shard: number, end: number): Promise<Uint8Array | null> {
    return this.#inner.readTail(shard, end);
  }

  async *read(shard: number, from: number, to: number): AsyncIterableIterator<Uint8Array> {
    for await (const chunk of this.#inner.read(shard, from, to)) {
      yield chunk;
      if (this.readsUntilFailure === null || --this.readsUntilFailure > 0) continue;
      this.readsUntilFailure = null;
      throw new OutputLogError("Cannot read: the broker went away", {
        code: "unreachable",
        retryable: true,
      });
    }
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    if (this.isClosed) this.misuse.push("produce");
    for (const { shard, bytes } of batches) {
      this.produced++;
      const mode = this.#modes.get(shard) ?? "append";
      const result = this.#resultOf(shard, bytes, mode);
      const answer = () => {
        this.#clock.wakeAfter(this.latencyMs, () => onResult(shard, result));
      };
      if (mode === "hold") this.#held.push({ shard, answer });
      else answer();
    }
  }

  readLimits(): Promise<OutputLimits> {
    return Promise.resolve({ batchBytesMax: null, timestampAheadMsMax: null, ...this.limits });
  }

  refresh(shards: readonly number[]): Promise<void> {
    this.refreshes.push(...shards);
    if (this.unrefreshable.has(shards[0]!)) return new Promise(() => {});
    return this.#inner.refresh(shards);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  #resultOf(shard: number, bytes: Uint8Array, mode: LogMode): ProduceResult {
    if (typeof mode === "object") return mode;
    const refusal = this.refusalOf(bytes);
    if (refusal !== null) return refusal;
    if (mode === "refuse") return { kind: "retriable", reason: "no leader" };
    const result = this.#topic.append(shard, bytes);
    if (mode === "lose") return { kind: "retriable", reason: "the answer was lost" };
    return result.kind === "appended" || result.kind === "duplicate"
      ? { kind: "acknowledged", baseOffset: result.baseOffset }
      : result;
  }
}
