import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
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
  WHOLE,
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
  const decoder = newDecoder(metrics);
  decoder.begin(fetchOf(batches, options));
  const decoded = decoder.decode(chunk, NOW, WHOLE);
  assert(decoded.isLast);
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
  const decoder = newDecoder(new EngineMetrics());
  decoder.begin(fetched);
  const { letters } = decoder.decode(new EventChunk(1), NOW, WHOLE);
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

Deno.test("InputDecoder decodes in pieces what one piece gives whole", () => {
  const broken = batchOf(20, [startOf("x", 1)]);
  broken[CRC_AT]! ^= 1;
  const batches = [
    batchOf(0, [recordOf("no"), startOf("a", 1), recordOf("no"), recordOf("no"), startOf("b", 2)]),
    batchOf(7, [recordOf(null), recordOf("no")]),
    broken,
    batchOf(25, [startOf("c", 3), recordOf("no"), recordOf(null)]),
  ];
  const whole = decode(batches, { fetchOffset: 1 });
  const offsets = (chunk: EventChunk) =>
    Array.from({ length: chunk.count }, (_, event) => chunk.offset(event));
  for (const lettersMax of [1, 2, 3]) {
    const decoder = newDecoder(new EngineMetrics());
    decoder.begin(fetchOf(batches, { fetchOffset: 1 }));
    const chunk = new EventChunk(1);
    const letters: number[] = [];
    let nextOffset = 0;
    let isLast = false;
    while (!isLast) {
      const piece = decoder.decode(chunk, NOW, { lettersMax, letterBytesMax: Infinity });
      assertLessOrEqual(piece.letters.length, lettersMax);
      letters.push(...piece.letters.map(({ offset }) => offset));
      // No offset is passed whose event or letter is not there.
      const most = Math.max(nextOffset, letters.at(-1) ?? 0, offsets(chunk).at(-1) ?? 0);
      assertLessOrEqual(most, piece.nextOffset);
      ({ nextOffset, isLast } = piece);
      if (isLast) assertEquals(nextOffset, whole.nextOffset);
    }
    assertEquals(letters, whole.letters.map(({ offset }) => offset));
    assertEquals(offsets(chunk), offsets(whole.chunk));
  }
  assertEquals([whole.letters.length, whole.chunk.count, whole.nextOffset], [5, 3, 28]);
});

Deno.test("InputDecoder ends a piece with the letter that reaches the limit of bytes", () => {
  const decoder = newDecoder(new EngineMetrics());
  decoder.begin(fetchOf([batchOf(0, Array.from({ length: 5 }, () => recordOf("12345")))]));
  const limits = { lettersMax: Infinity, letterBytesMax: 11 };
  const pieces = [1, 2].map(() => decoder.decode(new EventChunk(1), NOW, limits));
  assertEquals(
    pieces.map(({ letters, letterBytes, isLast }) => [letters.length, letterBytes, isLast]),
    [[3, 15, false], [2, 10, true]],
  );
});
