import { assert, assertEquals } from "@std/assert";
import { writeInt32 } from "../../lib/core/big_endian.ts";
import { sealRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { type UndecodableReason } from "../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../lib/core/record_header_reader.ts";
import { VarintReader, writeVarint } from "../../lib/core/varint.ts";
import {
  batch,
  concat,
  expected,
  newReader,
  outline,
  readRecords,
  setCount,
} from "../support/record_batches.ts";
import * as layout from "../../lib/core/record_batch_layout.ts";

Deno.test("RecordBatchReader reports each kind of undecodable batch and goes on behind it", () => {
  const cases: Record<UndecodableReason, (bytes: Uint8Array) => void> = {
    magic: (bytes) => bytes[layout.MAGIC_AT] = 1,
    framing: (bytes) => writeInt32(bytes, layout.LENGTH_AT, 13),
    checksum: (bytes) => bytes[bytes.length - 1]! ^= 1,
    unknown_codec: (bytes) => setCodec(bytes, 7),
    decompression: (bytes) => setCodec(bytes, 2),
    too_large: (bytes) => setCodec(bytes, 3),
    records: (bytes) => setCount(bytes, 4),
  };
  for (const [reason, spoil] of Object.entries(cases)) {
    const bytes = batch(5, 3);
    spoil(bytes);
    const reader = newReader();
    reader.reset(concat([batch(0, 5), bytes, batch(8, 2)]));
    assert(reader.nextBatch());
    assertEquals(readRecords(reader), expected(5, 0));
    assert(reader.nextBatch());
    assertEquals(reader.undecodable, reason);
    assertEquals(reader.baseOffset, 5);
    assertEquals(reader.nextRecord(), false);
    if (reason === "framing") {
      assertEquals(reader.batchTo, reader.wholeBytes);
      assertEquals(reader.nextBatch(), false);
      continue;
    }
    assertEquals(reader.batchBytes(), bytes);
    assertEquals(reader.lastOffset, reason === "magic" ? 5 : 7);
    assert(reader.nextBatch());
    assertEquals(reader.undecodable, null);
    assertEquals(readRecords(reader), expected(2, 8));
  }
});

Deno.test("RecordBatchReader takes any other error of the decompressor for broken input", () => {
  const bytes = batch(0, 1);
  setCodec(bytes, 4);
  const reader = newReader();
  reader.reset(bytes);
  assert(reader.nextBatch());
  assertEquals(reader.undecodable, "decompression");
  assertEquals(reader.undecodableDetail, "out of memory");
});

function setCodec(bytes: Uint8Array, codec: number): void {
  bytes[layout.ATTRIBUTES_AT + 1] = codec;
  sealRecordBatch(bytes);
}

Deno.test("RecordBatchReader finds every lie about counts, offsets and lengths", () => {
  const header = batch(0, 1).subarray(0, layout.RECORDS_AT);
  /** One record: attributes, timestamp, offset, key, value, headers, as bytes or varints. */
  const withBody = (body: readonly number[], length = body.length, lastOffsetDelta = 0) => {
    const prefix = new Uint8Array(10);
    const prefixSize = writeVarint(prefix, 0, length);
    const bytes = concat([header, prefix.subarray(0, prefixSize), Uint8Array.from(body)]);
    writeInt32(bytes, layout.LENGTH_AT, bytes.length - layout.LOG_OVERHEAD_BYTES);
    writeInt32(bytes, layout.LAST_OFFSET_DELTA_AT, lastOffsetDelta);
    sealRecordBatch(bytes);
    return bytes;
  };
  // Zigzag: 1 is -1 (null), 2 is 1, 4 is 2.
  assertEquals(outline(withBody([0, 0, 0, 2, 65, 2, 66, 0])), [[0]]);
  assertEquals(outline(withBody([0, 0, 0, 1, 1, 0])), [[0]]);
  assertEquals(outline(withBody([0, 0, 0, 1, 1, 2, 0, 1])), [[0]], "a header of an empty name");
  const lies: Record<string, Uint8Array> = {
    "a record longer than the batch": withBody([0, 0, 0, 1, 1, 0], 7),
    "a record shorter than its fields": withBody([0, 0, 0, 1, 1, 0], 5),
    "a negative length": withBody([0, 0, 0, 1, 1, 0], -6),
    "an empty record": withBody([], 0),
    "a byte between the value and the end": withBody([0, 0, 0, 1, 1, 0, 0]),
    "a key longer than the record": withBody([0, 0, 0, 126, 65, 1, 0]),
    "a value longer than the record": withBody([0, 0, 0, 1, 126, 65, 0]),
    "a key of 2^60 bytes": withBody([0, 0, 0, ...new Array(8).fill(0x80), 0x20, 1, 0]),
    "an endless varint": withBody([0, ...new Array(12).fill(0x80), 0]),
    "headers that are not there": withBody([0, 0, 0, 1, 1, 4, 0, 1]),
    "a negative header count": withBody([0, 0, 0, 1, 1, 1]),
    "two million headers": withBody([0, 0, 0, 1, 1, 0x80, 0x92, 0xf4, 0x01]),
    "a header without a name": withBody([0, 0, 0, 1, 1, 2, 1, 1]),
    "a header value longer than the record": withBody([0, 0, 0, 1, 1, 2, 0, 20]),
    "an offset before the batch": withBody([0, 0, 1, 1, 1, 0]),
    "an offset behind the batch": withBody([0, 0, 2, 1, 1, 0]),
    "a negative last offset": withBody([0, 0, 0, 1, 1, 0], 6, -1),
  };
  for (const [lie, bytes] of Object.entries(lies)) {
    assertEquals(outline(concat([bytes, batch(7, 1)])), ["records", [7]], lie);
  }
  for (const count of [0, 2, 4, -1, 2 ** 31 - 1]) {
    const bytes = batch(0, 3);
    setCount(bytes, count);
    assertEquals(outline(bytes), ["records"], `count ${count}`);
  }
});

Deno.test("RecordBatchReader refuses offsets that do not grow", () => {
  const bytes = batch(0, 2);
  const varints = new VarintReader();
  varints.reset(bytes, layout.RECORDS_AT, bytes.length);
  const second = varints.read() + varints.position;
  assertEquals(bytes[second + 3], 2, "the offset delta of the second record");
  bytes[second + 3] = 0;
  sealRecordBatch(bytes);
  assertEquals(outline(bytes), ["records"]);
});

Deno.test("RecordBatchReader survives any byte changed, with and without a right checksum", () => {
  const original = concat([batch(0, 6), batch(6, 6, { codec: 1 }), batch(12, 3)]);
  let readable = 0;
  for (let at = 0; at < original.length; at++) {
    for (const change of [0x01, 0x40, 0x80, 0xff]) {
      for (const seal of [false, true]) {
        const set = original.slice();
        set[at]! ^= change;
        if (seal) sealWhereFramed(set);
        readable += walkWithinBounds(set);
      }
    }
  }
  assert(readable > 0);
});

Deno.test("RecordBatchReader survives noise", () => {
  let state = 12345;
  for (let round = 0; round < 2000; round++) {
    const set = new Uint8Array(round % 300);
    for (let i = 0; i < set.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      set[i] = state >>> 16;
    }
    // Small lengths and the right magic, so that the walk gets somewhere.
    for (let i = layout.LENGTH_AT; i + 9 < set.length; i += 61) {
      writeInt32(set, i, 61);
      set[i + 8] = 2;
    }
    if (round % 2 === 0) sealWhereFramed(set);
    walkWithinBounds(set);
  }
});

function sealWhereFramed(set: Uint8Array): void {
  const view = new DataView(set.buffer, set.byteOffset, set.byteLength);
  for (let at = 0; at + layout.RECORDS_AT <= set.length;) {
    const size = view.getInt32(at + layout.LENGTH_AT) + layout.LOG_OVERHEAD_BYTES;
    if (size < layout.RECORDS_AT || at + size > set.length) return;
    sealRecordBatch(set.subarray(at, at + size));
    at += size;
  }
}

/** Walks everything; returns the number of records that were given out. */
function walkWithinBounds(set: Uint8Array): number {
  const reader = newReader();
  const headers = new RecordHeaderReader();
  reader.reset(set);
  let count = 0;
  let batchEnd = 0;
  while (reader.nextBatch()) {
    assertEquals(reader.batchFrom, batchEnd);
    batchEnd = reader.batchTo;
    assert(batchEnd > reader.batchFrom && batchEnd <= set.length);
    let inBatch = 0;
    for (; reader.nextRecord(); inBatch++) {
      assert(isRange(reader.keyFrom, reader.keyTo, reader.bytes));
      assert(isRange(reader.valueFrom, reader.valueTo, reader.bytes));
      assert(reader.offset >= reader.baseOffset && reader.offset <= reader.lastOffset);
      headers.reset(reader.bytes, reader.headersFrom, reader.headersTo, reader.headerCount);
      while (headers.next()) {
        assert(isRange(headers.keyFrom, headers.keyTo, reader.bytes));
        assert(isRange(headers.valueFrom, headers.valueTo, reader.bytes));
      }
      assert(headers.isWhole);
    }
    assertEquals(inBatch, reader.undecodable === null ? reader.recordCount : 0);
    count += inBatch;
  }
  return count;
}

function isRange(from: number, to: number, bytes: Uint8Array): boolean {
  return (from === -1 && to === -1) || (from >= 0 && from <= to && to <= bytes.length);
}
