import { assertEquals, assertStringIncludes } from "@std/assert";
import { EventChunk } from "../../lib/core/event_chunk.ts";
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_TRANSACTIONAL,
  CRC_AT,
} from "../../lib/core/record_batch_layout.ts";
import type { RecordInput } from "../../lib/core/record_batch_encoder.ts";
import type { DeadLetter } from "../../lib/ports/dead_letters.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import {
  batchOf,
  fetchOf,
  type FetchOptions,
  newDecoder,
  recordOf,
  startOf,
} from "../support/engine/fetches.ts";

const NOW = 1_000_000;

interface Decoded {
  readonly chunk: EventChunk;
  readonly letters: readonly DeadLetter[];
  readonly nextOffset: number;
  readonly metrics: EngineMetrics;
}

function decode(batches: readonly Uint8Array[], options: FetchOptions = {}): Decoded {
  const metrics = new EngineMetrics();
  const chunk = new EventChunk(1);
  const decoded = newDecoder(metrics).decode(fetchOf(batches, options), chunk, NOW);
  return { chunk, metrics, ...decoded };
}

Deno.test("InputDecoder takes events in the order of their offsets, over batches", () => {
  const { chunk, letters, nextOffset } = decode([
    batchOf(5, [startOf("a", 1, 10), startOf("b", 2, 20)]),
    batchOf(9, [startOf("c", 3, 15)]),
  ]);
  assertEquals([chunk.count, letters.length, nextOffset], [3, 0, 10]);
  assertEquals([chunk.offset(0), chunk.offset(1), chunk.offset(2)], [5, 6, 9]);
  assertEquals([0, 1, 2].map((event) => chunk.sourceTimestampMs(event)), [10, 20, 15]);
});

Deno.test("InputDecoder skips what lies before the offset that was asked for", () => {
  const { chunk, letters, nextOffset, metrics } = decode(
    [
      batchOf(5, [recordOf("broken"), startOf("b", 2), recordOf("broken"), startOf("d", 4)]),
    ],
    { fetchOffset: 7 },
  );
  assertEquals([chunk.count, chunk.offset(0)], [1, 8]);
  assertEquals([letters.map(({ offset }) => offset), nextOffset], [[7], 9]);
  assertEquals(metrics.rejected.not_json, 1);
});

Deno.test("InputDecoder of an empty fetch goes on where it asked", () => {
  const { chunk, letters, nextOffset } = decode([], { fetchOffset: 12 });
  assertEquals([chunk.count, letters.length, nextOffset], [0, 0, 12]);
});

Deno.test("InputDecoder ignores and counts null values and other types", () => {
  const { chunk, letters, nextOffset, metrics } = decode([
    batchOf(0, [recordOf(null), recordOf({ type: "other" }), startOf("a", 1)]),
  ]);
  assertEquals([chunk.count, letters.length, nextOffset], [1, 0, 3]);
  assertEquals([metrics.events.nullValue, metrics.events.otherType], [1, 1]);
});

Deno.test("InputDecoder passes control batches", () => {
  const marker: RecordInput = {
    timestampMs: 0,
    key: new Uint8Array(4),
    value: new Uint8Array(6),
    headers: [],
  };
  const { chunk, letters, nextOffset } = decode([
    batchOf(3, [startOf("a", 1)]),
    batchOf(4, [marker], { attributes: ATTRIBUTE_CONTROL | ATTRIBUTE_TRANSACTIONAL }),
  ]);
  assertEquals([chunk.count, letters.length, nextOffset], [1, 0, 5]);
});

const TIMESTAMPS:
  readonly (readonly [at: number, used: number, count: "future" | "negative" | null])[] = [
    [0, 0, null],
    [NOW, NOW, null],
    [NOW + 1, NOW, "future"],
    [-1, NOW, "negative"],
    [-(2 ** 40), NOW, "negative"],
    [2 ** 52, NOW, "future"],
  ];

for (const [at, used, count] of TIMESTAMPS) {
  Deno.test(`InputDecoder takes the record timestamp ${at} as ${used}`, () => {
    const { chunk, metrics } = decode([batchOf(0, [startOf("a", 1, at)])]);
    assertEquals(chunk.sourceTimestampMs(0), used);
    assertEquals(metrics.timestampsCorrected, {
      future: count === "future" ? 1 : 0,
      negative: count === "negative" ? 1 : 0,
    });
  });
}

Deno.test("InputDecoder writes a dead letter with key, value and headers as they came", () => {
  const header = { key: new TextEncoder().encode("trace"), value: new Uint8Array([1, 2]) };
  const none = { key: new TextEncoder().encode("none"), value: null };
  const key = new TextEncoder().encode("key");
  const value = new TextEncoder().encode("[1]");
  const { letters, chunk, metrics } = decode([
    batchOf(40, [startOf("a", 1), { timestampMs: 77, key, value, headers: [header, none] }]),
  ]);
  assertEquals(chunk.count, 1);
  const { detail, ...letter } = letters[0]!;
  assertEquals(letter, {
    reason: "not_object",
    topic: "events",
    partition: 7,
    offset: 41,
    count: 1,
    timestampMs: 77,
    key,
    value,
    headers: [header, none],
  });
  assertEquals(typeof detail, "string");
  assertEquals(metrics.rejected.not_object, 1);
});

Deno.test("InputDecoder's dead letters do not depend on the fetched bytes", () => {
  const fetched = fetchOf([batchOf(0, [recordOf("broken")])]);
  const { letters } = newDecoder(new EngineMetrics()).decode(fetched, new EventChunk(1), NOW);
  fetched.records.fill(0);
  assertEquals(new TextDecoder().decode(letters[0]!.value!), "broken");
});

Deno.test("InputDecoder refuses a value over the limit as a whole", () => {
  const { letters } = decode([batchOf(0, [recordOf("x".repeat(1001))])]);
  assertEquals([letters[0]!.reason, letters[0]!.value!.length], ["too_large", 1001]);
});

Deno.test("InputDecoder makes one dead letter of a batch that cannot be decoded, and goes on", () => {
  const broken = batchOf(10, [startOf("a", 1), startOf("b", 2), startOf("c", 3)]);
  broken[CRC_AT] = broken[CRC_AT]! ^ 1;
  const batches = [batchOf(9, [startOf("z", 0)]), broken, batchOf(13, [startOf("d", 4)])];
  const { chunk, letters, nextOffset, metrics } = decode(batches, { fetchOffset: 9 });
  assertEquals([chunk.count, chunk.offset(0), chunk.offset(1), nextOffset], [2, 9, 13, 14]);
  const { reason, offset, count, value, key, detail } = letters[0]!;
  assertEquals([letters.length, reason, offset, count, key], [1, "undecodable", 10, 3, null]);
  assertEquals(value, broken);
  assertStringIncludes(detail, "checksum");
  assertEquals(metrics.rejected.undecodable, 1);
});

Deno.test("InputDecoder does not tell of an undecodable batch that it has passed", () => {
  const broken = batchOf(10, [startOf("a", 1), startOf("b", 2)]);
  broken[CRC_AT] = broken[CRC_AT]! ^ 1;
  const { letters, nextOffset } = decode([broken], { fetchOffset: 12 });
  assertEquals([letters.length, nextOffset], [0, 12]);
});
