import { assertEquals } from "@std/assert";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import { CheckpointLoader } from "../../lib/engine/checkpoint_loader.ts";
import { MemoryCheckpointStore } from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import type { CheckpointReader } from "../../lib/ports/checkpoint_store.ts";
import type { OutputLog } from "../../lib/ports/output_log.ts";

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
  const loader = new CheckpointLoader({
    store: new DamagedStore(),
    // Nothing is asked of the log where there is no checkpoint.
    log: {} as OutputLog,
    shards: 3,
    batches: { batchBytesMax: 1 << 20, decompress: () => null } as never,
    onWarning: (message) => told.push(message),
  });
  const load = (index: number) =>
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
  assertEquals(await Promise.all([load(0), load(1)]), [null, null]);
  await load(2);
  assertEquals(
    told.toSorted(),
    [0, 1, 2].map((shard) => `checkpoint of shard ${shard} was dropped`),
  );
});
