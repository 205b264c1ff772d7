/**
 * Checkpoints: the rows of one shard of a million sessions copied into chunks, and such chunks read
 * back into a shard. The database's part is not in it.
 *
 * Run: `deno run -A tests/bench/checkpoint_bench.ts`.
 */
import { CheckpointChunkWriter, readChunk } from "../../lib/core/checkpoint_codec.ts";
import { ROW_ACTIVE } from "../../lib/core/row_format.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { Shard } from "../../lib/core/shard.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import { CHECKPOINT_CHUNK_BYTES_MAX } from "../../lib/ports/checkpoint_store.ts";
import { copyFloorNs, figure, heading, leastNs, onceNs, randomReadFloorNs } from "./measure.ts";
import { startSessions } from "./session_source.ts";

const SESSIONS = 1_000_000;
const RUNS = 5;

function copyOut(shard: Shard): Uint8Array[] {
  const writer = new CheckpointChunkWriter(CHECKPOINT_CHUNK_BYTES_MAX);
  const chunks: Uint8Array[] = [];
  for (let row = 0; row < shard.rows.used; row++) {
    if (shard.rows.state(row) === ROW_ACTIVE) writer.add(shard.rows, row);
    if (!writer.hasRoom()) chunks.push(writer.take());
  }
  if (writer.count > 0) chunks.push(writer.take());
  return chunks;
}

function readBack(chunks: readonly Uint8Array[], original: Shard): Shard {
  const { active } = original;
  const shard = new Shard({
    index: 0,
    rules: original.rules,
    budget: new SessionBudget(SESSIONS),
    counters: newShardCounters(),
    hashSeed: 0x2545f491,
    startMs: original.clockMs,
  });
  shard.active.reserve(active.size);
  for (const chunk of chunks) {
    readChunk(chunk, shard.rows, (row) => {
      shard.resumeAfter(row, shard.rows.age(row));
      shard.active.link(row, shard.rows.deviceHash(row));
    });
  }
  shard.startTimers(original.clockMs);
  if (shard.active.stateHash.toString() !== active.stateHash.toString()) {
    throw new Error("what was read is not what was copied");
  }
  return shard;
}

await heading("Checkpoints");
const { shards } = startSessions(SESSIONS, true);
const original = shards[0]!;
const chunks = copyOut(original);
const rows = original.active.size;
const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0) / rows;
let whole = Infinity;
for (let run = 0; run < RUNS; run++) {
  whole = Math.min(
    whole,
    onceNs(() => {
      readBack(chunks, original);
      return rows;
    }),
  );
}
figure(
  `copy a row of ${bytes.toFixed(0)} bytes into a chunk`,
  leastNs(() => {
    copyOut(original);
    return rows;
  }),
  "ns",
  { value: copyFloorNs(bytes), of: "copying it" },
);
figure("read it back: row, index, wheel", whole, "ns", {
  value: copyFloorNs(bytes) + randomReadFloorNs(rows * 4),
  of: "copying it, one read of the index",
});
