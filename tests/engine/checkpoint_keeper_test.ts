import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryCheckpointStore } from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import { type CheckpointManifest, decodeManifest } from "../../lib/core/checkpoint_codec.ts";
import { CheckpointKeeper } from "../../lib/engine/checkpoint_keeper.ts";
import type { EngineLimits } from "../../lib/engine/engine_limits.ts";
import { ROW_BYTES } from "../../lib/core/row_format.ts";
import {
  CHECKPOINT_CHUNK_BYTES_MAX,
  type CheckpointReader,
  type CheckpointStore,
  type CheckpointWriter,
} from "../../lib/ports/checkpoint_store.ts";
import { EngineParts } from "../support/engine/engine_parts.ts";

Deno.test("CheckpointKeeper.writeAtRest() keeps each shard as it stands, and to where it has its input", async () => {
  const { parts, keeper } = kept({ shards: 2 });
  parts.warm(0);
  parts.start(1, "a");
  parts.start(1, "b");
  parts.end(1, "b");
  parts.close(1);
  parts.acknowledge(1);
  await keeper.writeAtRest();
  const [first, second] = [manifest(parts, 0), manifest(parts, 1)];
  assertEquals([first.isExact, first.logFrom, first.logTo, first.rows], [true, 1, 1, 1]);
  assertEquals([second.isExact, second.logFrom, second.logTo, second.rows], [true, 3, 3, 2]);
  assertEquals([second.shard, second.shards, second.batchNumber], [1, 2, 1]);
  assertEquals([second.producerId, second.epoch], [101, 0]);
  assertEquals(second.stateHash, parts.runners[1]!.shard!.active.stateHash.toString());
  for (const { inputs } of [first, second]) {
    assertEquals(inputs, [{ topic: "events", partition: 0, offset: 4 }]);
  }
  const { written, failures, bytes } = parts.metrics.checkpoint;
  assertEquals([written, failures, bytes > 0], [1, 0, true]);
});

Deno.test("CheckpointKeeper.writeAtRest() tells its own place of a shard that the reader went back behind", async () => {
  const { parts, keeper } = kept({ shards: 2 });
  parts.warm(0);
  parts.warm(1);
  parts.runners[1]!.skipBefore[0] = 9;
  await keeper.writeAtRest();
  assertEquals([0, 1].map((shard) => manifest(parts, shard).inputs[0]!.offset), [2, 9]);
});

Deno.test("CheckpointKeeper.writeAtRest() says how many early ends the log does not have", async () => {
  const { parts, keeper } = kept();
  parts.end(0, "early");
  await keeper.writeAtRest();
  assertEquals([manifest(parts, 0).earlyEndsUnwritten, manifest(parts, 0).rows], [1, 1]);
});

Deno.test("CheckpointKeeper.writeAtRest() leaves out the shards that have something under way", async () => {
  const { parts, keeper } = kept({ shards: 5 });
  for (const { index } of parts.runners) parts.warm(index);
  parts.batch(0);
  // A shard that gave up its place in the input, and one that is being restored.
  parts.runners[1]!.isDetached = true;
  parts.runners[2]!.dropState();
  // An event that waits, its batch having been refused.
  parts.batch(3);
  parts.runners[3]!.writer.answered(parts.runners[3]!.writer.inFlight[0]!, {
    kind: "retriable",
    reason: "no leader",
  });
  parts.start(3, "waits");
  assertEquals(parts.runners[3]!.backlog.size, 1);
  parts.runners[3]!.writer.reset();
  await keeper.writeAtRest();
  assertEquals([...parts.disk.generations.keys()], [4]);
});

Deno.test("CheckpointKeeper.writeAtRest() warns when the disk takes nothing, and the last one stays", async () => {
  const { parts, keeper } = kept();
  parts.warm(0);
  await keeper.writeAtRest();
  parts.warm(0);
  parts.disk.writeFailure = "disk_full";
  await keeper.writeAtRest();
  assertEquals(manifest(parts, 0).logTo, 1);
  assertEquals(parts.disk.generations.get(0)!.length, 1);
  const { written, failures } = parts.metrics.checkpoint;
  assertEquals([written, failures], [1, 1]);
  assertEquals(parts.lines.length, 1);
  assert(parts.lines[0]!.includes("checkpoint cannot be written"), parts.lines[0]);
});

Deno.test("CheckpointKeeper hides no bug behind a disk's failure", async () => {
  const { parts, keeper, store } = kept();
  parts.warm(0);
  store.bug = new TypeError("a bug");
  keeper.startBackground();
  await parts.advance(10);
  assertEquals(parts.failures, [store.bug]);
  assertEquals(await assertRejects(() => keeper.writeAtRest(), TypeError), store.bug);
});

Deno.test("CheckpointKeeper.startBackground() copies a slice between turns, and waits for what follows it", async () => {
  const { parts, keeper, store } = kept({ limits: { checkpointSliceRowsMax: 2 } });
  for (const device of ["a", "b", "c", "d", "e"]) parts.start(0, device);
  parts.close(0);
  parts.acknowledge(0);
  keeper.startBackground();
  await parts.advance(0);
  // Turns go on meanwhile: what comes to rows that are not copied yet is copied, too.
  parts.warm(0);
  for (let ms = 0; ms < 40; ms++) await parts.advance(1);
  assertEquals(store.calls, ["0 ms: begin 0", "12 ms: chunk"]);
  // What was copied last may be of a batch that is not in the log: only the next one proves it.
  parts.batch(0);
  await parts.advance(4);
  assertEquals(store.calls.length, 2);
  parts.acknowledge(0);
  await parts.advance(4);
  assertEquals(store.calls.at(-1), "48 ms: publish");
  const { isExact, logFrom, logTo, batchNumber, rows } = manifest(parts, 0);
  assertEquals([isExact, logFrom, logTo, batchNumber, rows], [false, 5, 7, 1, 6]);
  assertEquals(parts.metrics.checkpoint.written, 1);
});

Deno.test("CheckpointKeeper.startBackground() tells for how long a slice held the engine, without what it waited for", async () => {
  const { parts, keeper, store } = kept({ limits: { checkpointSliceRowsMax: 2 } });
  const rowsOfChunk = Math.floor(CHECKPOINT_CHUNK_BYTES_MAX / ROW_BYTES);
  for (let device = 0; device < 2 * rowsOfChunk; device++) parts.warm(0);
  store.holdsMs = 3;
  store.waitsMs = 50;
  keeper.startBackground();
  for (let ms = 0; ms < 5_000; ms++) await parts.advance(1);
  parts.warm(0);
  for (let ms = 0; ms < 10; ms++) await parts.advance(1);
  assertEquals(store.calls.map(nameOf), ["begin 0", "chunk", "chunk", "chunk", "publish"]);
  assertEquals(parts.metrics.checkpoint.heldMaxMs, 3);
});

Deno.test("CheckpointKeeper.startBackground() copies what is remembered in slices, too", async () => {
  const { parts, keeper, store } = kept({ limits: { checkpointSliceRowsMax: 2 } });
  for (const device of ["a", "b", "c", "d", "e"]) parts.start(0, device);
  for (const device of ["a", "b", "c", "d"]) parts.end(0, device);
  parts.close(0);
  parts.acknowledge(0);
  keeper.startBackground();
  // Five rows that were ever used, one of them active, then four that are remembered: two a slice.
  await parts.advance(0);
  for (let slice = 2; slice <= 4; slice++) await parts.advance(4);
  assertEquals(store.calls, ["0 ms: begin 0"]);
  // One more comes to the end of the queue meanwhile.
  parts.end(0, "early");
  for (let ms = 0; ms < 12; ms++) await parts.advance(1);
  assertEquals(store.calls.map(nameOf), ["begin 0", "chunk"]);
  parts.warm(0);
  for (let ms = 0; ms < 12; ms++) await parts.advance(1);
  assertEquals(store.calls.map(nameOf), ["begin 0", "chunk", "publish"]);
  assertEquals(manifest(parts, 0).rows, 6);
});

Deno.test("CheckpointKeeper.startBackground() counts no early end as unwritten, as it waits for the batch that tells of them", async () => {
  const { parts, keeper, store } = kept();
  parts.end(0, "told");
  parts.warm(0);
  keeper.startBackground();
  await parts.advance(0);
  assertEquals(store.calls.map(nameOf), ["begin 0", "chunk"]);
  // Not copied any more: counted, it would stand for the one that is.
  parts.end(0, "early");
  await parts.advance(4);
  parts.warm(0);
  await parts.advance(4);
  assertEquals(store.calls.map(nameOf).at(-1), "publish");
  assertEquals([manifest(parts, 0).rows, manifest(parts, 0).earlyEndsUnwritten], [2, 0]);
});

Deno.test("CheckpointKeeper.startBackground() has one under way, and nothing to do for an empty shard", async () => {
  const { parts, keeper, store } = kept({ shards: 2 });
  parts.warm(1);
  keeper.startBackground();
  keeper.startBackground();
  await parts.advance(4);
  keeper.startBackground();
  parts.warm(1);
  await parts.advance(4);
  assertEquals(store.calls.map(nameOf), ["begin 1", "chunk", "publish"]);
  keeper.startBackground();
  await parts.advance(0);
  assertEquals(store.calls.map(nameOf).slice(3), ["begin 1", "chunk"]);
});

Deno.test("CheckpointKeeper.startBackground() drops what it has when the shard is restored meanwhile", async () => {
  const { parts, keeper, store } = kept();
  parts.warm(0);
  keeper.startBackground();
  await parts.advance(4);
  const runner = parts.runners[0]!;
  runner.dropState();
  parts.run(runner);
  parts.warm(0);
  parts.warm(0);
  await parts.advance(4);
  assertEquals(store.calls.map(nameOf), ["begin 0", "chunk", "abandon"]);
  assertEquals([parts.metrics.checkpoint.written, parts.lines.length], [0, 0]);
});

Deno.test("CheckpointKeeper.startBackground() waits two minutes for a batch, and can be asked again", async () => {
  const { parts, keeper, store } = kept();
  parts.warm(0);
  keeper.startBackground();
  await parts.advance(4);
  // The clock moves on by what the test says, the keeper looks every 4 ms.
  await parts.advance(119_990);
  await parts.advance(4);
  assertEquals(store.calls.map(nameOf), ["begin 0", "chunk"]);
  await parts.advance(20);
  assertEquals(store.calls.map(nameOf).at(-1), "abandon");
  keeper.startBackground();
  await parts.advance(0);
  assertEquals(store.calls.map(nameOf).slice(3), ["begin 0", "chunk"]);
});

Deno.test("CheckpointKeeper.writeAtRest() ends what is under way in the background first", async () => {
  const { parts, keeper, store } = kept();
  parts.warm(0);
  keeper.startBackground();
  await parts.advance(0);
  let isDone = false;
  const writing = keeper.writeAtRest().then(() => isDone = true);
  await parts.advance(0);
  assertEquals([isDone, store.calls.map(nameOf)], [false, ["begin 0", "chunk"]]);
  await parts.advance(4);
  await writing;
  const calls = ["begin 0", "chunk", "abandon", "begin 0", "chunk", "publish"];
  assertEquals(store.calls.map(nameOf), calls);
  assertEquals(manifest(parts, 0).isExact, true);
  // The engine has stopped: nothing is begun any more.
  keeper.startBackground();
  await parts.advance(10);
  assertEquals(store.calls.length, calls.length);
});

function kept(
  options: { readonly shards?: number; readonly limits?: Partial<EngineLimits> } = {},
): { parts: EngineParts; keeper: CheckpointKeeper; store: RecordingStore } {
  const parts = new EngineParts(options);
  const store = new RecordingStore(parts);
  return { parts, keeper: new CheckpointKeeper(parts.context, store), store };
}

/** What the newest generation of a shard says of itself. */
function manifest({ disk }: EngineParts, shard: number): CheckpointManifest {
  return decodeManifest(disk.generations.get(shard)!.at(-1)!.manifest);
}

function nameOf(call: string): string {
  return call.slice(call.indexOf(":") + 2);
}

/** A store in memory that tells when it was asked for what. */
class RecordingStore implements CheckpointStore {
  readonly calls: string[] = [];
  /** What `begin` throws. */
  bug: Error | null = null;
  /** How long the thread is in `writeChunk`, and how long what that returns takes then. */
  holdsMs = 0;
  waitsMs = 0;
  readonly #parts: EngineParts;
  readonly #inner: MemoryCheckpointStore;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#inner = new MemoryCheckpointStore(parts.disk);
  }

  async begin(shard: number): Promise<CheckpointWriter> {
    this.#tell(`begin ${shard}`);
    if (this.bug !== null) throw this.bug;
    const writer = await this.#inner.begin(shard);
    return {
      writeChunk: (bytes) => {
        this.#tell("chunk");
        const { clock } = this.#parts;
        clock.advance(this.holdsMs);
        const waits = new Promise<void>((resolve) => clock.wakeAfter(this.waitsMs, resolve));
        return this.waitsMs === 0
          ? writer.writeChunk(bytes)
          : waits.then(() => writer.writeChunk(bytes));
      },
      publish: (manifest) => {
        this.#tell("publish");
        return writer.publish(manifest);
      },
      abandon: () => {
        this.#tell("abandon");
        return writer.abandon();
      },
    };
  }

  read(shard: number): Promise<CheckpointReader | null> {
    return this.#inner.read(shard);
  }

  warnings(): Promise<readonly string[]> {
    return this.#inner.warnings();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #tell(call: string): void {
    this.calls.push(`${this.#parts.clock.monotonicMs()} ms: ${call}`);
  }
}
