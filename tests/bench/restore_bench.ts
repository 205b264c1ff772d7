/**
 * Restoring from the output: one million sessions, two heartbeat intervals of one shard's log in
 * batches of 40, read and folded as after a kill -9.
 *
 * Run: `deno run -A tests/bench/restore_bench.ts`.
 */
import { BatchBuilder } from "../../lib/core/batch_builder.ts";
import { ByteWriter } from "../../lib/core/byte_writer.ts";
import { crc32c } from "../../lib/core/crc32c.ts";
import { LogFold } from "../../lib/core/log_fold.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { type Position, writeInputPositions, writePositionHead } from "../../lib/core/position.ts";
import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { Shard } from "../../lib/core/shard.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import { copyFloorNs, figure, heading, onceNs } from "./measure.ts";
import { HEARTBEAT_MS, SHARDS, START_MS, startSessions } from "./session_source.ts";

const SESSIONS = 1_000_000;
const RECORDS_A_BATCH = 40;
const RUNS = 3;

const position: Position = {
  layout: "plain",
  producerId: 4711,
  epoch: 3,
  batchNumber: 123_456,
  shards: SHARDS,
  heartbeatIntervalMs: HEARTBEAT_MS,
  maxDurationMs: 1_800_000,
  graceMs: 30_000,
  clockMs: START_MS + 3 * HEARTBEAT_MS,
  restoreOffset: 0,
  activeSessions: 250_000,
  endClocksMs: [],
  earlyEnds: [],
  inputs: Array.from({ length: SHARDS }, (_, partition) => ({
    topic: "events",
    partition,
    offset: 123_456_789,
  })),
};

/** The log of one shard, whole batches one after the other, and how many records it holds. */
function writeLog(shard: Shard): { readonly log: Uint8Array; readonly records: number } {
  const writer = new ByteWriter();
  writePositionHead(writer, { ...position, earlyEndCount: 0 });
  writeInputPositions(writer, position.inputs);
  const builder = new BatchBuilder(new PlainRecordLayout(), 1 << 20);
  const log = new ByteWriter(1 << 26);
  let records = 0;
  builder.begin(START_MS);
  for (let nowMs = START_MS + HEARTBEAT_MS; nowMs < position.clockMs; nowMs++) {
    shard.advance(nowMs, nowMs, builder);
    if (builder.count < RECORDS_A_BATCH) continue;
    records += builder.count;
    log.writeRaw(builder.finish(1, 0, 0, writer.bytes, writer.length));
    builder.begin(nowMs);
  }
  return { log: log.bytes.slice(0, log.length), records };
}

function restore(log: Uint8Array): Shard {
  const shard = new Shard({
    index: 0,
    rules: {
      heartbeatIntervalMs: HEARTBEAT_MS,
      maxDurationMs: 1_800_000,
      graceMs: 30_000,
      missed: "coalesce",
    },
    budget: new SessionBudget(SESSIONS),
    counters: newShardCounters(),
    hashSeed: 0x2545f491,
    startMs: START_MS,
  });
  const fold = new LogFold(shard, new PlainRecordLayout());
  const reader = newReader();
  reader.reset(log);
  while (reader.nextBatch()) {
    fold.beginBatch(position);
    while (reader.nextRecord()) {
      if (!fold.record(reader.bytes, reader.valueFrom, reader.valueTo)) throw new Error("foreign");
    }
    fold.endBatch();
  }
  fold.finish(position.clockMs);
  return shard;
}

function newReader(): RecordBatchReader {
  return new RecordBatchReader({ decompress: (_, bytes) => bytes, decompressedBytesMax: 1 });
}

await heading("Restore from the output");
const { shards } = startSessions(SESSIONS, true);
const original = shards[0]!;
const { log, records } = writeLog(original);
let read = Infinity;
let whole = Infinity;
let sum = Infinity;
for (let run = 0; run < RUNS; run++) {
  sum = Math.min(
    sum,
    onceNs(() => {
      crc32c(log, 0, log.length);
      return records;
    }),
  );
  read = Math.min(
    read,
    onceNs(() => {
      const reader = newReader();
      reader.reset(log);
      while (reader.nextBatch()) while (reader.nextRecord());
      return records;
    }),
  );
  whole = Math.min(
    whole,
    onceNs(() => {
      if (restore(log).active.size !== original.active.size) throw new Error("sessions are lost");
      return records;
    }),
  );
}
const bytes = log.length / records;
figure(`read a record of ${bytes.toFixed(0)} bytes from a batch`, read, "ns", {
  value: sum,
  of: "the checksum alone",
});
figure("read it and fold it into the state", whole, "ns", {
  value: copyFloorNs(bytes),
  of: "copying it",
});
figure("a MB of log, read and folded", 1000 * whole / bytes, "µs", {
  value: copyFloorNs(1e6) / 1000,
  of: "copying it",
});
