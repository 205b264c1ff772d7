import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { emptyAborted } from "../../../lib/adapters/kafka/aborted_batches.ts";
import { scanBatches } from "../../../lib/adapters/kafka/record_set.ts";
import { encodeRecordBatch } from "../../../lib/core/record_batch_encoder.ts";
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_TRANSACTIONAL,
} from "../../../lib/core/record_batch_layout.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";

function batch(
  baseOffset: number,
  producerId: number,
  options: { attributes?: number; key?: number[]; records?: number } = {},
): Uint8Array {
  const { attributes = ATTRIBUTE_TRANSACTIONAL, key = [], records = 1 } = options;
  return encodeRecordBatch({
    baseOffset,
    producerId,
    epoch: 0,
    baseSequence: 0,
    attributes,
    records: Array.from({ length: records }, () => ({
      timestampMs: 0,
      key: new Uint8Array(key),
      value: new TextEncoder().encode(`${baseOffset}`),
      headers: [],
    })),
  });
}

function marker(baseOffset: number, producerId: number, type: 0 | 1): Uint8Array {
  const attributes = ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL;
  return batch(baseOffset, producerId, { attributes, key: [0, 0, 0, type] });
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Base offsets of the batches that hold data records, and the offset after the last batch. */
function dataBatches(records: Uint8Array): number[] {
  const reader = new RecordBatchReader({
    decompress: (_codec, bytes) => bytes,
    decompressedBytesMax: 0,
  });
  reader.reset(records);
  const found: number[] = [];
  while (reader.nextBatch()) {
    assertEquals(reader.undecodable, null);
    if (!reader.isControl && reader.recordCount > 0) found.push(reader.baseOffset);
  }
  return found;
}

Deno.test("emptyAborted() returns the same bytes when no transaction was aborted", () => {
  const records = join(batch(0, 7), marker(1, 7, 1));
  assertStrictEquals(emptyAborted(records, []), records);
});

Deno.test("emptyAborted() empties the aborted producer's batches up to its marker only", () => {
  const records = join(
    batch(0, 7), // of a transaction that was committed before
    marker(1, 7, 1),
    batch(2, 7, { records: 3 }),
    batch(5, 8), // another producer, committed
    batch(6, 9, { attributes: 0 }), // no transaction
    batch(7, 7),
    marker(8, 7, 0),
    marker(9, 8, 1),
    batch(10, 7), // its next transaction
    marker(11, 7, 1),
  );
  const kept = emptyAborted(records, [{ producerId: 7, firstOffset: 2 }]);
  assertEquals(dataBatches(kept), [0, 5, 6, 10]);
  assertEquals(scanBatches(kept).batches, 10);
  assertEquals(scanBatches(kept).nextOffset, 12);
});

Deno.test("emptyAborted() keeps two aborted transactions of one producer apart", () => {
  const records = join(
    batch(0, 7),
    marker(1, 7, 0),
    batch(2, 7),
    marker(3, 7, 1),
    batch(4, 7),
  );
  const aborted = [{ producerId: 7, firstOffset: 4 }, { producerId: 7, firstOffset: 0 }];
  assertEquals(dataBatches(emptyAborted(records, aborted)), [2]);
});

Deno.test("emptyAborted() knows a transaction that began before what was fetched", () => {
  const records = join(batch(20, 7), batch(21, 8), marker(22, 7, 0));
  const kept = emptyAborted(records, [{ producerId: 7, firstOffset: 3 }]);
  assertEquals(dataBatches(kept), [21]);
  assert(kept.length < records.length);
});
