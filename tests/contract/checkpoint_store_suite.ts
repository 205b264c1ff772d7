import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  CHECKPOINT_CHUNK_BYTES_MAX,
  type CheckpointStore,
  CheckpointStoreError,
} from "../../lib/ports/checkpoint_store.ts";

/** A disk of one implementation, and the stores on it. */
export interface CheckpointStoreFixture {
  /** Opens the store on what the last one left. */
  open(): Promise<CheckpointStore>;
  /** Ends the store as `kill -9` would; `open` finds what that leaves. */
  crash(store: CheckpointStore): Promise<void>;
  dispose(): Promise<void>;
}

/** What every implementation of the port does, whatever it is made of. */
export function checkpointStoreSuite(
  name: string,
  makeFixture: () => Promise<CheckpointStoreFixture>,
): void {
  function test(sentence: string, body: (fixture: CheckpointStoreFixture) => Promise<void>): void {
    Deno.test(`${name} ${sentence}`, async () => {
      const fixture = await makeFixture();
      try {
        await body(fixture);
      } finally {
        await fixture.dispose();
      }
    });
  }

  test("has no checkpoint of a shard that never wrote one", async (fixture) => {
    const store = await fixture.open();
    assertEquals(await store.read(0), null);
    assertEquals(await store.read(4_000), null);
    assertEquals(await store.warnings(), []);
    await store.close();
  });

  test("reads back manifest and chunks of every size in order", async (fixture) => {
    const store = await fixture.open();
    const sizes = [0, 1, 3, 255, 59_999, CHECKPOINT_CHUNK_BYTES_MAX, 17];
    for (let i = 0; i < 40; i++) sizes.push(CHECKPOINT_CHUNK_BYTES_MAX - i);
    await write(store, 3, 7, sizes);
    assertEquals(await readAll(store, 3), expectedOf(7, sizes));
    await store.close();
    const reopened = await fixture.open();
    assertEquals(await readAll(reopened, 3), expectedOf(7, sizes));
    assertEquals(await reopened.warnings(), []);
    await reopened.close();
  });

  test("keeps a checkpoint without chunks and one with an empty manifest", async (fixture) => {
    const store = await fixture.open();
    await write(store, 0, 5, []);
    assertEquals(await readAll(store, 0), expectedOf(5, []));
    const writer = await store.begin(1);
    await writer.publish(new Uint8Array(0));
    const reader = await store.read(1);
    assertEquals(reader?.manifest.length, 0);
    assertEquals(reader?.chunkCount, 0);
    await store.close();
  });

  test("stores the bytes of a view and not those around it", async (fixture) => {
    const store = await fixture.open();
    const around = patternOf(9, 1_000);
    const writer = await store.begin(0);
    await writer.writeChunk(around.slice().subarray(100, 200));
    await writer.publish(patternOf(1, 10).subarray(2, 6));
    const [manifest, chunks] = await readAll(store, 0);
    assertEquals(manifest, patternOf(1, 10).slice(2, 6));
    assertEquals(chunks, [around.slice(100, 200)]);
    await store.close();
  });

  test("keeps the order of chunks that are handed in without waiting", async (fixture) => {
    const store = await fixture.open();
    const writer = await store.begin(0);
    const sizes = Array.from({ length: 70 }, (_, i) => 30_000 + i);
    await Promise.all(sizes.map((size, i) => writer.writeChunk(patternOf(2 + i, size))));
    await writer.publish(patternOf(2, 64));
    assertEquals(await readAll(store, 0), expectedOf(2, sizes));
    await store.close();
  });

  test("takes thousands of chunks of a few bytes", async (fixture) => {
    const store = await fixture.open();
    const sizes = Array.from({ length: 2_500 }, (_, i) => i % 5);
    await write(store, 0, 1, sizes);
    assertEquals(await readAll(store, 0), expectedOf(1, sizes));
    await store.close();
  });

  test("reads the previous generation until the next one is published", async (fixture) => {
    const store = await fixture.open();
    await write(store, 0, 1, [10, 20]);
    const writer = await store.begin(0);
    for (let i = 0; i < 30; i++) await writer.writeChunk(patternOf(50 + i, 50_000));
    assertEquals(await readAll(store, 0), expectedOf(1, [10, 20]));
    await writer.publish(patternOf(50, 64));
    assertEquals((await readAll(store, 0))[0], patternOf(50, 64));
    await store.close();
  });

  test("keeps shards apart that are written at the same time", async (fixture) => {
    const store = await fixture.open();
    const shards = Array.from({ length: 8 }, (_, shard) => shard);
    await Promise.all(shards.map((shard) => write(store, shard, 10 + shard, sizesOf(shard))));
    const found = await Promise.all(shards.map((shard) => readAll(store, shard)));
    assertEquals(found, shards.map((shard) => expectedOf(10 + shard, sizesOf(shard))));
    await store.close();
  });

  test("reads the newest of many generations, also after opening again", async (fixture) => {
    const store = await fixture.open();
    for (let generation = 0; generation < 6; generation++) {
      await write(store, 2, generation, [100 + generation]);
      assertEquals(await readAll(store, 2), expectedOf(generation, [100 + generation]));
    }
    await store.close();
    const reopened = await fixture.open();
    assertEquals(await readAll(reopened, 2), expectedOf(5, [105]));
    await write(reopened, 2, 6, [1]);
    assertEquals(await readAll(reopened, 2), expectedOf(6, [1]));
    await reopened.close();
  });

  test("drops what was abandoned and goes on", async (fixture) => {
    const store = await fixture.open();
    await write(store, 0, 1, [10]);
    const writer = await store.begin(0);
    await writer.writeChunk(patternOf(9, 100));
    await writer.abandon();
    await writer.abandon();
    assertEquals(await readAll(store, 0), expectedOf(1, [10]));
    await write(store, 0, 2, [20]);
    assertEquals(await readAll(store, 0), expectedOf(2, [20]));
    await store.close();
  });

  test("refuses an abandoned generation", async (fixture) => {
    const store = await fixture.open();
    const writer = await store.begin(0);
    await writer.abandon();
    await assertRejects(() => writer.publish(patternOf(9, 64)), CheckpointStoreError);
    assertEquals(await store.read(0), null);
    await store.close();
  });

  test("lets a new generation take the place of an unfinished one", async (fixture) => {
    const store = await fixture.open();
    const first = await store.begin(0);
    await first.writeChunk(patternOf(9, 100));
    await write(store, 0, 2, [20, 21]);
    await assertRejects(() => first.publish(patternOf(9, 64)), CheckpointStoreError);
    assertEquals(await readAll(store, 0), expectedOf(2, [20, 21]));
    await store.close();
  });

  test("refuses chunks and manifests that are too large, and stays usable", async (fixture) => {
    const store = await fixture.open();
    const tooLarge = () => new Uint8Array(CHECKPOINT_CHUNK_BYTES_MAX + 1);
    const writer = await store.begin(0);
    const error = await assertRejects(() => writer.writeChunk(tooLarge()), CheckpointStoreError);
    assertEquals([error.code, error.retryable], ["other", false]);
    await assertRejects(() => writer.publish(tooLarge()), CheckpointStoreError);
    await writer.abandon();
    await write(store, 0, 2, [20]);
    assertEquals(await readAll(store, 0), expectedOf(2, [20]));
    await store.close();
  });

  test("can be read twice, and iterated again after a pass that stopped early", async (fixture) => {
    const store = await fixture.open();
    const sizes = Array.from({ length: 100 }, () => 50_000);
    await write(store, 0, 1, sizes);
    const reader = (await store.read(0))!;
    for await (const chunk of reader.chunks()) {
      assertEquals(chunk, patternOf(1, 50_000));
      break;
    }
    let count = 0;
    for await (const _ of reader.chunks()) count++;
    assertEquals(count, 100);
    assertEquals(await readAll(store, 0), expectedOf(1, sizes));
    await store.close();
  });

  test("gives bytes away that are the caller's to change", async (fixture) => {
    const store = await fixture.open();
    await write(store, 0, 1, [100]);
    const [manifest, chunks] = await readAll(store, 0);
    manifest.fill(0);
    chunks[0]!.fill(0);
    assertEquals(await readAll(store, 0), expectedOf(1, [100]));
    await store.close();
  });

  test("finds the previous generation after a crash before the publish", async (fixture) => {
    const store = await fixture.open();
    await write(store, 0, 1, [10, 11]);
    const writer = await store.begin(0);
    // More than a commit's worth, so that some of it is on the disk.
    for (let i = 0; i < 40; i++) await writer.writeChunk(patternOf(50, 50_000));
    await fixture.crash(store);
    const reopened = await fixture.open();
    assertEquals(await readAll(reopened, 0), expectedOf(1, [10, 11]));
    assertEquals(await reopened.warnings(), []);
    await write(reopened, 0, 2, [20]);
    assertEquals(await readAll(reopened, 0), expectedOf(2, [20]));
    await reopened.close();
  });

  test("finds the new generation after a crash right after the publish", async (fixture) => {
    const store = await fixture.open();
    await write(store, 0, 1, [10, 11]);
    await write(store, 0, 2, sizesOf(3));
    await fixture.crash(store);
    const reopened = await fixture.open();
    assertEquals(await readAll(reopened, 0), expectedOf(2, sizesOf(3)));
    await reopened.close();
  });

  test("finds nothing after a crash in the first generation of all", async (fixture) => {
    const store = await fixture.open();
    const writer = await store.begin(0);
    await writer.writeChunk(patternOf(1, 100));
    await fixture.crash(store);
    const reopened = await fixture.open();
    assertEquals(await reopened.read(0), null);
    await reopened.close();
  });

  test("refuses everything once it is closed, and may be closed twice", async (fixture) => {
    const store = await fixture.open();
    await store.close();
    for (const call of [() => store.begin(0), () => store.read(0)]) {
      assertInstanceOf(await assertRejects(call), CheckpointStoreError);
    }
    await store.close();
  });
}

/** Bytes that tell chunks, generations and places within them apart. */
export function patternOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed * 31 + i * 7 + (i >> 8);
  return bytes;
}

/** Writes and publishes a generation with chunks of these sizes. */
export async function write(
  store: CheckpointStore,
  shard: number,
  seed: number,
  sizes: readonly number[],
): Promise<void> {
  const writer = await store.begin(shard);
  for (const [i, size] of sizes.entries()) await writer.writeChunk(patternOf(seed + i, size));
  await writer.publish(patternOf(seed, 64));
}

/** What `readAll` answers after `write`. */
export function expectedOf(seed: number, sizes: readonly number[]): [Uint8Array, Uint8Array[]] {
  return [patternOf(seed, 64), sizes.map((size, i) => patternOf(seed + i, size))];
}

export async function readAll(
  store: CheckpointStore,
  shard: number,
): Promise<[Uint8Array, Uint8Array[]]> {
  const reader = await store.read(shard);
  if (reader === null) throw new Error(`shard ${shard} has no checkpoint`);
  const chunks: Uint8Array[] = [];
  // Copies: a chunk may be a view into a larger buffer, which is no equal of a plain one.
  for await (const chunk of reader.chunks()) chunks.push(chunk.slice());
  assertEquals(chunks.length, reader.chunkCount);
  return [reader.manifest.slice(), chunks];
}

function sizesOf(shard: number): number[] {
  return Array.from({ length: 20 + shard }, (_, i) => 40_000 + shard * 10 + i);
}
