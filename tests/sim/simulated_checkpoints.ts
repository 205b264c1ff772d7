import {
  type MemoryCheckpointDisk,
  MemoryCheckpointStore,
} from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import type {
  CheckpointReader,
  CheckpointStore,
  CheckpointWriter,
} from "../../lib/ports/checkpoint_store.ts";
import type { Random } from "../support/random.ts";
import type { ProcessClock } from "./simulated_process.ts";
import { never, type SimulatedWorld } from "./simulated_world.ts";

export interface SimulatedCheckpointsOptions {
  readonly world: SimulatedWorld;
  readonly process: ProcessClock;
  readonly disk: MemoryCheckpointDisk;
  readonly random: Random;
}

/** Checkpoints on a disk that outlives the process: slow, full at times, cut off anywhere. */
export class SimulatedCheckpoints implements CheckpointStore {
  readonly #world: SimulatedWorld;
  readonly #process: ProcessClock;
  readonly #disk: MemoryCheckpointDisk;
  readonly #random: Random;
  readonly #store: MemoryCheckpointStore;

  constructor(options: SimulatedCheckpointsOptions) {
    this.#world = options.world;
    this.#process = options.process;
    this.#disk = options.disk;
    this.#random = options.random;
    this.#store = new MemoryCheckpointStore(options.disk);
  }

  async begin(shard: number): Promise<CheckpointWriter> {
    await this.#step("before a checkpoint");
    const writer = await this.#store.begin(shard);
    return {
      writeChunk: async (bytes) => {
        await this.#step("between chunks of a checkpoint");
        await writer.writeChunk(bytes);
      },
      publish: async (manifest) => {
        await this.#step("before a checkpoint is published");
        await writer.publish(manifest);
        this.#world.checkpoints.written++;
        await this.#step("after a checkpoint is published");
      },
      abandon: () => writer.abandon(),
    };
  }

  async read(shard: number): Promise<CheckpointReader | null> {
    await this.#step("before it reads a checkpoint");
    const reader = await this.#store.read(shard);
    if (reader === null) return null;
    this.#world.checkpoints.read++;
    const step = () => this.#step("while it reads a checkpoint");
    return {
      manifest: reader.manifest,
      chunkCount: reader.chunkCount,
      chunks: async function* () {
        for await (const chunk of reader.chunks()) {
          await step();
          yield chunk;
        }
      },
    };
  }

  warnings(): Promise<readonly string[]> {
    return this.#store.warnings();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #step(point: string): Promise<void> {
    if (!this.#world.passes(this.#process, point)) return never();
    const isFull = this.#random.chance(this.#world.amount("diskFailure") * 0.1);
    this.#disk.writeFailure = isFull ? this.#random.pick(["disk_full", "read_only"]) : null;
    const delayMs = this.#random.chance(0.2) ? this.#random.int(10, 200) : this.#random.int(0, 5);
    await new Promise<void>((resolve) => this.#process.wakeAfter(delayMs, resolve));
  }
}
