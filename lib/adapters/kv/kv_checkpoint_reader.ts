import { type CheckpointReader, CheckpointStoreError } from "../../ports/checkpoint_store.ts";
import { chunkPrefix } from "./checkpoint_keys.ts";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";
import { decodeStoredValue } from "./stored_value.ts";

/** Chunks a query: 4 MB in memory at a time; measured fastest from 64 on. */
const CHUNKS_A_QUERY = 64;

/** What a reader needs of the store that made it. */
export interface GenerationKeeper {
  /** Whether the generation is still a whole one, not replaced and being deleted. */
  isKept(): boolean;
  /** The generation is damaged in this way: never offer it again. */
  dropDamaged(what: string): Promise<void>;
}

/** Reads one whole generation of a shard. */
export class KvCheckpointReader implements CheckpointReader {
  readonly manifest: Uint8Array;
  readonly chunkCount: number;
  readonly #kv: Deno.Kv;
  readonly #shard: number;
  readonly #generation: number;
  readonly #keeper: GenerationKeeper;

  constructor(
    kv: Deno.Kv,
    shard: number,
    generation: number,
    manifest: Uint8Array,
    chunkCount: number,
    keeper: GenerationKeeper,
  ) {
    this.#kv = kv;
    this.#shard = shard;
    this.#generation = generation;
    this.manifest = manifest;
    this.chunkCount = chunkCount;
    this.#keeper = keeper;
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    let expected = 0;
    const stored = this.#kv.list<unknown>(
      { prefix: chunkPrefix(this.#shard, this.#generation) },
      { batchSize: CHUNKS_A_QUERY },
    );
    for (;;) {
      let next: IteratorResult<Deno.KvEntry<unknown>>;
      try {
        next = await stored.next();
      } catch (cause) {
        // A value that Deno KV itself cannot make sense of ends up here as well.
        await this.#fail(`chunk ${expected} or one after it cannot be read`, cause);
        return;
      }
      if (next.done) break;
      const chunk = decodeStoredValue(next.value.value);
      const isRight = chunk !== null && chunk.kind === "chunk" && chunk.shard === this.#shard &&
        chunk.generation === this.#generation && chunk.index === expected &&
        next.value.key[3] === expected && expected < this.chunkCount;
      if (!isRight) await this.#fail(`chunk ${expected} is damaged`);
      else yield chunk.payload;
      expected++;
    }
    if (expected !== this.chunkCount) {
      await this.#fail(`it has ${expected} of ${this.chunkCount} chunks`);
    }
  }

  async #fail(what: string, cause?: unknown): Promise<never> {
    if (!this.#keeper.isKept()) {
      throw new CheckpointStoreError(
        `Cannot read on in the checkpoint of shard ${this.#shard}: newer ones replaced it`,
        { code: "other", retryable: true, cause },
      );
    }
    const failure = cause === undefined
      ? null
      : checkpointStoreFailure(`read the checkpoint of shard ${this.#shard}`, cause);
    if (failure?.code === "disk_full" || failure?.code === "read_only") throw failure;
    await this.#keeper.dropDamaged(what);
    throw new CheckpointStoreError(
      `Cannot read the checkpoint of shard ${this.#shard}: ${what}`,
      { code: "damaged", retryable: false, cause },
    );
  }
}
