import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import kafkajsDecoder from "kafkajs/src/protocol/decoder.js";
import decodeByKafkajs from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import {
  BatchBuilder,
  KIND_ENDED,
  KIND_HEARTBEAT,
  KIND_START,
  KIND_SUPERSEDED,
  KIND_TIMEOUT,
  LATENESS_MS_MAX,
  POSITION_HEADER,
} from "../../lib/core/batch_builder.ts";
import { InvariantError } from "../../lib/core/invariant.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { TIME_CLOCK, TIME_EMITTED } from "../../lib/core/record_draft.ts";
import { RECORD_BYTES_MAX, type RecordLayout } from "../../lib/core/record_layout.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import type { ModelRecord } from "../support/model/model_record.ts";
import { renderRecord } from "../support/model/render.ts";
import { Random } from "../support/random.ts";
import { randomRecord, recordCase } from "../support/record_case.ts";

const NOW = Date.UTC(2025, 10, 1, 0, 6, 45);
const MIB = 1 << 20;
const encoder = new TextEncoder();

interface KafkajsRecord {
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Record<string, Buffer>;
}

Deno.test("BatchBuilder writes what the plain encoder writes, whatever the records", () => {
  const random = new Random(1);
  const builder = new BatchBuilder(new PlainRecordLayout(), MIB);
  const rows = new SessionRows(1);
  for (let round = 0; round < 200; round++) {
    const records = Array.from(
      { length: random.pick([1, 2, 3, 20, 63, 64, 65, 130]) },
      () => randomRecord(random, NOW),
    );
    const nowMs = NOW + random.int(0, 5000);
    // The builder's timestamps are relative to its now, the plain encoder's to the first record.
    const emitted = records.map((_, i) => nowMs + (i && random.pick([0, 1, 63, 64, 8191, 8192])));
    const position = random.bytes(random.pick([1, 40, 63, 64, 600, 8191, 8192, 20_000]));
    builder.begin(nowMs);
    for (const [i, record] of records.entries()) {
      const { row, draft } = recordCase(record, rows);
      draft.times[TIME_EMITTED] = emitted[i]!;
      builder.append(rows, row, draft);
      rows.free(row);
    }
    const batch = builder.finish(77, 5, 2 ** 31 - 3, position, position.length);
    const expected = encodeRecordBatch({
      baseOffset: 0,
      producerId: 77,
      epoch: 5,
      baseSequence: 2 ** 31 - 3,
      records: records.map((record, i) => ({
        timestampMs: emitted[i]!,
        key: encoder.encode(record.deviceId),
        value: encoder.encode(renderRecord({ ...record, emittedAtMs: emitted[i]! }, "plain")),
        headers: i < records.length - 1
          ? []
          : [{ key: encoder.encode(POSITION_HEADER), value: position }],
      })),
    });
    assertEquals(comparable(batch), comparable(expected));
  }
});

Deno.test("kafkajs decodes what BatchBuilder writes", async () => {
  const random = new Random(2);
  const rows = new SessionRows(1);
  const builder = new BatchBuilder(new PlainRecordLayout(), MIB);
  const records = Array.from({ length: 100 }, () => randomRecord(random, NOW));
  builder.begin(NOW);
  for (const record of records) {
    const { row, draft } = recordCase(record, rows);
    builder.append(rows, row, draft);
  }
  const position = random.bytes(300);
  const batch = builder.finish(2 ** 40, 7, 123, position, position.length);
  const Decoder = kafkajsDecoder as unknown as new (bytes: Buffer) => unknown;
  const decode = decodeByKafkajs as unknown as (decoder: unknown) => Promise<
    { producerId: string; producerEpoch: number; maxTimestamp: string; records: KafkajsRecord[] }
  >;
  const decoded = await decode(new Decoder(Buffer.from(batch)));
  assertEquals([decoded.producerId, decoded.producerEpoch], [`${2 ** 40}`, 7]);
  assertEquals(decoded.records.length, records.length);
  assertEquals(Number(decoded.maxTimestamp), Math.max(...records.map((r) => r.emittedAtMs)));
  for (const [i, record] of records.entries()) {
    const { offset, key, value, timestamp, headers } = decoded.records[i]!;
    assertEquals([Number(offset), Number(timestamp)], [i, record.emittedAtMs]);
    assertEquals([key.toString(), value.toString()], [
      record.deviceId,
      renderRecord(record, "plain"),
    ]);
    const names = Object.keys(headers);
    assertEquals(names, i === 99 ? [POSITION_HEADER] : []);
    if (i === 99) assertEquals(new Uint8Array(headers[POSITION_HEADER]!), position);
  }
});

/** A layout whose values have the length that the test wants. */
class SizedLayout implements RecordLayout {
  readonly name = "sized";
  length = 64;

  write(_rows: unknown, _row: number, _draft: unknown, out: Uint8Array, position: number): number {
    out.fill(0x78, position, position + this.length);
    return position + this.length;
  }

  read(): boolean {
    return false;
  }
}

for (const keyLength of [1, 63, 64, 65, 127, 128, 256]) {
  Deno.test(`BatchBuilder writes records of all lengths behind a key of ${keyLength} bytes`, () => {
    const layout = new SizedLayout();
    const builder = new BatchBuilder(layout, MIB);
    const { rows, row, draft } = recordCase({ ...model(), deviceId: "k".repeat(keyLength) });
    for (const length of [64, 65, 127, 128, 3000, 3800]) {
      // One byte more or less at the borders of every varint there is.
      for (const headerLength of [0, 1, 63, 64, 8191 - length, 8150 - length, 8192]) {
        layout.length = length;
        builder.begin(NOW);
        draft.times[TIME_EMITTED] = NOW;
        builder.append(rows, row, draft);
        const position = new Uint8Array(headerLength).fill(1);
        assertEquals(
          [...builder.finish(1, 0, 0, position, headerLength)],
          comparable(encodeRecordBatch({
            baseOffset: 0,
            producerId: 1,
            epoch: 0,
            baseSequence: 0,
            records: [{
              timestampMs: NOW,
              key: encoder.encode("k".repeat(keyLength)),
              value: new Uint8Array(length).fill(0x78),
              headers: [{ key: encoder.encode(POSITION_HEADER), value: position }],
            }],
          })),
        );
      }
    }
  });
}

Deno.test("BatchBuilder says that it has no room before it passes the limit, for the longest ids", () => {
  const random = new Random(3);
  const rows = new SessionRows(1);
  for (const limit of [65_536, 100_000, 1_000_000]) {
    for (const character of ["\u0001", "x"]) {
      const builder = new BatchBuilder(new PlainRecordLayout(), limit);
      builder.reservedBytes = 5000;
      builder.begin(NOW);
      while (builder.hasRoom()) {
        // As much as one event may cause, each an end whose clock takes its five bytes.
        for (let i = 0; i < 3; i++) {
          const { row, draft } = recordCase({
            ...model(),
            deviceId: character.repeat(256),
            sessionId: { text: character.repeat(128), isNumber: false },
            accountId: character.repeat(128),
            status: "SessionEnd",
            reason: "superseded",
            orderKeyMs: 0,
          }, rows);
          builder.append(rows, row, draft);
          rows.free(row);
        }
      }
      const endClocks = builder.endClocks.length * 5;
      const position = random.bytes(builder.reservedBytes - 40 + endClocks);
      const batch = builder.finish(1, 0, 0, position, position.length);
      assert(batch.length <= limit, `${batch.length} of ${limit}`);
      assert(batch.length > limit - 4 * RECORD_BYTES_MAX, `${batch.length} of ${limit}`);
    }
  }
});

Deno.test("BatchBuilder counts kinds, sources, end clocks and lateness of its records", () => {
  const rows = new SessionRows(1);
  const builder = new BatchBuilder(new PlainRecordLayout(), MIB);
  const add = (changes: Partial<ModelRecord>, clockMs: number) => {
    const { row, draft } = recordCase({ ...model(), ...changes }, rows);
    draft.times[TIME_CLOCK] = clockMs;
    builder.append(rows, row, draft);
  };
  builder.begin(NOW);
  const end = { status: "SessionEnd", nextAtMs: null } as const;
  add({ sourceTimestampMs: 1, status: "SessionStart" }, 10);
  add({ sourceTimestampMs: 2, ...end, reason: "ended" }, 20);
  add({ sourceTimestampMs: 3, ...end, reason: "superseded" }, 30);
  add({ sourceTimestampMs: 4, ...end, reason: "timeout" }, 40);
  add({ emittedAtMs: NOW + 90_003 }, 50);
  add({ emittedAtMs: NOW + 90_003 }, 50);
  add({ emittedAtMs: NOW + 90_000 + LATENESS_MS_MAX + 5 }, 50);
  assertEquals(builder.count, 7);
  assertEquals(
    [KIND_START, KIND_HEARTBEAT, KIND_ENDED, KIND_SUPERSEDED, KIND_TIMEOUT].map((kind) =>
      builder.kinds[kind]
    ),
    [1, 3, 1, 1, 1],
  );
  assertEquals(builder.changeSources, [1, 2, 3, 4]);
  assertEquals(builder.endClocks, [20, 30, 40]);
  assertEquals([builder.lateness[3], builder.lateness[LATENESS_MS_MAX]], [2, 1]);
  builder.begin(NOW);
  assertEquals(
    [builder.count, builder.changeSources, builder.endClocks, [...builder.kinds]],
    [0, [], [], [0, 0, 0, 0, 0]],
  );
  assertEquals([builder.latenessMaxMs, builder.lateness.every((count) => count === 0)], [0, true]);
});

Deno.test("BatchBuilder gives a large buffer back when its batches are small again", () => {
  const rows = new SessionRows(1);
  const builder = new BatchBuilder(new PlainRecordLayout(), MIB);
  const { row, draft } = recordCase(model(), rows);
  const bufferBytes = (records: number) => {
    builder.begin(NOW);
    for (let i = 0; i < records; i++) builder.append(rows, row, draft);
    return builder.finish(1, 0, 0, new Uint8Array(9), 9).buffer.byteLength;
  };
  const smallBytes = bufferBytes(10);
  const largeBytes = bufferBytes(1000);
  assert(largeBytes > 256 * 1024, `${largeBytes}`);
  // Now and then a large batch, or one that fills an eighth, keeps it.
  for (let i = 0; i < 3_000; i++) assertEquals(bufferBytes(i % 300 === 0 ? 900 : 1), largeBytes);
  for (let i = 0; i < 4_000; i++) bufferBytes(10);
  assertEquals(bufferBytes(10), smallBytes);
});

Deno.test("BatchBuilder keeps its bytes as they are until the next batch begins", () => {
  const rows = new SessionRows(1);
  const builder = new BatchBuilder(new PlainRecordLayout(), MIB);
  builder.begin(NOW);
  const { row, draft } = recordCase(model(), rows);
  for (let i = 0; i < 500; i++) builder.append(rows, row, draft);
  const batch = builder.finish(1, 0, 0, new Uint8Array(9), 9);
  const copy = batch.slice();
  rows.free(row);
  assertEquals(batch, copy);
});

Deno.test("BatchBuilder does not close a batch without records", () => {
  const builder = new BatchBuilder(new PlainRecordLayout(), MIB);
  builder.begin(NOW);
  assertThrows(() => builder.finish(1, 0, 0, new Uint8Array(1), 1), InvariantError);
});

function model(): ModelRecord {
  return {
    deviceId: "device",
    sessionId: { text: "17", isNumber: true },
    accountId: null,
    status: "SessionHeartbeat",
    reason: null,
    seq: 3,
    startedAtMs: NOW,
    orderKeyMs: NOW,
    atMs: NOW + 90_000,
    durationMs: 90_000,
    reportedDurationMs: null,
    nextAtMs: NOW + 120_000,
    sourceTimestampMs: NOW,
    emittedAtMs: NOW + 90_000,
  };
}

/** The batch but for the partition leader's epoch, which is the broker's to write. */
function comparable(batch: Uint8Array): number[] {
  const bytes = [...batch];
  bytes.fill(255, 12, 16);
  return bytes;
}
