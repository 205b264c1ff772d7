import { join } from "node:path";
import type {
  CheckpointReader,
  CheckpointStore,
  CheckpointWriter,
} from "../../ports/checkpoint_store.ts";
import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";
import {
  chunkPrefix,
  FORMAT_KEY,
  FORMAT_VERSION,
  MANIFEST_PREFIX,
  manifestKey,
  UNPUBLISHED_PREFIX,
  unpublishedKey,
} from "./checkpoint_keys.ts";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";
import { prepareDatabaseFile, putDatabaseAside } from "./database_file.ts";
import { DISK_RESERVE_BYTES, DiskBudget } from "./disk_budget.ts";
import { GenerationIndex } from "./generation_index.ts";
import { KvCheckpointReader } from "./kv_checkpoint_reader.ts";
import { type GenerationOwner, KvCheckpointWriter } from "./kv_checkpoint_writer.ts";
import { StateDirectory } from "./state_directory.ts";
import { decodeStoredValue } from "./stored_value.ts";

const FILE_NAME = "sessionwheel.kv";

/**
 * Deletions an atomic commit. A slice frees some 15 MB and was measured at 13 ms; writers get their
 * turn in between.
 */
const DELETIONS_A_SLICE = 250;

/** Generations of a shard that are kept: the newest, and the one before it should that be damaged. */
const GENERATIONS_KEPT = 2;

export interface KvCheckpointStoreOptions {
  /** What is left free on the disk; tests have small disks. */
  readonly diskReserveBytes?: number;
}

/**
 * The checkpoint store on Deno KV: one file, `sessionwheel.kv`, in the state directory.
 *
 * Its commits may stall the event loop they run on for 10 ms, so the engine has it in a thread of
 * its own and speaks to it through `RemoteCheckpointStore`.
 *
 * What the disk does to the file never stops anyone: a file that is damaged or not ours is put
 * aside and a new one begun, a damaged generation is dropped and the one before it is read, and
 * each of these is one sentence of `warnings()`.
 */
export class KvCheckpointStore implements CheckpointStore {
  readonly #directory: StateDirectory;
  readonly #kv: Deno.Kv;
  readonly #disk: DiskBudget;
  readonly #index = new GenerationIndex();
  readonly #warnings: string[];
  readonly #writers = new Map<number, KvCheckpointWriter>();
  /** Deletions, one after the other. Never rejects. */
  #collection: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;

  private constructor(
    directory: StateDirectory,
    kv: Deno.Kv,
    warnings: string[],
    disk: DiskBudget,
  ) {
    this.#directory = directory;
    this.#kv = kv;
    this.#disk = disk;
    this.#warnings = warnings;
  }

  /**
   * Opens the store in this directory, which is made where it is missing.
   * @throws CheckpointStoreError `locked` while another process uses the directory; `read_only`,
   *   `disk_full`, `other`.
   */
  static async open(
    directoryPath: string,
    options: KvCheckpointStoreOptions = {},
  ): Promise<KvCheckpointStore> {
    const directory = StateDirectory.acquire(directoryPath);
    try {
      const path = join(directoryPath, FILE_NAME);
      const warnings: string[] = [];
      const { warning, freeBytes } = prepareDatabaseFile(path);
      if (warning !== null) warnings.push(warning);
      const reserveBytes = options.diskReserveBytes ?? DISK_RESERVE_BYTES;
      const store = new KvCheckpointStore(
        directory,
        await openOurs(path, warnings),
        warnings,
        new DiskBudget(directoryPath, reserveBytes, freeBytes),
      );
      try {
        await store.#load();
      } catch (error) {
        store.#kv.close();
        throw error;
      }
      return store;
    } catch (cause) {
      directory.release();
      throw checkpointStoreFailure(`open the checkpoint store in ${directoryPath}`, cause);
    }
  }

  async begin(shard: number): Promise<CheckpointWriter> {
    this.#refuseWhenClosed();
    // A shard that recovers in the middle of a checkpoint begins anew without looking back.
    await this.#writers.get(shard)?.abandon();
    const generation = this.#index.next(shard);
    try {
      await this.#kv.set(unpublishedKey(shard, generation), 1);
    } catch (cause) {
      throw checkpointStoreFailure(`begin a checkpoint of shard ${shard}`, cause);
    }
    const writer = new KvCheckpointWriter(this.#kv, shard, generation, this.#owner());
    this.#writers.set(shard, writer);
    return writer;
  }

  async read(shard: number): Promise<CheckpointReader | null> {
    this.#refuseWhenClosed();
    for (const generation of this.#index.published(shard).toReversed()) {
      const stored = await this.#readManifest(shard, generation);
      if (stored === null) {
        await this.#dropDamaged(shard, generation, "its manifest is damaged");
        continue;
      }
      return new KvCheckpointReader(this.#kv, shard, generation, stored.payload, stored.index, {
        isKept: () => this.#index.isPublished(shard, generation),
        dropDamaged: (what) => this.#dropDamaged(shard, generation, what),
      });
    }
    return null;
  }

  warnings(): Promise<readonly string[]> {
    return Promise.resolve([...this.#warnings]);
  }

  /** Abandons open generations, finishes the deletions under way and frees the directory. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const writer of [...this.#writers.values()]) await writer.abandon();
    await this.#collection;
    this.#kv.close();
    this.#directory.release();
  }

  #refuseWhenClosed(): void {
    if (this.#closing === null) return;
    throw new CheckpointStoreError("Cannot use the checkpoint store: it is closed", {
      code: "other",
      retryable: false,
    });
  }

  /** Learns the whole generations and starts to delete the rest. */
  async #load(): Promise<void> {
    for await (const { key } of this.#kv.list({ prefix: MANIFEST_PREFIX })) {
      this.#index.addPublished(key[1] as number, key[2] as number);
    }
    for await (const { key } of this.#kv.list({ prefix: UNPUBLISHED_PREFIX })) {
      const shard = key[1] as number;
      const generation = key[2] as number;
      this.#index.reserve(shard, generation);
      this.#collect(shard, generation);
    }
  }

  #owner(): GenerationOwner {
    return {
      takeDisk: (bytes) => this.#disk.take(bytes),
      ended: (writer) => {
        if (this.#writers.get(writer.shard) === writer) this.#writers.delete(writer.shard);
      },
      collect: (shard, generation) => this.#collect(shard, generation),
      outdated: (shard) => this.#index.published(shard).slice(0, 1 - GENERATIONS_KEPT),
      published: (shard, generation, outdated) => {
        this.#index.addPublished(shard, generation);
        for (const old of outdated) {
          this.#index.removePublished(shard, old);
          this.#collect(shard, old);
        }
      },
    };
  }

  async #readManifest(
    shard: number,
    generation: number,
  ): Promise<{ payload: Uint8Array; index: number } | null> {
    let value: unknown;
    try {
      value = (await this.#kv.get(manifestKey(shard, generation))).value;
    } catch (cause) {
      throw checkpointStoreFailure(`read the checkpoint of shard ${shard}`, cause);
    }
    const stored = decodeStoredValue(value);
    const isRight = stored !== null && stored.kind === "manifest" && stored.shard === shard &&
      stored.generation === generation;
    return isRight ? stored : null;
  }

  async #dropDamaged(shard: number, generation: number, what: string): Promise<void> {
    if (!this.#index.isPublished(shard, generation)) return;
    this.#index.removePublished(shard, generation);
    this.#warnings.push(
      `The checkpoint of shard ${shard}, generation ${generation}, was dropped: ${what}`,
    );
    try {
      await this.#kv.atomic()
        .delete(manifestKey(shard, generation))
        .set(unpublishedKey(shard, generation), 1)
        .commit();
      this.#collect(shard, generation);
    } catch {
      // It stays in the file and is found damaged again at the next opening: nothing is lost.
    }
  }

  /** Deletes the chunks of a generation that no manifest speaks of, and then its mark. */
  #collect(shard: number, generation: number): void {
    this.#collection = this.#collection.then(async () => {
      try {
        await this.#deleteGeneration(shard, generation);
      } catch (error) {
        // The mark is still there: the next opening tries again.
        const reason = error instanceof Error ? error.message : String(error);
        this.#warnings.push(
          `Chunks of shard ${shard}, generation ${generation}, could not be deleted: ${reason}`,
        );
      }
    });
  }

  async #deleteGeneration(shard: number, generation: number): Promise<void> {
    const selector: Deno.KvListSelector = { prefix: chunkPrefix(shard, generation) };
    for (;;) {
      const slice = this.#kv.atomic();
      let count = 0;
      let bytes = 0;
      const options: Deno.KvListOptions = { limit: DELETIONS_A_SLICE, batchSize: 64 };
      for await (const { key, value } of this.#kv.list(selector, options)) {
        slice.delete(key);
        count++;
        if (value instanceof Uint8Array) bytes += value.length;
      }
      const isLast = count < DELETIONS_A_SLICE;
      // A publish that failed may have reached the disk after all.
      slice.delete(manifestKey(shard, generation));
      if (isLast) slice.delete(unpublishedKey(shard, generation));
      else slice.set(unpublishedKey(shard, generation), 1);
      await slice.commit();
      this.#disk.giveBack(bytes);
      if (isLast) return;
    }
  }
}

/** Opens the file and makes sure that it is ours and of our version; puts it aside otherwise. */
async function openOurs(path: string, warnings: string[]): Promise<Deno.Kv> {
  const kv = await Deno.openKv(path);
  let kind: "damaged" | "foreign" = "foreign";
  let what: string;
  try {
    const { value: version } = await kv.get(FORMAT_KEY);
    if (version === FORMAT_VERSION) {
      // A value that Deno KV cannot make sense of would make every opening fail from now on.
      for (const prefix of [MANIFEST_PREFIX, UNPUBLISHED_PREFIX]) {
        await Array.fromAsync(kv.list({ prefix }));
      }
      return kv;
    }
    if (version === null && await isEmpty(kv)) {
      await kv.set(FORMAT_KEY, FORMAT_VERSION);
      return kv;
    }
    what = typeof version === "number"
      ? `has format ${version}, this program writes ${FORMAT_VERSION}`
      : "is a Deno KV file of another program";
  } catch (cause) {
    const failure = checkpointStoreFailure(`read ${path}`, cause);
    if (failure.code !== "damaged" && failure.code !== "other") {
      kv.close();
      throw failure;
    }
    kind = "damaged";
    what = `is damaged (${cause instanceof Error ? cause.message : cause})`;
  }
  kv.close();
  const aside = putDatabaseAside(path, kind);
  warnings.push(`${path} ${what}; it was put aside as ${aside} and a new one was begun`);
  prepareDatabaseFile(path);
  const fresh = await Deno.openKv(path);
  await fresh.set(FORMAT_KEY, FORMAT_VERSION);
  return fresh;
}

async function isEmpty(kv: Deno.Kv): Promise<boolean> {
  for await (const _ of kv.list({ prefix: [] }, { limit: 1 })) return false;
  return true;
}
