import type { Clock } from "../ports/clock.ts";
import { OutputLogError, type ShardOwnership } from "../ports/output_log.ts";
import { EngineError } from "./engine_error.ts";
import type { LastBatch } from "./last_batch.ts";

/**
 * Looks out for an older owner of a shard where the fence cannot keep it out: the coordinator gave
 * another producer id than the last batch has. It does so after the id has expired, or when its
 * epochs are used up; and another `app.id` on the same output has others anyway.
 *
 * Who lives and has sessions writes at least once a heartbeat interval. So when the last batch is
 * recent, the shard is held for as long: what is appended behind the point where it was taken over
 * is of somebody who must be stopped first. One that has no sessions is not seen.
 */
export class OlderOwnerWatch {
  readonly #clock: Clock;
  readonly #topic: string;
  readonly #shards = new Map<number, Watched>();

  constructor(clock: Clock, topic: string) {
    this.#clock = clock;
    this.#topic = topic;
  }

  /** A shard was taken over: for the first time since it ran here, or once more. */
  acquired(shard: number, { end }: ShardOwnership): void {
    const nowMs = this.#clock.monotonicMs();
    const watched = this.#shards.get(shard);
    if (watched === undefined) this.#shards.set(shard, { sinceMs: nowMs, end, lastMs: nowMs });
    else watched.lastMs = nowMs;
  }

  /**
   * @throws OutputLogError retriable, while it is too early to tell: take the shard over once more.
   * @throws EngineError when another process writes.
   */
  check(shard: number, { position, lastOffset, writtenAtMs }: LastBatch, producerId: number): void {
    const watched = this.#shards.get(shard);
    if (watched === undefined || position.producerId === producerId) return;
    const { sinceMs, end, lastMs } = watched;
    const name = `Partition ${shard} of the output topic ${this.#topic}`;
    if (lastOffset >= end) {
      throw new EngineError(
        `${name} is written by another process (producer id ${position.producerId}), which this ` +
          `one cannot keep out: the broker gave it another producer id, ${producerId}. Stop the ` +
          "other one, then start this one again. Two deployments must not share an output topic",
        { code: "state" },
      );
    }
    const { heartbeatIntervalMs } = position;
    if (this.#clock.wallMs() - writtenAtMs > Math.max(RECENT_MS, 2 * heartbeatIntervalMs)) return;
    const holdMs = Math.min(HOLD_MS_MAX, heartbeatIntervalMs);
    if (lastMs - sinceMs >= holdMs) return;
    throw new OutputLogError(
      `${name} was written a short time ago under producer id ${position.producerId}, and the ` +
        `broker gave ${producerId}, which does not keep its writer out: waiting ` +
        `${holdMs / 1000} s whether that writes again`,
      { code: "other", retryable: true },
    );
  }

  /** The shard runs here: what is written from now on is our own. */
  settled(shard: number): void {
    this.#shards.delete(shard);
  }
}

/** Monotonic instants of the first and the last take-over, and the log's end at the first. */
interface Watched {
  readonly sinceMs: number;
  readonly end: number;
  lastMs: number;
}

/** Who was silent for longer has no sessions, or is gone. */
const RECENT_MS = 5 * 60_000;
const HOLD_MS_MAX = 60_000;
