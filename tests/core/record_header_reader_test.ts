import { assert, assertEquals } from "@std/assert";
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../lib/core/record_header_reader.ts";

const encoder = new TextEncoder();

Deno.test("RecordHeaderReader.find() finds a header by its name, each of several", () => {
  const bytes = encodeRecordBatch({
    baseOffset: 0,
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    records: [{
      timestampMs: 0,
      key: null,
      value: null,
      headers: [
        { key: encoder.encode("sw-positio"), value: encoder.encode("0") },
        { key: encoder.encode("sw-position"), value: encoder.encode("1") },
        { key: encoder.encode("x"), value: null },
        { key: encoder.encode("sw-position"), value: encoder.encode("2") },
      ],
    }],
  });
  const reader = new RecordBatchReader({
    decompress: (_, bytes) => bytes,
    decompressedBytesMax: 1,
  });
  reader.reset(bytes);
  assert(reader.nextBatch() && reader.nextRecord());
  const headers = new RecordHeaderReader();
  headers.reset(reader.bytes, reader.headersFrom, reader.headersTo, reader.headerCount);
  const value = () =>
    new TextDecoder().decode(headers.bytes.subarray(headers.valueFrom, headers.valueTo));
  const name = encoder.encode("sw-position");
  assert(headers.find(name));
  assertEquals(value(), "1");
  assert(headers.find(name));
  assertEquals(value(), "2");
  assertEquals(headers.find(name), false);
});
