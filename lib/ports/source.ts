/**
 * Where events come from: an ordered log of records per input partition.
 *
 * Call order: `open` once, then `ranges` and `committedOffsets` as often as wanted, then `start`;
 * `ranges` at any time after that, too. From `start` on the source calls the listener, never from
 * inside a call of its own methods. The source keeps fetching by itself, waits for brokers that are
 * away without end, and reports that state through `onPartitionState`; only what nobody can wait
 * out is thrown or reported as a `SourceError` with `retryable: false`.
 */
export interface Source {
  /** Finds the input partitions. Their index in the answer is their name from here on. */
  open(): Promise<readonly InputPartition[]>;
  /** First and next-to-be-written offset of each input partition, as of now. */
  ranges(): Promise<readonly InputRange[]>;
  /** The group's committed offset of each input partition; -1 where there is none. */
  committedOffsets(): Promise<readonly number[]>;
  /**
   * Publishes offsets as a lower bound for a later start and for ordinary lag tools; -1 leaves
   * that of the partition as it is. May fail; the caller calls again with newer ones, and nothing
   * but time is lost.
   */
  commitOffsets(offsets: readonly number[]): Promise<void>;
  /**
   * Starts to fetch each input partition from its offset. After `stop` it may be called again,
   * with other offsets: a shard that recovers reads again what it had not yet written.
   */
  start(offsets: readonly number[], listener: SourceListener): void;
  /** A paused partition is not fetched; what is under way may still arrive. */
  setPaused(partition: number, paused: boolean): void;
  /** No call of the listener starts after the promise resolves. */
  stop(): Promise<void>;
}

export interface InputPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface InputRange {
  readonly logStart: number;
  readonly end: number;
}

export interface SourceListener {
  /** A fetch answered. The bytes belong to the listener from here on. */
  onFetch(fetched: FetchedRecords): void;
  /** A partition can or cannot be fetched right now (no leader, broker away). */
  onPartitionState(partition: number, reachable: boolean): void;
  /** Nobody can wait this out: an offset out of range, a topic deleted, access denied. */
  onError(error: SourceError): void;
}

/** The answer of a fetch for one input partition; may hold no batch at all. */
export interface FetchedRecords {
  readonly partition: number;
  /** The offset asked for. Records below it (a batch is fetched whole) are to be skipped. */
  readonly fetchOffset: number;
  /** Whole record batches, as on disk (magic 2). A batch that was cut off is not included. */
  readonly records: Uint8Array;
  /** The end of the partition, as of this answer. */
  readonly highWatermark: number;
  readonly logStart: number;
}

export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly retryable: boolean;
  /** Index of the input partition, where the error is about one. */
  readonly partition: number | undefined;
  /** `partitions_added`: an input topic has grown; a new start takes the new partitions in. */
  readonly code:
    | "offset_out_of_range"
    | "unknown_topic"
    | "partitions_added"
    | "access_denied"
    | "other";

  constructor(
    message: string,
    options: {
      code: SourceError["code"];
      retryable: boolean;
      partition?: number;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable;
    this.partition = options.partition;
  }
}
