/**
 * Reads record sets as a restore does: batches of 70 records of about 200 bytes, 64 MB in all.
 *
 * Run: `deno run -A tests/bench/record_batch_reader_bench.ts`.
 */
import { crc32c } from "../../lib/core/crc32c.ts";
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";
import { figure, heading, leastNs, sumFloorNs } from "./measure.ts";

const RECORDS_A_BATCH = 70;
const encoder = new TextEncoder();

function batchOf(baseOffset: number): Uint8Array {
  return encodeRecordBatch({
    baseOffset,
    producerId: 1,
    epoch: 0,
    baseSequence: baseOffset,
    records: Array.from({ length: RECORDS_A_BATCH }, (_, i) => ({
      timestampMs: 1_760_000_000_000 + i,
      key: encoder.encode(crypto.randomUUID()),
      value: encoder.encode(`{"n":${baseOffset + i}}`.padEnd(155, "x")),
      headers: i === RECORDS_A_BATCH - 1
        ? [{ key: encoder.encode("sw-position"), value: new Uint8Array(300) }]
        : [],
    })),
  });
}

const batches: Uint8Array[] = [];
let size = 0;
for (let i = 0; size < 64e6; i++) {
  const batch = batchOf(i * RECORDS_A_BATCH);
  batches.push(batch);
  size += batch.length;
}
const set = new Uint8Array(size);
let at = 0;
for (const batch of batches) {
  set.set(batch, at);
  at += batch.length;
}

const reader = new RecordBatchReader({
  decompress: (_codec, bytes) => bytes,
  decompressedBytesMax: 1,
});

const records = batches.length * RECORDS_A_BATCH;
const bytes = size / records;
const everyRecord = leastNs(() => {
  reader.reset(set);
  let sum = 0;
  while (reader.nextBatch()) {
    while (reader.nextRecord()) sum += reader.valueTo - reader.valueFrom + reader.offset;
  }
  if (sum === 0) throw new Error("nothing was read");
  return records;
});
const batchesAlone = leastNs(() => {
  reader.reset(set);
  let sum = 0;
  while (reader.nextBatch()) sum += reader.recordCount;
  if (sum !== records) throw new Error("not everything was read");
  return records;
});
const checksum = leastNs(() => {
  crc32c(set, 0, set.length);
  return records;
});

await heading("Reading record batches");
figure(`a record of ${bytes.toFixed()} bytes, checked and read`, everyRecord, "ns", {
  value: checksum,
  of: "its checksum alone",
});
figure("the same, checked but not read", batchesAlone, "ns", {
  value: sumFloorNs(size) / records,
  of: "summing its bytes as 32-bit words",
});
