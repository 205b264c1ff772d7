import { assert, assertEquals } from "@std/assert";
import { writeInt32, writeInt64 } from "../../lib/core/big_endian.ts";
import { DecompressError } from "../../lib/core/decompress.ts";
import {
  encodeRecordBatch,
  type RecordInput,
  sealRecordBatch,
} from "../../lib/core/record_batch_encoder.ts";
import * as layout from "../../lib/core/record_batch_layout.ts";
import { RecordBatchReader, type UndecodableReason } from "../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../lib/core/record_header_reader.ts";
import { VarintReader, writeVarint } from "../../lib/core/varint.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NOW = 1_761_955_605_000;

/** Codec 1 is a stand-in that adds one to every byte; codec 2 fails, codec 3 is over any limit. */
function decompress(codec: number, bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (codec === 2) throw new DecompressError("broken input", { code: "corrupt" });
  if (codec === 3) throw new DecompressError(`over ${bytesMax}`, { code: "too_large" });
  if (codec === 4) throw new RangeError("out of memory");
  if (codec !== 1) throw new DecompressError(`codec ${codec}`, { code: "unknown_codec" });
  return bytes.map((byte) => byte - 1);
}

function newReader(): RecordBatchReader {
  return new RecordBatchReader({ decompress, decompressedBytesMax: 1 << 20 });
}

function records(count: number, from = 0): RecordInput[] {
  return Array.from({ length: count }, (_, i) => ({
    timestampMs: NOW + i * 10,
    key: (from + i) % 3 === 2 ? null : encoder.encode(`key-${from + i}`),
    value: (from + i) % 4 === 3 ? null : encoder.encode(`value-${from + i}`),
    headers: (from + i) % 2 === 0 ? [] : [
      { key: encoder.encode("a"), value: encoder.encode("1") },
      { key: encoder.encode("nothing"), value: null },
    ],
  }));
}

function batch(
  baseOffset: number,
  count: number,
  options: { readonly attributes?: number; readonly codec?: number } = {},
): Uint8Array<ArrayBuffer> {
  return encodeRecordBatch({
    baseOffset,
    producerId: 4000,
    epoch: 7,
    baseSequence: 99,
    records: records(count, baseOffset),
    attributes: options.attributes ?? 0,
    ...(options.codec === undefined ? {} : {
      compression: { codec: options.codec, compress: (bytes) => bytes.map((byte) => byte + 1) },
    }),
  });
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function text(bytes: Uint8Array, from: number, to: number): string | null {
  return from < 0 ? null : decoder.decode(bytes.subarray(from, to));
}

interface Read {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string | null, string | null])[];
}

function readRecords(reader: RecordBatchReader): Read[] {
  const headers = new RecordHeaderReader();
  const read: Read[] = [];
  while (reader.nextRecord()) {
    headers.reset(reader.bytes, reader.headersFrom, reader.headersTo, reader.headerCount);
    const pairs: [string | null, string | null][] = [];
    while (headers.next()) {
      pairs.push([
        text(headers.bytes, headers.keyFrom, headers.keyTo),
        text(headers.bytes, headers.valueFrom, headers.valueTo),
      ]);
    }
    read.push({
      offset: reader.offset,
      timestampMs: reader.timestampMs,
      key: text(reader.bytes, reader.keyFrom, reader.keyTo),
      value: text(reader.bytes, reader.valueFrom, reader.valueTo),
      headers: pairs,
    });
  }
  return read;
}

function expected(count: number, baseOffset: number): Read[] {
  return records(count, baseOffset).map((record, i) => ({
    offset: baseOffset + i,
    timestampMs: record.timestampMs,
    key: record.key && decoder.decode(record.key),
    value: record.value && decoder.decode(record.value),
    headers: record.headers.map(({ key, value }) =>
      [decoder.decode(key), value && decoder.decode(value)] as const
    ),
  }));
}

/** What a reader makes of a set, batch by batch: its records' offsets, or why there are none. */
function outline(set: Uint8Array): (number[] | UndecodableReason)[] {
  const reader = newReader();
  reader.reset(set);
  const batches: (number[] | UndecodableReason)[] = [];
  while (reader.nextBatch()) {
    const offsets = readRecords(reader).map(({ offset }) => offset);
    if (reader.undecodable !== null) assertEquals(offsets, []);
    batches.push(reader.undecodable ?? offsets);
  }
  return batches;
}

Deno.test("RecordBatchReader gives back what was encoded, batch by batch", () => {
  const reader = newReader();
  const second = batch(2 ** 41, 9);
  reader.reset(concat(batch(0, 5), second));
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
  reader.reset(concat(batch(10, 6, { codec: 1 }), batch(16, 2)));
  assert(reader.nextBatch());
  assertEquals(reader.codec, 1);
  assertEquals(readRecords(reader), expected(6, 10));
  assert(reader.nextBatch());
  assertEquals(readRecords(reader), expected(2, 16));
});

Deno.test("RecordBatchReader may skip the records of a batch", () => {
  const reader = newReader();
  reader.reset(concat(batch(0, 5), batch(5, 5)));
  assert(reader.nextBatch());
  assert(reader.nextRecord());
  assert(reader.nextBatch());
  assertEquals(readRecords(reader), expected(5, 5));
});

Deno.test("RecordBatchReader.rewindRecords() gives the records again, of a decodable batch", () => {
  const bytes = batch(3, 3);
  setCount(bytes, 4);
  const reader = newReader();
  reader.reset(concat(batch(0, 3, { codec: 1 }), bytes));
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
  const set = concat(first, batch(4, 4));
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
    reader.reset(concat(batch(0, 5), bytes, batch(8, 2)));
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

function setCount(bytes: Uint8Array, count: number): void {
  writeInt32(bytes, layout.RECORD_COUNT_AT, count);
  sealRecordBatch(bytes);
}

Deno.test("RecordBatchReader finds every lie about counts, offsets and lengths", () => {
  const header = batch(0, 1).subarray(0, layout.RECORDS_AT);
  /** One record: attributes, timestamp, offset, key, value, headers, as bytes or varints. */
  const withBody = (body: readonly number[], length = body.length, lastOffsetDelta = 0) => {
    const prefix = new Uint8Array(10);
    const prefixSize = writeVarint(prefix, 0, length);
    const bytes = concat(header, prefix.subarray(0, prefixSize), Uint8Array.from(body));
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
    assertEquals(outline(concat(bytes, batch(7, 1))), ["records", [7]], lie);
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
  const original = concat(batch(0, 6), batch(6, 6, { codec: 1 }), batch(12, 3));
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
