import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { KvCheckpointStore } from "../../../lib/adapters/kv/kv_checkpoint_store.ts";
import { KvCheckpointReader } from "../../../lib/adapters/kv/kv_checkpoint_reader.ts";
import { CheckpointStoreError } from "../../../lib/ports/checkpoint_store.ts";
import { expectedOf, readAll, write } from "../../contract/checkpoint_store_suite.ts";

const SIZES = [60_000, 100, 40_000];

/** Runs `body` with the path of a state directory that is not there yet. */
function test(sentence: string, body: (directory: string) => Promise<void>): void {
  Deno.test(`KvCheckpointStore ${sentence}`, async () => {
    const root = await Deno.makeTempDir({ prefix: "kv_checkpoint_store_" });
    try {
      await body(`${root}/state/node-1`);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

/** Writes these generations of shard 0, and one of shard 1. */
async function fill(directory: string, seeds: readonly number[]): Promise<void> {
  const store = await KvCheckpointStore.open(directory);
  for (const seed of seeds) await write(store, 0, seed, SIZES);
  await write(store, 1, 99, SIZES);
  await store.close();
}

/** Opens the Deno KV file itself, while no store has it. */
async function withKv<T>(directory: string, body: (kv: Deno.Kv) => Promise<T>): Promise<T> {
  const kv = await Deno.openKv(`${directory}/sessionwheel.kv`);
  try {
    return await body(kv);
  } finally {
    kv.close();
  }
}

function keysOf(directory: string): Promise<string[]> {
  return withKv(directory, async (kv) => {
    const keys: string[] = [];
    for await (const { key } of kv.list({ prefix: [] })) keys.push(key.join("/"));
    return keys;
  });
}

async function filesOf(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory)) names.push(name);
  return names.sort();
}

test("makes the directory, with those above it", async (directory) => {
  const store = await KvCheckpointStore.open(directory);
  await store.close();
  assertEquals(await filesOf(directory), ["lock", "lock.pid", "sessionwheel.kv"]);
});

test("keeps two generations and deletes what came before them", async (directory) => {
  await fill(directory, [1, 2, 3, 4]);
  assertEquals(await keysOf(directory), [
    ...[3, 4].flatMap((generation) => [0, 1, 2].map((index) => `chunk/0/${generation}/${index}`)),
    ...[0, 1, 2].map((index) => `chunk/1/1/${index}`),
    "format",
    "manifest/0/3",
    "manifest/0/4",
    "manifest/1/1",
  ]);
});

test("deletes at the next opening what a crash left half written", async (directory) => {
  await fill(directory, [1]);
  const store = await KvCheckpointStore.open(directory);
  const writer = await store.begin(0);
  // At least two commits are on the disk then, and they take more than one slice of deletions.
  for (let i = 0; i < 900; i++) await writer.writeChunk(new Uint8Array(3_000));
  const copy = `${directory}-copy`;
  await Deno.mkdir(copy);
  // Not the lock: to close a copy of it would free it.
  for (const name of (await filesOf(directory)).filter((name) => name.includes(".kv"))) {
    await Deno.copyFile(`${directory}/${name}`, `${copy}/${name}`);
  }
  await store.close();
  const left = await keysOf(copy);
  assert(left.filter((key) => key.startsWith("chunk/0/2/")).length > 250, "a lot was left");
  assert(left.includes("unpublished/0/2"));

  const reopened = await KvCheckpointStore.open(copy);
  assertEquals(await readAll(reopened, 0), expectedOf(1, SIZES));
  assertEquals(await reopened.warnings(), []);
  await reopened.close();
  const cleaned = await keysOf(copy);
  assertEquals(cleaned.filter((key) => /^(chunk|manifest|unpublished)\/0\/2/.test(key)), []);
  assertEquals(cleaned.filter((key) => key.startsWith("chunk/0/")).length, SIZES.length);
});

test("never gives a generation number out twice", async (directory) => {
  await fill(directory, [1, 2]);
  const store = await KvCheckpointStore.open(directory);
  await (await store.begin(0)).abandon();
  await write(store, 0, 3, SIZES);
  await store.close();
  assertEquals((await keysOf(directory)).filter((key) => key.startsWith("manifest/0/")), [
    "manifest/0/2",
    "manifest/0/4",
  ]);
});

const DAMAGES: Record<string, (kv: Deno.Kv) => Promise<void>> = {
  "a flipped bit in the payload": (kv) => flip(kv, ["chunk", 0, 2, 1], 70, 0x10),
  "a flipped bit in the checksum": (kv) => flip(kv, ["chunk", 0, 2, 1], 0, 0x80),
  "a flipped bit in the name": (kv) => flip(kv, ["chunk", 0, 2, 1], 15, 0x01),
  "a value cut short": async (kv) => {
    const { value } = await kv.get<Uint8Array>(["chunk", 0, 2, 1]);
    await kv.set(["chunk", 0, 2, 1], value!.slice(0, 50));
  },
  "a value of another kind": async (kv) => {
    await kv.set(["chunk", 0, 2, 1], "text");
  },
  "a whole value under another key": async (kv) => {
    await kv.set(["chunk", 0, 2, 1], (await kv.get(["chunk", 0, 2, 0])).value);
  },
  "a whole value of another generation": async (kv) => {
    await kv.set(["chunk", 0, 2, 1], (await kv.get(["chunk", 0, 1, 1])).value);
  },
  "a chunk missing in the middle": (kv) => kv.delete(["chunk", 0, 2, 1]),
  "a chunk missing at the end": (kv) => kv.delete(["chunk", 0, 2, 2]),
  "a chunk too many": async (kv) => {
    await kv.set(["chunk", 0, 2, 3], (await kv.get(["chunk", 0, 2, 2])).value);
  },
};

for (const [damage, inflict] of Object.entries(DAMAGES)) {
  test(`reports ${damage} and reads the generation before`, async (directory) => {
    await fill(directory, [1, 2]);
    await withKv(directory, inflict);
    const store = await KvCheckpointStore.open(directory);
    const error = await assertRejects(() => readAll(store, 0), CheckpointStoreError);
    assertEquals([error.code, error.retryable], ["damaged", false]);
    const warnings = await store.warnings();
    assertEquals(warnings.length, 1);
    assertMatch(warnings[0]!, /^The checkpoint of shard 0, generation 2, was dropped: .*chunk/);
    assertEquals(await readAll(store, 0), expectedOf(1, SIZES));
    assertEquals(await readAll(store, 1), expectedOf(99, SIZES));
    await store.close();

    const reopened = await KvCheckpointStore.open(directory);
    assertEquals(await readAll(reopened, 0), expectedOf(1, SIZES));
    assertEquals(await reopened.warnings(), []);
    await reopened.close();
    assertEquals((await keysOf(directory)).filter((key) => key.includes("/0/2")), []);
  });
}

test("passes over a damaged manifest", async (directory) => {
  await fill(directory, [1, 2]);
  await withKv(directory, (kv) => flip(kv, ["manifest", 0, 2], 30, 0x04));
  const store = await KvCheckpointStore.open(directory);
  assertEquals(await readAll(store, 0), expectedOf(1, SIZES));
  assertMatch((await store.warnings())[0]!, /shard 0, generation 2, .*manifest is damaged$/);
  await store.close();
});

test("has no checkpoint when both generations are damaged", async (directory) => {
  await fill(directory, [1, 2]);
  await withKv(directory, async (kv) => {
    await flip(kv, ["manifest", 0, 1], 30, 0x04);
    await flip(kv, ["manifest", 0, 2], 30, 0x04);
  });
  const store = await KvCheckpointStore.open(directory);
  assertEquals(await store.read(0), null);
  assertEquals((await store.warnings()).length, 2);
  await write(store, 0, 3, SIZES);
  assertEquals(await readAll(store, 0), expectedOf(3, SIZES));
  await store.close();
});

Deno.test("KvCheckpointReader tells a generation that was replaced from a damaged one", async () => {
  const kv = await Deno.openKv(":memory:");
  const dropped: string[] = [];
  const readerOf = (isKept: boolean) =>
    new KvCheckpointReader(kv, 0, 1, new Uint8Array(0), 3, {
      isKept: () => isKept,
      dropDamaged: (what) => Promise.resolve(void dropped.push(what)),
    });
  const read = async (reader: KvCheckpointReader) => {
    for await (const _ of reader.chunks());
  };
  const overtaken = await assertRejects(() => read(readerOf(false)), CheckpointStoreError);
  assertEquals([overtaken.code, overtaken.retryable, dropped], ["other", true, []]);
  const damaged = await assertRejects(() => read(readerOf(true)), CheckpointStoreError);
  assertEquals([damaged.code, dropped], ["damaged", ["it has 0 of 3 chunks"]]);
  kv.close();
});

async function flip(kv: Deno.Kv, key: Deno.KvKey, at: number, mask: number): Promise<void> {
  const { value } = await kv.get<Uint8Array>(key);
  value![at]! ^= mask;
  await kv.set(key, value);
}

test("does not share its directory inside one process", async (directory) => {
  const store = await KvCheckpointStore.open(directory);
  await write(store, 0, 1, SIZES);
  const error = await assertRejects(() => KvCheckpointStore.open(directory), CheckpointStoreError);
  assertEquals([error.code, error.retryable], ["locked", true]);
  assertStringIncludes(error.message, `${directory}: process ${Deno.pid} holds it`);
  assertEquals(await readAll(store, 0), expectedOf(1, SIZES));
  await store.close();
  await (await KvCheckpointStore.open(directory)).close();
});

test("is not kept out by the lock that a dead process left", async (directory) => {
  await (await KvCheckpointStore.open(directory)).close();
  await Deno.writeTextFile(`${directory}/lock.pid`, "4194303\n");
  const store = await KvCheckpointStore.open(directory);
  assertEquals(await Deno.readTextFile(`${directory}/lock.pid`), `${Deno.pid}\n`);
  await store.close();
});

test("refuses a lock file that is something else, and names it", async (directory) => {
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/lock`, "somebody's own idea of a lock ".repeat(50));
  const error = await assertRejects(() => KvCheckpointStore.open(directory), CheckpointStoreError);
  assertEquals(error.code, "damaged");
  assertStringIncludes(error.message, `${directory}: file is not a database`);
});

test("waits for no process that was killed, and refuses one that lives", async (directory) => {
  const module = new URL("../../../lib/adapters/kv/kv_checkpoint_store.ts", import.meta.url).href;
  // `eval` of the sources as they are: no type check, no network.
  const program = `
    const { KvCheckpointStore } = await import(${JSON.stringify(module)});
    await KvCheckpointStore.open(${JSON.stringify(directory)});
    console.log("open");
    setInterval(() => {}, 1_000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--unstable-kv", "--no-check", program],
    cwd: new URL("../../..", import.meta.url),
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  try {
    assertEquals(new TextDecoder().decode((await output.read()).value).trim(), "open");
    const error = await assertRejects(
      () => KvCheckpointStore.open(directory),
      CheckpointStoreError,
    );
    assertEquals(error.code, "locked");
    assertStringIncludes(error.message, `process ${child.pid} holds it`);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
  }
  await (await KvCheckpointStore.open(directory)).close();
});

test("says so when the directory is a file", async (directory) => {
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/file`, "");
  const error = await assertRejects(
    () => KvCheckpointStore.open(`${directory}/file`),
    CheckpointStoreError,
  );
  assertEquals(error.code, "other");
  assertStringIncludes(error.message, `${directory}/file`);
});
