/**
 * Bytes flipped in every 4 KiB of a checkpoint file, one place after the other: the unit in which
 * disks and file systems lose data. What is loaded afterwards is what was written, to the byte, or
 * nothing, and then the store says why.
 *
 * `SESSIONWHEEL_PAGE_FLIPS=N` harms each place N times, each time another way; the seed is printed
 * with a failure.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { KvCheckpointStore } from "../../../lib/adapters/kv/kv_checkpoint_store.ts";
import { type CheckpointStore, CheckpointStoreError } from "../../../lib/ports/checkpoint_store.ts";
import { expectedOf, readAll, write } from "../../contract/checkpoint_store_suite.ts";
import { Random } from "../../support/random.ts";
import { say } from "../../../tools/say.ts";

const PLACE_BYTES = 4096;
const SECTOR_BYTES = 512;
const FLIPS_A_PLACE = Number(Deno.env.get("SESSIONWHEEL_PAGE_FLIPS") ?? "1");
const SEED = 0xf11b;

/** Two generations of each shard, so that what is read may be an older one that is whole. */
const SHARDS = [
  { shard: 0, seeds: [1, 2], sizes: [60_000, 100, 40_000, 4_000, 59_000, 60_000, 30_000] },
  { shard: 1, seeds: [3, 4], sizes: Array.from({ length: 12 }, (_, i) => 900 + 2_000 * i) },
];

type Harm = (place: Uint8Array, random: Random) => void;

const HARMS: readonly (readonly [name: string, harm: Harm])[] = [
  ["one bit", flipBit],
  ["a few bytes", (place, random) => {
    for (let i = 0; i < 8; i++) flipBit(place, random);
  }],
  ["a sector of noise", (place, random) => {
    const from = SECTOR_BYTES * random.int(0, Math.ceil(place.length / SECTOR_BYTES) - 1);
    place.set(random.bytes(Math.min(SECTOR_BYTES, place.length - from)), from);
  }],
  ["all of it zeros", (place) => place.fill(0)],
  ["one bit of its first sector", (place, random) => {
    flipBit(place.subarray(0, SECTOR_BYTES), random);
  }],
];

/** Of what is not zero, mostly: pages are filled up with zeros that nobody reads. */
function flipBit(bytes: Uint8Array, random: Random): void {
  let at = random.int(0, bytes.length - 1);
  for (let tries = 0; bytes[at] === 0 && tries < 200; tries++) at = random.int(0, bytes.length - 1);
  bytes[at]! ^= 1 << random.int(0, 7);
}

/** What became of one harm. */
interface Outcome {
  /** Shards whose newest checkpoint was read, to the byte. */
  readonly newest: number;
  /** Shards of which an older one was read, to the byte, or none. */
  readonly without: number;
}

Deno.test("A checkpoint file with bytes flipped in every 4 KiB gives what was written or a reason", async () => {
  const directory = await Deno.makeTempDir({ prefix: "flipped_pages_" });
  try {
    const path = `${directory}/sessionwheel.kv`;
    await fill(directory);
    const whole = await Deno.readFile(path);
    const places = Math.ceil(whole.length / PLACE_BYTES);
    const tally = { harmless: 0, noticed: 0 };
    for (let n = 0; n < places * FLIPS_A_PLACE; n++) {
      const seed = SEED + n;
      const random = new Random(seed);
      const place = n % places;
      const [name, harm] = HARMS[(place + Math.floor(n / places)) % HARMS.length]!;
      const bytes = whole.slice();
      harm(bytes.subarray(place * PLACE_BYTES, (place + 1) * PLACE_BYTES), random);
      await beginWith(directory, bytes);
      const { without } = await openHarmed(directory, `seed ${seed}: ${name} at place ${place}`);
      if (without === 0) tally.harmless++;
      else tally.noticed++;
    }
    // A file in which nothing matters, or everything, would prove nothing.
    assertGreater(tally.harmless, places / 20);
    assertGreater(tally.noticed, places / 20);
    if (FLIPS_A_PLACE > 1) say(`${places} places: ${JSON.stringify(tally)}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function fill(directory: string): Promise<void> {
  const store = await KvCheckpointStore.open(directory);
  for (const { shard, seeds, sizes } of SHARDS) {
    for (const seed of seeds) await write(store, shard, seed, sizes);
  }
  await store.close();
}

/** Leaves this file and nothing else in the directory. */
async function beginWith(directory: string, bytes: Uint8Array): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (name.startsWith("sessionwheel.kv")) await Deno.remove(`${directory}/${name}`);
  }
  await Deno.writeFile(`${directory}/sessionwheel.kv`, bytes);
}

async function openHarmed(directory: string, what: string): Promise<Outcome> {
  const store = await KvCheckpointStore.open(directory);
  try {
    let newest = 0;
    for (const { shard, seeds, sizes } of SHARDS) {
      const read = await readWhole(store, shard);
      const found = read === null
        ? -1
        : seeds.findLastIndex((seed) => isEqual(read, expectedOf(seed, sizes)));
      assert(read === null || found >= 0, `${what}: shard ${shard} was read and is wrong`);
      if (found === seeds.length - 1) newest++;
    }
    const without = SHARDS.length - newest;
    const warnings = await store.warnings();
    if (without > 0) assertGreater(warnings.length, 0, `${what}: no reason was given`);
    // And it works.
    await write(store, 2, 9, [500]);
    assertEquals(await readAll(store, 2), expectedOf(9, [500]), what);
    return { newest, without };
  } finally {
    await store.close();
  }
}

/** The newest checkpoint that is whole, or null; the engine's loader asks once and restores then. */
async function readWhole(
  store: CheckpointStore,
  shard: number,
): Promise<[Uint8Array, Uint8Array[]] | null> {
  for (;;) {
    const reader = await store.read(shard);
    if (reader === null) return null;
    try {
      return await readAll(store, shard);
    } catch (error) {
      if (!(error instanceof CheckpointStoreError) || error.code !== "damaged") throw error;
    }
  }
}

function isEqual(
  [manifest, chunks]: [Uint8Array, Uint8Array[]],
  [expectedManifest, expectedChunks]: [Uint8Array, Uint8Array[]],
): boolean {
  return chunks.length === expectedChunks.length && sameBytes(manifest, expectedManifest) &&
    chunks.every((chunk, i) => sameBytes(chunk, expectedChunks[i]!));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
