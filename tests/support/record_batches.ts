/** Batches to read, and what a reader makes of them. */
import { assertEquals } from "@std/assert";
import { writeInt32 } from "../../lib/core/big_endian.ts";
import { DecompressError } from "../../lib/core/decompress.ts";
import {
  encodeRecordBatch,
  type RecordInput,
  sealRecordBatch,
} from "../../lib/core/record_batch_encoder.ts";
import { RECORD_COUNT_AT } from "../../lib/core/record_batch_layout.ts";
import { RecordBatchReader, type UndecodableReason } from "../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../lib/core/record_header_reader.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const NOW = 1_761_955_605_000;

/** Codec 1 is a stand-in that adds one to every byte; codec 2 fails, codec 3 is over any limit. */
function decompress(codec: number, bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (codec === 2) throw new DecompressError("broken input", { code: "corrupt" });
  if (codec === 3) throw new DecompressError(`over ${bytesMax}`, { code: "too_large" });
  if (codec === 4) throw new RangeError("out of memory");
  if (codec !== 1) throw new DecompressError(`codec ${codec}`, { code: "unknown_codec" });
  return bytes.map((byte) => byte - 1);
}

export function newReader(): RecordBatchReader {
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

export function batch(
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

/** Of an array: there may be more parts than a call takes arguments. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
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

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string | null, string | null])[];
}

export function readRecords(reader: RecordBatchReader): ReadRecord[] {
  const headers = new RecordHeaderReader();
  const read: ReadRecord[] = [];
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

export function expected(count: number, baseOffset: number): ReadRecord[] {
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
export function outline(set: Uint8Array): (number[] | UndecodableReason)[] {
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

/** Makes a batch say that it holds so many records, under a right checksum. */
export function setCount(bytes: Uint8Array, count: number): void {
  writeInt32(bytes, RECORD_COUNT_AT, count);
  sealRecordBatch(bytes);
}
