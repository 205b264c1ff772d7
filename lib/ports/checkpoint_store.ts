/**
 * Durable snapshots of shards on the local disk: they save time at a restart and are never needed.
 *
 * A checkpoint of a shard is a manifest plus numbered chunks, both opaque bytes. Writing one:
 * `begin`, `writeChunk` any number of times, `publish`; until `publish` resolved the previous
 * generation is what `read` finds, and a crash in between leaves it so. Every value carries a
 * CRC-32C that the store checks; damaged data is reported, put aside and never returned.
 */
export interface CheckpointStore {
  /** Starts a new generation of the shard. One writer a shard at a time. */
  begin(shard: number): Promise<CheckpointWriter>;
  /** The newest whole generation of the shard, or null. */
  read(shard: number): Promise<CheckpointReader | null>;
  /** What was found damaged and put aside since opening, one sentence each. */
  warnings(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface CheckpointWriter {
  /**
   * Adds a chunk of at most `CHECKPOINT_CHUNK_BYTES_MAX` bytes. The bytes belong to the store
   * from here on (they may be transferred). Resolves when it makes sense to hand in more.
   * @throws CheckpointStoreError disk full, read-only: the generation is lost, the caller goes on.
   */
  writeChunk(bytes: Uint8Array): Promise<void>;
  /** Makes this generation the shard's checkpoint and frees the one before the previous. */
  publish(manifest: Uint8Array): Promise<void>;
  /** Drops what was written. */
  abandon(): Promise<void>;
}

export interface CheckpointReader {
  readonly manifest: Uint8Array;
  readonly chunkCount: number;
  /** The chunks in order. @throws CheckpointStoreError `damaged`: restore without a checkpoint. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** A value in Deno KV holds at most 65,536 bytes; the rest is room for the envelope. */
export const CHECKPOINT_CHUNK_BYTES_MAX = 60_000;

export class CheckpointStoreError extends Error {
  override readonly name = "CheckpointStoreError";
  readonly retryable: boolean;
  readonly code: "locked" | "damaged" | "disk_full" | "read_only" | "other";

  constructor(
    message: string,
    options: { code: CheckpointStoreError["code"]; retryable: boolean; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable;
  }
}
