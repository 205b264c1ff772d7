import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { KvCheckpointStore } from "../../../lib/adapters/kv/kv_checkpoint_store.ts";
import { expectedOf, readAll, write } from "../../contract/checkpoint_store_suite.ts";

const SIZES = Array.from({ length: 30 }, () => 50_000);
/** SQLite's schema format, 1 to 4, in the header of the file. */
const FORMAT_NUMBER_AT = 44;
const WRITE_VERSION_AT = 18;
const PAGE_BYTES = 32_768;
/** SQLite's file format, section 1.6. */
const INDEX_LEAF_PAGE = 10;
const INDEX_INNER_PAGE = 2;

/** Runs `body` with a state directory and the path of the file in it. */
function test(
  sentence: string,
  body: (directory: string, path: string) => Promise<void>,
): void {
  Deno.test(`A checkpoint file ${sentence}`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "damaged_file_" });
    try {
      await body(directory, `${directory}/sessionwheel.kv`);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

async function fill(directory: string): Promise<void> {
  const store = await KvCheckpointStore.open(directory);
  await write(store, 0, 1, SIZES);
  await store.close();
}

/** The store is empty, says why in one sentence, and works. */
async function assertBegunAnew(directory: string, warning: RegExp): Promise<void> {
  const store = await KvCheckpointStore.open(directory);
  try {
    assertEquals(await store.read(0), null);
    const warnings = await store.warnings();
    assertEquals(warnings.length, 1, warnings.join("; "));
    assertMatch(warnings[0]!, warning);
    await write(store, 0, 2, SIZES);
    assertEquals(await readAll(store, 0), expectedOf(2, SIZES));
  } finally {
    await store.close();
  }
  const reopened = await KvCheckpointStore.open(directory);
  assertEquals(await readAll(reopened, 0), expectedOf(2, SIZES));
  assertEquals(await reopened.warnings(), []);
  await reopened.close();
}

async function overwrite(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await Deno.open(path, { write: true });
  await file.seek(offset, Deno.SeekMode.Start);
  await file.write(bytes);
  file.close();
}

/** Where the first page of a table or index begins in the file. */
function rootPageAt(path: string, name: string): number {
  using database = new DatabaseSync(path);
  const [row] = database.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?").all(name);
  return (Number(row!["rootpage"]) - 1) * PAGE_BYTES;
}

/** Changes the last byte of each entry on the one page of an index. */
async function harmIndex(path: string, name: string): Promise<void> {
  const pageAt = rootPageAt(path, name);
  const bytes = await Deno.readFile(path);
  const view = new DataView(bytes.buffer, pageAt, PAGE_BYTES);
  assertEquals(view.getUint8(0), INDEX_LEAF_PAGE);
  for (let cell = 0; cell < view.getUint16(3); cell++) {
    const at = view.getUint16(8 + 2 * cell);
    // The length of what follows, below 128, is one byte.
    const last = at + view.getUint8(at);
    view.setUint8(last, view.getUint8(last) ^ 1);
  }
  await Deno.writeFile(path, bytes);
}

test("that was cut off is put aside whole, and a new one is begun", async (directory, path) => {
  await fill(directory);
  await Deno.truncate(path, Math.floor((await Deno.stat(path)).size / 3));
  const before = await Deno.readFile(path);
  await assertBegunAnew(directory, /is damaged \(.+\); it was put aside as .+\.damaged-1 and/);
  assertEquals(await Deno.readFile(`${path}.damaged-1`), before);
});

for (const page of [1, 3, 4]) {
  test(`with noise in page ${page} is put aside`, async (directory, path) => {
    await fill(directory);
    const noise = new Uint8Array(PAGE_BYTES);
    for (let i = 0; i < noise.length; i++) noise[i] = i * 37 + (i >> 7);
    await overwrite(path, page * PAGE_BYTES, noise);
    await assertBegunAnew(directory, /is damaged \(/);
  });
}

test("whose index knows other rows than the table is put aside", async (directory, path) => {
  await fill(directory);
  await harmIndex(path, "kv_expiration_ms_idx");
  // SQLite would find out when such a row is deleted: no checkpoint could be published any more.
  await assertBegunAnew(directory, /is damaged \(row \d+ missing from index/);
});

// Deno KV looks for messages when it opens a file, and ends the process when it cannot. SQLite's
// check finds nothing wrong with either of these two.
test("whose empty index claims to be an inner page is put aside", async (directory, path) => {
  await fill(directory);
  const pageAt = rootPageAt(path, "sqlite_autoindex_queue_running_1");
  await overwrite(path, pageAt, Uint8Array.of(INDEX_INNER_PAGE));
  await assertBegunAnew(directory, /is damaged \(database disk image is malformed\)/);
});

test("with a letter of a table's name changed is put aside", async (directory, path) => {
  await fill(directory);
  const bytes = await Deno.readFile(path);
  const name = new TextEncoder().encode("queue_running");
  for (let at = 0; at < PAGE_BYTES; at++) {
    if (name.every((byte, i) => bytes[at + i] === byte)) bytes[at + name.length - 1] = 0x66;
  }
  await Deno.writeFile(path, bytes);
  await assertBegunAnew(directory, /is damaged \(no such table: queue_running\)/);
});

test("with a value of an encoding that nobody knows is put aside", async (directory, path) => {
  await fill(directory);
  const database = new DatabaseSync(path);
  database.exec("UPDATE kv SET v_encoding = 66 WHERE instr(k, 'manifest') > 0");
  database.close();
  await assertBegunAnew(directory, /is damaged \(.*encoding 66 is unknown/);
});

for (const table of ["migration_state", "data_version"]) {
  test(`whose table ${table} is empty is put aside`, async (directory, path) => {
    await fill(directory);
    const database = new DatabaseSync(path);
    database.exec(`DELETE FROM ${table}`);
    database.close();
    await assertBegunAnew(directory, /is damaged \(the version of its (tables|data) is gone\)/);
  });
}

test("whose first page is lost is put aside", async (directory, path) => {
  await fill(directory);
  await overwrite(path, 0, new Uint8Array(PAGE_BYTES));
  await assertBegunAnew(directory, /file is not a database/);
});

test("whose format number is wrong is put aside", async (directory, path) => {
  await fill(directory);
  await overwrite(path, FORMAT_NUMBER_AT, Uint8Array.of(0, 0, 0, 76));
  await assertBegunAnew(directory, /unsupported file format/);
});

test("that may only be read, by its header, is put aside", async (directory, path) => {
  await fill(directory);
  await overwrite(path, WRITE_VERSION_AT, Uint8Array.of(66));
  await assertBegunAnew(directory, /is damaged \(write version 66\)/);
});

test("that is a text is put aside", async (directory, path) => {
  await Deno.writeTextFile(path, "not a database\n".repeat(1_000));
  await assertBegunAnew(directory, /file is not a database/);
});

test("that is empty is begun without a word", async (directory, path) => {
  await Deno.writeFile(path, new Uint8Array(0));
  const store = await KvCheckpointStore.open(directory);
  assertEquals(await store.warnings(), []);
  await write(store, 0, 2, SIZES);
  assertEquals(await readAll(store, 0), expectedOf(2, SIZES));
  await store.close();
});

test("of another SQLite program is put aside as it is", async (directory, path) => {
  const theirs = new DatabaseSync(path);
  theirs.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')");
  theirs.close();
  const before = await Deno.readFile(path);
  await assertBegunAnew(directory, /is a database of another program; .+\.foreign-1 and/);
  assertEquals(await Deno.readFile(`${path}.foreign-1`), before);
});

test("of another Deno KV program is put aside", async (directory, path) => {
  const theirs = await Deno.openKv(path);
  await theirs.set(["users", 1], "mine");
  theirs.close();
  await assertBegunAnew(directory, /is a Deno KV file of another program; .+\.foreign-1 and/);
  const aside = await Deno.openKv(`${path}.foreign-1`);
  assertEquals((await aside.get(["users", 1])).value, "mine");
  aside.close();
});

test("of a Deno KV program with queues is put aside", async (directory, path) => {
  const theirs = await Deno.openKv(path);
  await theirs.enqueue("mine", { delay: 60_000 });
  theirs.close();
  await assertBegunAnew(directory, /is a Deno KV file with queues .+\.foreign-1 and/);
});

test("of a later version is put aside, naming both versions", async (directory, path) => {
  await fill(directory);
  const kv = await Deno.openKv(path);
  await kv.set(["format"], 7);
  kv.close();
  await assertBegunAnew(directory, /has format 7, this program writes 1; it was put aside/);
});

test("is kept three times when it is damaged, a foreign one for ever", async (directory, path) => {
  await Deno.writeTextFile(`${path}.foreign-1`, "theirs");
  for (let i = 1; i <= 5; i++) {
    await Deno.writeTextFile(path, `damaged ${i} `.repeat(1_000));
    const store = await KvCheckpointStore.open(directory);
    assertStringIncludes((await store.warnings())[0]!, `.damaged-${i} `);
    await store.close();
  }
  const names = new Set<string>();
  for await (const { name } of Deno.readDir(directory)) names.add(name);
  for (const kept of ["damaged-3", "damaged-4", "damaged-5", "foreign-1"]) {
    assert(names.has(`sessionwheel.kv.${kept}`), kept);
  }
  for (const gone of ["damaged-1", "damaged-2"]) {
    assertFalse(names.has(`sessionwheel.kv.${gone}`), gone);
  }
});
