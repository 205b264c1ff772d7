import { MemoryOutputLog } from "../../lib/adapters/memory/memory_output_log.ts";
import type { MemoryTopic } from "../../lib/adapters/memory/memory_topic.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type {
  OutputLog,
  OutputTopic,
  ProduceBatch,
  ProduceListener,
  ProduceResult,
  ShardOwnership,
} from "../../lib/ports/output_log.ts";
import type { Random } from "../support/random.ts";
import type { ProcessClock } from "./simulated_process.ts";

/** How often what goes wrong, each from 0 to 1. */
export interface LogFaults {
  /** A produce fails before the broker has it. */
  readonly lost: number;
  /** The broker has it, but the answer says that it may not. */
  readonly replyLost: number;
  /** The answer takes up to a second instead of some milliseconds. */
  readonly slow: number;
}

/**
 * An output log over a topic in memory with a network in between: requests and answers take their
 * time, and some are lost. What was sent may land after its process is dead.
 */
export class SimulatedLog implements OutputLog {
  readonly #log: MemoryOutputLog;
  readonly #world: Clock;
  readonly #process: ProcessClock;
  readonly #random: Random;
  readonly #faults: () => LogFaults;
  readonly #sentUntilMs = new Map<number, number>();

  constructor(options: {
    topic: MemoryTopic;
    world: Clock;
    process: ProcessClock;
    random: Random;
    faults: () => LogFaults;
  }) {
    // The broker answers in the world's time, the process may be dead by then.
    this.#log = new MemoryOutputLog(options.topic, {
      ...immediate,
      wallMs: () => options.world.wallMs(),
    });
    this.#world = options.world;
    this.#process = options.process;
    this.#random = options.random;
    this.#faults = options.faults;
  }

  open(): Promise<OutputTopic> {
    return this.#log.open();
  }

  async acquire(shard: number): Promise<ShardOwnership> {
    await this.#delay(this.#random.int(1, 20));
    return this.#log.acquire(shard);
  }

  readTail(shard: number, end: number): Promise<Uint8Array | null> {
    return this.#log.readTail(shard, end);
  }

  async *read(shard: number, from: number, to: number): AsyncIterableIterator<Uint8Array> {
    for await (const chunk of this.#log.read(shard, from, to)) {
      await this.#delay(this.#random.int(0, 5));
      yield chunk;
    }
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    for (const batch of batches) this.#send(batch, onResult);
  }

  refresh(shards: readonly number[]): Promise<void> {
    return this.#log.refresh(shards);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #send(batch: ProduceBatch, onResult: ProduceListener): void {
    const { lost, replyLost, slow } = this.#faults();
    const answer = (result: ProduceResult) => {
      const delayMs = this.#random.chance(slow)
        ? this.#random.int(50, 1000)
        : this.#random.int(1, 8);
      this.#process.wakeAfter(delayMs, () => onResult(batch.shard, result));
    };
    if (this.#random.chance(lost)) {
      answer({ kind: "retriable", reason: "lost before the broker" });
      return;
    }
    // One connection: what was sent later does not arrive sooner.
    const now = this.#world.monotonicMs();
    const delayMs = this.#random.chance(slow) ? this.#random.int(20, 500) : this.#random.int(0, 4);
    const at = Math.max(now + delayMs, this.#sentUntilMs.get(batch.shard) ?? 0);
    this.#sentUntilMs.set(batch.shard, at);
    const bytes = batch.bytes.slice();
    const isReplyLost = this.#random.chance(replyLost);
    this.#world.wakeAfter(at - now, () => {
      this.#log.produce([{ shard: batch.shard, bytes }], (_, result) => {
        if (isReplyLost) answer({ kind: "retriable", reason: "reply lost" });
        else answer(result);
      });
    });
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.#process.wakeAfter(ms, resolve));
  }
}

const immediate = {
  monotonicMs: () => 0,
  wakeAfter: (_: number, wake: () => void) => {
    wake();
    return () => {};
  },
};
