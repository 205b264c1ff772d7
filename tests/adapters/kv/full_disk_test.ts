import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { KvCheckpointStore } from "../../../lib/adapters/kv/kv_checkpoint_store.ts";
import { CheckpointStoreError } from "../../../lib/ports/checkpoint_store.ts";
import { expectedOf, patternOf, readAll, write } from "../../contract/checkpoint_store_suite.ts";

const MIB = 1024 * 1024;
const SIZES = [60_000, 100, 40_000];

/** Runs a command and says whether it went well. */
async function run(command: string, ...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(command, { args, stderr: "null" }).output();
  return success;
}

/** Whether this user may make file systems of a few megabytes. */
async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const directory = await Deno.makeTempDir();
  const isMounted = await run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory);
  if (isMounted) await run("umount", directory);
  await Deno.remove(directory);
  return isMounted;
}

const ignore = !(await canMount());

function test(sentence: string, body: (directory: string) => Promise<void>): void {
  Deno.test({
    name: `KvCheckpointStore ${sentence}`,
    ignore,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "full_disk_" });
      assert(await run("mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", directory));
      try {
        await body(directory);
      } finally {
        // Lazily: a test that failed may have left a file open, and shall say so itself.
        assert(await run("umount", "-l", directory));
        await Deno.remove(directory);
      }
    },
  });
}

async function writeUntilRefused(store: KvCheckpointStore): Promise<CheckpointStoreError> {
  const writer = await store.begin(0);
  const error = await assertRejects(async () => {
    for (let i = 0; i < 5_000; i++) await writer.writeChunk(patternOf(i, 60_000));
  }, CheckpointStoreError);
  await assertRejects(() => writer.publish(patternOf(1, 10)), CheckpointStoreError);
  await writer.abandon();
  return error;
}

async function fillDisk(path: string): Promise<void> {
  const ballast = await Deno.open(path, { write: true, create: true });
  for (const bytes of [MIB, 4_096]) {
    await assertRejects(async () => {
      for (;;) await ballast.write(new Uint8Array(bytes));
    });
  }
  ballast.close();
}

async function assertWrites(directory: string, before: number): Promise<void> {
  const store = await KvCheckpointStore.open(directory, { diskReserveBytes: MIB });
  assertEquals(await readAll(store, 0), expectedOf(before, SIZES));
  await write(store, 0, before + 1, SIZES);
  assertEquals(await readAll(store, 0), expectedOf(before + 1, SIZES));
  await store.close();
}

test("leaves the last of the disk to others, and goes on by itself", async (directory) => {
  const store = await KvCheckpointStore.open(directory, { diskReserveBytes: 64 * MIB });
  await write(store, 0, 1, SIZES);
  const error = await writeUntilRefused(store);
  assertEquals([error.code, error.retryable], ["disk_full", true]);
  assertMatch(error.message, / has \d+ MiB free, and the last 64 MiB are not taken$/);
  assertEquals(await readAll(store, 0), expectedOf(1, SIZES));
  await store.close();

  // The file kept its size, so the disk is as full as before; the room is inside it.
  const reopened = await KvCheckpointStore.open(directory, { diskReserveBytes: 64 * MIB });
  assertEquals(await readAll(reopened, 0), expectedOf(1, SIZES));
  for (const seed of [2, 3, 4]) await write(reopened, 0, seed, SIZES);
  assertEquals(await readAll(reopened, 0), expectedOf(4, SIZES));
  await reopened.close();
});

test("reports a disk that others filled, and recovers when there is room", async (directory) => {
  const store = await KvCheckpointStore.open(directory, { diskReserveBytes: 0 });
  await write(store, 0, 1, SIZES);
  await fillDisk(`${directory}/ballast`);
  const error = await assertRejects(() => write(store, 0, 2, SIZES), CheckpointStoreError);
  assertEquals([error.code, error.retryable], ["disk_full", true]);
  assertEquals(await readAll(store, 0), expectedOf(1, SIZES));
  await Deno.remove(`${directory}/ballast`);
  await write(store, 0, 2, SIZES);
  await store.close();
  await assertWrites(directory, 2);
});

test("reports a disk that is full from the start", async (directory) => {
  await fillDisk(`${directory}/ballast`);
  const failure = await assertRejects(
    () => KvCheckpointStore.open(directory),
    CheckpointStoreError,
  );
  assertEquals([failure.code, failure.retryable], ["disk_full", true]);
  await Deno.remove(`${directory}/ballast`);
  const store = await KvCheckpointStore.open(directory, { diskReserveBytes: MIB });
  await write(store, 0, 1, SIZES);
  await store.close();
  await assertWrites(directory, 1);
});

test("reports a file system that is read-only", async (directory) => {
  const store = await KvCheckpointStore.open(directory, { diskReserveBytes: MIB });
  await write(store, 0, 1, SIZES);
  await store.close();
  assert(await run("mount", "-o", "remount,ro", directory));
  const failure = await assertRejects(
    () => KvCheckpointStore.open(directory),
    CheckpointStoreError,
  );
  assertEquals([failure.code, failure.retryable], ["read_only", false]);
  assert(await run("mount", "-o", "remount,rw", directory));
  const reopened = await KvCheckpointStore.open(directory);
  assertEquals(await readAll(reopened, 0), expectedOf(1, SIZES));
  await reopened.close();
});

Deno.test({
  name: "KvCheckpointStore reports a directory that it may not write",
  ignore: Deno.build.os === "windows" || (Deno.uid() === 0 && Deno.build.os !== "linux"),
  fn: async () => {
    // Root may write everywhere, but not into the kernel's own tree.
    if (Deno.uid() === 0) return await assertReadOnly("/sys");
    const directory = await Deno.makeTempDir({ prefix: "read_only_" });
    await Deno.chmod(directory, 0o555);
    try {
      await assertReadOnly(directory);
    } finally {
      await Deno.remove(directory);
    }
  },
});

async function assertReadOnly(directory: string): Promise<void> {
  const failure = await assertRejects(
    () => KvCheckpointStore.open(directory),
    CheckpointStoreError,
  );
  assertEquals([failure.code, failure.retryable], ["read_only", false]);
}
