import {
  CHECKPOINT_CHUNK_BYTES_MAX,
  CheckpointStoreError,
  type CheckpointWriter,
} from "../../ports/checkpoint_store.ts";
import { chunkKey, manifestKey, unpublishedKey } from "./checkpoint_keys.ts";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";
import { encodeStoredValue } from "./stored_value.ts";

/**
 * Bytes of values an atomic commit: Deno KV takes 819,200 bytes with keys and their overhead. Fewer
 * and larger commits are faster, since each ends in an fsync.
 */
const COMMIT_BYTES_MAX = 800_000;

/** Deno KV takes 1,000 mutations a commit; only chunks far below their largest size come to this. */
const COMMIT_CHUNKS_MAX = 900;

/** What a writer needs of the store that made it. */
export interface GenerationOwner {
  /** @throws CheckpointStoreError `disk_full` when there is no room for so much. */
  takeDisk(bytes: number): void;
  /** The writer is done, one way or the other. */
  ended(writer: KvCheckpointWriter): void;
  /** Delete the chunks of this generation when there is time. */
  collect(shard: number, generation: number): void;
  /** Whole generations that are no longer needed once another one is whole. */
  outdated(shard: number): readonly number[];
  /** The generation is whole, and those are no longer. */
  published(shard: number, generation: number, outdated: readonly number[]): void;
}

/** Writes one generation of a shard; see `checkpoint_keys.ts` for what a crash leaves. */
export class KvCheckpointWriter implements CheckpointWriter {
  readonly shard: number;
  readonly #generation: number;
  readonly #kv: Deno.Kv;
  readonly #owner: GenerationOwner;

  /** The commit that is being filled. */
  #filling: Uint8Array[] = [];
  #fillingBytes = 0;
  #chunkCount = 0;
  /** The commit under way. Never rejects; what went wrong is in `#failure`. */
  #committing: Promise<void> = Promise.resolve();
  #failure: CheckpointStoreError | null = null;
  #state: "writing" | "published" | "abandoned" = "writing";

  constructor(kv: Deno.Kv, shard: number, generation: number, owner: GenerationOwner) {
    this.#kv = kv;
    this.shard = shard;
    this.#generation = generation;
    this.#owner = owner;
  }

  async writeChunk(bytes: Uint8Array): Promise<void> {
    this.#refuseUnlessWriting("write a chunk");
    if (bytes.length > CHECKPOINT_CHUNK_BYTES_MAX) {
      throw this.#tooLarge("a chunk", bytes.length);
    }
    const name = {
      kind: "chunk",
      shard: this.shard,
      generation: this.#generation,
      index: this.#chunkCount++,
    } as const;
    const value = encodeStoredValue(name, bytes);
    this.#filling.push(value);
    this.#fillingBytes += value.length;
    // One commit is under way while the next one fills; who hands in more than that waits.
    if (
      this.#fillingBytes + CHECKPOINT_CHUNK_BYTES_MAX > COMMIT_BYTES_MAX ||
      this.#filling.length === COMMIT_CHUNKS_MAX
    ) {
      await this.#flush();
      this.#refuseUnlessWriting("write a chunk");
    }
  }

  async publish(manifest: Uint8Array): Promise<void> {
    this.#refuseUnlessWriting("publish");
    if (manifest.length > CHECKPOINT_CHUNK_BYTES_MAX) {
      throw this.#tooLarge("a manifest", manifest.length);
    }
    await this.#flush();
    await this.#committing;
    this.#refuseUnlessWriting("publish");
    const name = {
      kind: "manifest",
      shard: this.shard,
      generation: this.#generation,
      index: this.#chunkCount,
    } as const;
    const outdated = this.#owner.outdated(this.shard);
    const commit = this.#kv.atomic()
      .set(manifestKey(this.shard, this.#generation), encodeStoredValue(name, manifest))
      .delete(unpublishedKey(this.shard, this.#generation));
    for (const old of outdated) {
      commit.delete(manifestKey(this.shard, old)).set(unpublishedKey(this.shard, old), 1);
    }
    try {
      await commit.commit();
    } catch (cause) {
      throw checkpointStoreFailure(`publish the checkpoint of shard ${this.shard}`, cause);
    }
    this.#state = "published";
    this.#owner.published(this.shard, this.#generation, outdated);
    this.#owner.ended(this);
  }

  async abandon(): Promise<void> {
    if (this.#state !== "writing") return;
    this.#state = "abandoned";
    this.#filling = [];
    await this.#committing;
    this.#owner.collect(this.shard, this.#generation);
    this.#owner.ended(this);
  }

  /**
   * Queues a commit of what was gathered.
   * @returns resolves once the commit before it is done
   */
  #flush(): Promise<void> {
    const before = this.#committing;
    const values = this.#filling;
    if (values.length === 0) return before;
    const first = this.#chunkCount - values.length;
    this.#filling = [];
    this.#fillingBytes = 0;
    this.#committing = before.then(() => this.#commitChunks(first, values));
    return before;
  }

  async #commitChunks(first: number, values: readonly Uint8Array[]): Promise<void> {
    if (this.#state !== "writing" || this.#failure !== null) return;
    try {
      this.#owner.takeDisk(values.reduce((sum, value) => sum + value.length, 0));
      const commit = this.#kv.atomic();
      for (const [place, value] of values.entries()) {
        commit.set(chunkKey(this.shard, this.#generation, first + place), value);
      }
      await commit.commit();
    } catch (cause) {
      this.#failure = checkpointStoreFailure(`write a checkpoint of shard ${this.shard}`, cause);
    }
  }

  #refuseUnlessWriting(action: string): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#state === "writing") return;
    throw new CheckpointStoreError(
      `Cannot ${action}: this generation of shard ${this.shard} is ${this.#state}`,
      { code: "other", retryable: false },
    );
  }

  #tooLarge(what: string, bytes: number): CheckpointStoreError {
    return new CheckpointStoreError(
      `Cannot write ${what} of shard ${this.shard}: it is ${bytes} bytes, ` +
        `at most ${CHECKPOINT_CHUNK_BYTES_MAX}`,
      { code: "other", retryable: false },
    );
  }
}
