import { assertEquals } from "@std/assert";
import {
  CHECKPOINT_VERSION,
  CheckpointChunkWriter,
  encodeManifest,
} from "../../lib/core/checkpoint_codec.ts";
import { ROW_ACTIVE, ROW_EARLY_END, ROW_ENDED } from "../../lib/core/row_format.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import { CheckpointLoader, type LoadedCheckpoint } from "../../lib/engine/checkpoint_loader.ts";
import { MemoryCheckpointStore } from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import type { CheckpointReader, CheckpointStore } from "../../lib/ports/checkpoint_store.ts";
import type { OutputLog } from "../../lib/ports/output_log.ts";
import { stageRow } from "../support/session_table.ts";

/** Finds the only generation of each shard damaged, as it is asked for it. */
class DamagedStore extends MemoryCheckpointStore {
  readonly #found = ["the file was put aside"];

  override read(shard: number): Promise<CheckpointReader | null> {
    this.#found.push(`checkpoint of shard ${shard} was dropped`);
    return Promise.resolve(null);
  }

  override warnings(): Promise<readonly string[]> {
    return Promise.resolve([...this.#found]);
  }
}

Deno.test("CheckpointLoader.load() tells once what the store found damaged since it was opened", async () => {
  const told: string[] = [];
  const load = loading(new DamagedStore(), told);
  assertEquals(await Promise.all([load(0), load(1)]), [null, null]);
  await load(2);
  assertEquals(
    told.toSorted(),
    [0, 1, 2].map((shard) => `checkpoint of shard ${shard} was dropped`),
  );
});

Deno.test("CheckpointLoader.load() takes the next beat from the age of the last record", async () => {
  // The last heartbeat was at 5 s; then the interval was 20 s, and now it is 1 s.
  assertEquals(await nextBeat(CHECKPOINT_VERSION), 6);
});

Deno.test("CheckpointLoader.load() takes the next beat from the beat where rows have no age", async () => {
  assertEquals(await nextBeat(1), 1);
});

Deno.test("CheckpointLoader.load() remembers a session once that ended while rows were copied", async () => {
  const rows = new SessionRows(1);
  // Its end came first; then its start, which ended it at once.
  for (const state of [ROW_EARLY_END, ROW_ENDED]) {
    const row = stageRow(rows, { device: "d", session: "1", account: null });
    rows.setState(row, state);
    rows.setStartedAt(row, 100);
  }
  const { remembered } = (await loadOf(rows, CHECKPOINT_VERSION)).shard;
  assertEquals([remembered.endedCount, remembered.earlyEndCount], [1, 0]);
  assertEquals(remembered.expire(Infinity, 0), 0);
});

/** The beat of a session that had its last heartbeat at 5 s, and waited for one at 20 s. */
async function nextBeat(version: number): Promise<number> {
  const rows = new SessionRows(1);
  const row = stageRow(rows, { device: "d", session: "1", account: null });
  rows.setState(row, ROW_ACTIVE);
  rows.setAge(row, 5000);
  const { shard } = await loadOf(rows, version);
  const beats: number[] = [];
  shard.active.forEach((active) => beats.push(shard.rows.beat(active)));
  assertEquals(beats.length, 1);
  return beats[0]!;
}

/** A shard as a fuzzy checkpoint of all of `rows`, taken with H = 20 s, has it. */
async function loadOf(rows: SessionRows, version: number): Promise<LoadedCheckpoint> {
  const store = new MemoryCheckpointStore();
  const chunk = new CheckpointChunkWriter(60_000);
  for (let row = 0; row < rows.used; row++) chunk.add(rows, row);
  const output = await store.begin(0);
  await output.writeChunk(chunk.take());
  await output.publish(encodeManifest({
    version,
    shard: 0,
    shards: 3,
    heartbeatIntervalMs: 20_000,
    clockMs: 5000,
    logFrom: 0,
    logTo: 0,
    batchNumber: -1,
    producerId: -1,
    epoch: -1,
    isExact: false,
    stateHash: "",
    rows: rows.used,
    earlyEndsUnwritten: 0,
    inputs: [],
  }));
  return (await loading(store, [])(0))!;
}

/** Loads shards of three with H = 1 s, over a log that is empty. */
function loading(
  store: CheckpointStore,
  told: string[],
): (index: number) => Promise<LoadedCheckpoint | null> {
  const loader = new CheckpointLoader({
    store,
    // Nothing is asked of it.
    log: {} as OutputLog,
    shards: 3,
    batches: { batchBytesMax: 1 << 20, decompress: () => null } as never,
    onWarning: (message) => told.push(message),
  });
  return (index) =>
    loader.load(
      {
        index,
        rules: { heartbeatIntervalMs: 1000, maxDurationMs: 5000, graceMs: 1000 } as never,
        budget: new SessionBudget(10),
        counters: newShardCounters(),
        hashSeed: 1,
        startMs: 0,
      },
      { producerId: 1, epoch: 0, logStart: 0, end: 0 },
      null,
    );
}
