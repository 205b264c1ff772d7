import {
  CHECKPOINT_CHUNK_BYTES_MAX,
  type CheckpointReader,
  type CheckpointStore,
  CheckpointStoreError,
  type CheckpointWriter,
} from "../../ports/checkpoint_store.ts";

interface Generation {
  readonly manifest: Uint8Array;
  readonly chunks: readonly Uint8Array[];
}

/**
 * What outlives a `MemoryCheckpointStore`, as a disk outlives a process. The simulator opens store
 * after store on one of these, and makes it fail.
 */
export class MemoryCheckpointDisk {
  /** Whole generations of each shard, the oldest first, two at most. */
  readonly generations = new Map<number, Generation[]>();
  readonly warnings: string[] = [];
  /** While set, everything that writes is refused with this code. */
  writeFailure: CheckpointStoreError["code"] | null = null;

  /** Flips a bit in a chunk of the shard's newest generation, as a disk does. */
  damageChunk(shard: number, index: number): void {
    const chunk = this.generations.get(shard)?.at(-1)?.chunks[index];
    if (chunk === undefined) throw new RangeError(`Shard ${shard} has no chunk ${index}`);
    this.#damaged.add(chunk);
  }

  isDamaged(chunk: Uint8Array): boolean {
    return this.#damaged.has(chunk);
  }

  readonly #damaged = new WeakSet<Uint8Array>();
}

/** Checkpoints in memory, for `demo` and tests: what was not published dies with the store. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #disk: MemoryCheckpointDisk;
  readonly #writers = new Map<number, MemoryCheckpointWriter>();
  #isClosed = false;

  constructor(disk: MemoryCheckpointDisk = new MemoryCheckpointDisk()) {
    this.#disk = disk;
  }

  async begin(shard: number): Promise<CheckpointWriter> {
    this.#refuseWhenClosed();
    await this.#writers.get(shard)?.abandon();
    const writer = new MemoryCheckpointWriter(shard, this.#disk);
    this.#writers.set(shard, writer);
    return writer;
  }

  read(shard: number): Promise<CheckpointReader | null> {
    try {
      this.#refuseWhenClosed();
    } catch (error) {
      return Promise.reject(error);
    }
    const generation = this.#disk.generations.get(shard)?.at(-1);
    if (generation === undefined) return Promise.resolve(null);
    return Promise.resolve({
      manifest: generation.manifest.slice(),
      chunkCount: generation.chunks.length,
      chunks: () => this.#chunks(shard, generation),
    });
  }

  warnings(): Promise<readonly string[]> {
    return Promise.resolve([...this.#disk.warnings]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const writer of this.#writers.values()) await writer.abandon();
  }

  async *#chunks(shard: number, generation: Generation): AsyncIterableIterator<Uint8Array> {
    for (const [index, chunk] of generation.chunks.entries()) {
      if (this.#disk.isDamaged(chunk)) {
        const generations = this.#disk.generations.get(shard) ?? [];
        this.#disk.generations.set(shard, generations.filter((other) => other !== generation));
        this.#disk.warnings.push(
          `The checkpoint of shard ${shard} was dropped: chunk ${index} is damaged`,
        );
        throw new CheckpointStoreError(
          `Cannot read the checkpoint of shard ${shard}: chunk ${index} is damaged`,
          { code: "damaged", retryable: false },
        );
      }
      // Gives others a turn, as a disk would.
      yield await Promise.resolve(chunk.slice());
    }
  }

  #refuseWhenClosed(): void {
    if (!this.#isClosed) return;
    throw new CheckpointStoreError("Cannot use the checkpoint store: it is closed", {
      code: "other",
      retryable: false,
    });
  }
}

class MemoryCheckpointWriter implements CheckpointWriter {
  readonly #shard: number;
  readonly #disk: MemoryCheckpointDisk;
  readonly #chunks: Uint8Array[] = [];
  #state: "writing" | "published" | "abandoned" = "writing";

  constructor(shard: number, disk: MemoryCheckpointDisk) {
    this.#shard = shard;
    this.#disk = disk;
  }

  // deno-lint-ignore require-await -- what is wrong must come as a rejection.
  async writeChunk(bytes: Uint8Array): Promise<void> {
    this.#check("a chunk", bytes);
    this.#chunks.push(bytes.slice());
  }

  // deno-lint-ignore require-await -- what is wrong must come as a rejection.
  async publish(manifest: Uint8Array): Promise<void> {
    this.#check("a manifest", manifest);
    const whole = { manifest: manifest.slice(), chunks: this.#chunks };
    const before = this.#disk.generations.get(this.#shard) ?? [];
    this.#disk.generations.set(this.#shard, [...before.slice(-1), whole]);
    this.#state = "published";
  }

  abandon(): Promise<void> {
    if (this.#state === "writing") this.#state = "abandoned";
    return Promise.resolve();
  }

  #check(what: string, bytes: Uint8Array): void {
    const refusal = this.#state !== "writing"
      ? `this generation is ${this.#state}`
      : bytes.length > CHECKPOINT_CHUNK_BYTES_MAX
      ? `it is ${bytes.length} bytes, at most ${CHECKPOINT_CHUNK_BYTES_MAX}`
      : this.#disk.writeFailure;
    if (refusal === null) return;
    throw new CheckpointStoreError(`Cannot write ${what} of shard ${this.#shard}: ${refusal}`, {
      code: this.#disk.writeFailure ?? "other",
      retryable: this.#disk.writeFailure === "disk_full",
    });
  }
}
