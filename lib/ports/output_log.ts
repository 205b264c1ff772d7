/**
 * The output topic: one append-only log of record batches per shard.
 *
 * Call order: `open` once. Then per shard: `acquire`, `readTail` and `read` to restore, and from
 * then on `produce`. A shard that has to recover starts again at `acquire`. The log waits for
 * brokers that are away (visibly, through `onReachable`); it never retries a produce by itself,
 * since only the caller knows the order in which batches have to be sent again.
 */
export interface OutputLog {
  /** @throws OutputLogError when the topic is missing or unfit (`code: "unfit_topic"`). */
  open(): Promise<OutputTopic>;
  /**
   * Makes the caller the one writer of the shard: fences every older writer and returns once the
   * end of the partition is final. Calling it again for a shard one owns raises the epoch.
   * @throws OutputLogError `fenced` when someone newer took the shard meanwhile.
   */
  acquire(shard: number): Promise<ShardOwnership>;
  /**
   * The bytes of the last data batch below `end`, whole, or null when the partition holds none at
   * or after its log start. Control batches do not count.
   */
  readTail(shard: number, end: number): Promise<Uint8Array | null>;
  /**
   * Whole record batches from the one that holds `fromOffset` up to, not including, `toOffset`,
   * in order. Each chunk's bytes belong to the caller. Control batches may be among them.
   */
  read(shard: number, fromOffset: number, toOffset: number): AsyncIterable<Uint8Array>;
  /**
   * Sends one batch per shard, grouped into one request a broker. Returns at once; `onResult` is
   * called exactly once per batch, later. The bytes must stay as they are until then.
   */
  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void;
  /**
   * What the topic takes right now, for a shard whose batch it has refused. One attempt: what is
   * not known is null.
   */
  readLimits(): Promise<OutputLimits>;
  /**
   * Proves to the broker that the owner of these shards is alive, so that its fence does not
   * expire (hourly is enough).
   * @throws OutputLogError `fenced` when someone newer took one of them.
   */
  refresh(shards: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

export interface OutputTopic {
  readonly name: string;
  /** Partitions of the topic = number of shards. */
  readonly shards: number;
  /** The topic's `max.message.bytes`: the largest record batch it takes. */
  readonly batchBytesMax: number;
  /** What is unwise but workable about the topic, one sentence each. */
  readonly warnings: readonly string[];
}

export interface OutputLimits {
  /** `max.message.bytes`: the largest record batch it takes. */
  readonly batchBytesMax: number | null;
  /** `message.timestamp.after.max.ms`: how far ahead of the broker's clock a record may be. */
  readonly timestampAheadMsMax: number | null;
}

export interface ShardOwnership {
  readonly producerId: number;
  readonly epoch: number;
  readonly logStart: number;
  /** Next offset of the partition; final, since older writers are fenced. */
  readonly end: number;
}

export interface ProduceBatch {
  readonly shard: number;
  /** One record batch, complete with CRC. */
  readonly bytes: Uint8Array;
}

export type ProduceListener = (shard: number, result: ProduceResult) => void;

export type ProduceResult =
  /** The broker has the batch, acknowledged by all in-sync replicas. */
  | { readonly kind: "acknowledged"; readonly baseOffset: number }
  /** Not appended, or not known whether: send the same bytes again, in order. */
  | { readonly kind: "retriable"; readonly reason: string }
  /** Broker error 45: a sequence before this one is missing. */
  | { readonly kind: "out_of_order" }
  /** A newer owner of the shard exists: stop it. */
  | { readonly kind: "fenced"; readonly reason: string }
  /** The broker refuses this batch, and will until somebody or something changes. */
  | { readonly kind: "rejected"; readonly cause: RefusalCause; readonly reason: string };

/**
 * Why a broker refuses a batch, by what can be done about it.
 *
 * - `timestamp`: its instants and the broker's clock are too far apart
 * - `too_large`: the topic takes only smaller batches
 * - `access`: the right to write is missing; the same bytes may be sent again
 * - `other`: a policy, a format, damage on the way
 */
export const REFUSAL_CAUSES = ["timestamp", "too_large", "access", "other"] as const;
export type RefusalCause = (typeof REFUSAL_CAUSES)[number];

export class OutputLogError extends Error {
  override readonly name = "OutputLogError";
  readonly retryable: boolean;
  readonly code: "unfit_topic" | "fenced" | "access_denied" | "unreachable" | "other";

  constructor(
    message: string,
    options: { code: OutputLogError["code"]; retryable: boolean; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable;
  }
}
