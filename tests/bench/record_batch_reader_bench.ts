/**
 * Reads record sets as a restore does: batches of 70 records of about 200 bytes, 64 MB in all.
 * Run: `deno bench tests/bench/record_batch_reader_bench.ts`.
 */
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";

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
Deno.bench({ name: `${records} records, ${(size / records).toFixed()} bytes each` }, () => {
  reader.reset(set);
  let sum = 0;
  while (reader.nextBatch()) {
    while (reader.nextRecord()) sum += reader.valueTo - reader.valueFrom + reader.offset;
  }
  if (sum === 0) throw new Error("nothing was read");
});

Deno.bench({ name: `${batches.length} batches, checked but not read` }, () => {
  reader.reset(set);
  let sum = 0;
  while (reader.nextBatch()) sum += reader.recordCount;
  if (sum !== records) throw new Error("not everything was read");
});
