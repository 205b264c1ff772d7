/**
 * Closing a batch: the position's header and the checksum over everything.
 *
 * Run: `deno run -A tests/bench/batch_bench.ts`.
 */
import { BatchBuilder } from "../../lib/core/batch_builder.ts";
import { ByteWriter } from "../../lib/core/byte_writer.ts";
import { crc32c } from "../../lib/core/crc32c.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import {
  type InputPosition,
  writeInputPositions,
  writePositionHead,
} from "../../lib/core/position.ts";
import { copyFloorNs, figure, heading, leastNs } from "./measure.ts";
import { HEARTBEAT_MS, SHARDS, START_MS, startSessions } from "./session_source.ts";

await heading("Batches");
const inputs: InputPosition[] = Array.from({ length: SHARDS }, (_, partition) => ({
  topic: "events",
  partition,
  offset: 123_456_789 + partition,
}));
const writer = new ByteWriter();
function encodePosition(): void {
  writer.clear();
  writePositionHead(writer, {
    layout: "plain",
    producerId: 4711,
    epoch: 3,
    batchNumber: 123_456,
    shards: SHARDS,
    heartbeatIntervalMs: HEARTBEAT_MS,
    maxDurationMs: 1_800_000,
    graceMs: 30_000,
    clockMs: START_MS,
    restoreOffset: 9_876_543,
    activeSessions: 250_000,
    endClocksMs: [START_MS],
    earlyEndCount: 0,
  });
  writeInputPositions(writer, inputs);
}
encodePosition();
const position = writer.bytes.slice(0, writer.length);
figure(
  `encode a position of ${SHARDS} inputs, ${position.length} bytes`,
  leastNs(() => {
    for (let i = 0; i < 1000; i++) encodePosition();
    return 1000;
  }),
  "ns",
  { value: copyFloorNs(position.length), of: "copying them" },
);

for (const records of [1, 8, 40, 320]) {
  // One a millisecond at most, so that batches can be of exactly this size.
  const { shards } = startSessions(16_000, true);
  const [shard] = shards;
  const builder = new BatchBuilder(new PlainRecordLayout(), 1 << 20);
  let least = Infinity;
  let bytes = 0;
  builder.begin(START_MS);
  for (let nowMs = START_MS + HEARTBEAT_MS; nowMs < START_MS + 45 * HEARTBEAT_MS; nowMs++) {
    shard!.advance(nowMs, nowMs, builder);
    if (builder.count < records) continue;
    // Only what closes it is timed, rendering is heartbeat_bench.ts's; by the wall clock, as it
    // takes less than the clock of CPU time can tell. Others have no part in the least of many.
    const isExact = builder.count === records;
    const startedAt = performance.now();
    const batch = builder.finish(1, 0, 0, position, position.length);
    const elapsedNs = (performance.now() - startedAt) * 1e6;
    if (isExact && elapsedNs < least) {
      least = elapsedNs;
      bytes = batch.length;
    }
    builder.begin(nowMs);
  }
  const summed = new Uint8Array(bytes).fill(7);
  const crc = leastNs(() => {
    for (let i = 0; i < 20; i++) crc32c(summed, 21, summed.length);
    return 20;
  }, { runs: 3, forMs: 30 });
  figure(`close a batch of ${records} records, ${bytes} bytes`, least, "ns", {
    value: crc,
    of: "its checksum alone",
  });
}
