import { assert, assertEquals } from "@std/assert";
import { writeInt32, writeInt64 } from "../../lib/core/big_endian.ts";
import { encodeRecordBatch, sealRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import {
  batch,
  concat,
  expected,
  newReader,
  NOW,
  readRecords,
  setCount,
} from "../support/record_batches.ts";
import * as layout from "../../lib/core/record_batch_layout.ts";

Deno.test("RecordBatchReader gives back what was encoded, batch by batch", () => {
  const reader = newReader();
  const second = batch(2 ** 41, 9);
  reader.reset(concat([batch(0, 5), second]));
  assert(reader.nextBatch());
  assertEquals(reader.undecodable, null);
  assertEquals([reader.baseOffset, reader.lastOffset, reader.recordCount], [0, 4, 5]);
  assertEquals([reader.producerId, reader.producerEpoch, reader.baseSequence], [4000, 7, 99]);
  assertEquals([reader.baseTimestampMs, reader.maxTimestampMs], [NOW, NOW + 40]);
  assertEquals([reader.isControl, reader.isTransactional, reader.codec], [false, false, 0]);
  assertEquals(readRecords(reader), expected(5, 0));
  assert(reader.nextBatch());
  assertEquals(readRecords(reader), expected(9, 2 ** 41));
  assertEquals(reader.batchBytes(), second);
  assertEquals(reader.nextBatch(), false);
  assertEquals(reader.nextRecord(), false);
});

Deno.test("RecordBatchReader reads compressed records from the decompressor's bytes", () => {
  const reader = newReader();
  reader.reset(concat([batch(10, 6, { codec: 1 }), batch(16, 2)]));
  assert(reader.nextBatch());
  assertEquals(reader.codec, 1);
  assertEquals(readRecords(reader), expected(6, 10));
  assert(reader.nextBatch());
  assertEquals(readRecords(reader), expected(2, 16));
});

Deno.test("RecordBatchReader may skip the records of a batch", () => {
  const reader = newReader();
  reader.reset(concat([batch(0, 5), batch(5, 5)]));
  assert(reader.nextBatch());
  assert(reader.nextRecord());
  assert(reader.nextBatch());
  assertEquals(readRecords(reader), expected(5, 5));
});

Deno.test("RecordBatchReader.rewindRecords() gives the records again, of a decodable batch", () => {
  const bytes = batch(3, 3);
  setCount(bytes, 4);
  const reader = newReader();
  reader.reset(concat([batch(0, 3, { codec: 1 }), bytes]));
  assert(reader.nextBatch());
  assert(reader.nextRecord() && reader.nextRecord());
  reader.rewindRecords();
  assertEquals(readRecords(reader), expected(3, 0));
  reader.rewindRecords();
  assertEquals(readRecords(reader), expected(3, 0));
  assert(reader.nextBatch());
  reader.rewindRecords();
  assertEquals(reader.nextRecord(), false);
});

Deno.test("RecordBatchReader takes the append time of the log for every record", () => {
  const bytes = batch(0, 3, { attributes: layout.ATTRIBUTE_LOG_APPEND_TIME });
  writeInt64(bytes, layout.MAX_TIMESTAMP_AT, NOW + 777);
  sealRecordBatch(bytes);
  const reader = newReader();
  reader.reset(bytes);
  assert(reader.nextBatch());
  assertEquals(readRecords(reader).map(({ timestampMs }) => timestampMs), [
    NOW + 777,
    NOW + 777,
    NOW + 777,
  ]);
});

Deno.test("RecordBatchReader tells control batches and their type", () => {
  for (const [type, key] of [[0, [0, 0, 0, 0]], [1, [0, 0, 0, 1]], [-1, [0, 0]]] as const) {
    const reader = newReader();
    reader.reset(encodeRecordBatch({
      baseOffset: 3,
      producerId: 1,
      epoch: 2,
      baseSequence: -1,
      attributes: layout.ATTRIBUTE_CONTROL | layout.ATTRIBUTE_TRANSACTIONAL,
      records: [{ timestampMs: NOW, key: Uint8Array.from(key), value: null, headers: [] }],
    }));
    assert(reader.nextBatch());
    assertEquals([reader.isControl, reader.isTransactional], [true, true]);
    assert(reader.nextRecord());
    assertEquals(reader.controlType(), type);
  }
  const data = newReader();
  data.reset(batch(0, 1));
  assert(data.nextBatch() && data.nextRecord());
  assertEquals(data.controlType(), -1);
});

Deno.test("RecordBatchReader takes a batch cut off at the end for no batch", () => {
  const first = batch(0, 4);
  const set = concat([first, batch(4, 4)]);
  for (let length = 0; length < set.length; length++) {
    const reader = newReader();
    reader.reset(set.subarray(0, length));
    let batches = 0;
    for (; reader.nextBatch(); batches++) assertEquals(reader.undecodable, null);
    assertEquals(batches, length < first.length ? 0 : 1, `${length} bytes`);
    assertEquals(reader.wholeBytes, length < first.length ? 0 : first.length);
  }
});

Deno.test("RecordBatchReader accepts the empty batch that compaction leaves", () => {
  for (const attributes of [0, 1]) {
    const bytes = batch(20, 4, { attributes }).slice(0, layout.RECORDS_AT);
    writeInt32(bytes, layout.LENGTH_AT, bytes.length - layout.LOG_OVERHEAD_BYTES);
    writeInt32(bytes, layout.RECORD_COUNT_AT, 0);
    sealRecordBatch(bytes);
    const reader = newReader();
    reader.reset(bytes);
    assert(reader.nextBatch());
    assertEquals(reader.undecodable, null);
    assertEquals([reader.lastOffset, reader.nextRecord()], [23, false]);
  }
});
