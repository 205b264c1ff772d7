import { assertAlmostEquals, assertEquals, assertFalse, assertGreater } from "@std/assert";
import { partitionOf } from "../../../lib/core/murmur2.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";
import { LatencyHistogram } from "../../../lib/telemetry/latency_histogram.ts";
import { DeviceIds, UUID_BYTES } from "./device_ids.ts";
import { EventBatches } from "./event_batches.ts";
import { engineBuild } from "./machine.ts";
import { quantilesOfWholeMs } from "./quantiles.ts";
import { LoadSchedule, TICK_MS } from "./load_schedule.ts";

Deno.test("engineBuild() reads what /metrics says of the build", () => {
  const text = "# TYPE sessionwheel_build_info gauge\n" +
    'sessionwheel_build_info{version="0.1.0",commit="c46d77195c9c",deno="2.6.10"} 1\n';
  assertEquals(engineBuild(text), { version: "0.1.0", commit: "c46d77195c9c", deno: "2.6.10" });
  assertEquals(engineBuild("other 1\n"), null);
});

Deno.test("DeviceIds reads back the number of each id it wrote, and of no other", () => {
  const ids = new DeviceIds(7);
  const bytes = new Uint8Array(UUID_BYTES + 5);
  for (const n of [0, 1, 2, 65_535, 4_000_000, 2 ** 31, 2 ** 32 - 1]) {
    assertEquals(ids.writeUuid(bytes, 3, n), 3 + UUID_BYTES);
    const text = new TextDecoder().decode(bytes.subarray(3, 3 + UUID_BYTES));
    assertEquals(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text), true, text);
    assertEquals(ids.readUuid(bytes, 3), n);
    assertEquals(new DeviceIds(8).readUuid(bytes, 3), -1);
    for (let i = 3; i < 3 + UUID_BYTES; i++) {
      bytes[i]! ^= 1;
      assertEquals(ids.readUuid(bytes, 3), -1, `byte ${i} of ${text}`);
      bytes[i]! ^= 1;
    }
  }
});

Deno.test("LoadSchedule ends each session once, after its start, and keeps the number of active", () => {
  for (const [sessions, eventsPerMinute] of [[1000, 125], [7, 1], [4096, 60_000]] as const) {
    const config = { seed: 3, sessions, eventsPerMinute, preloadMs: 30_000 };
    const schedule = new LoadSchedule(config, 1_700_000_000_000);
    const untilMs = schedule.steadyFromMs + Math.ceil(3 * sessions / eventsPerMinute * 60_000);
    const ends = schedule.endsBy(untilMs);
    assertGreater(ends, sessions);
    const ended = new Set<number>();
    for (let e = 0; e < ends; e++) {
      const n = schedule.endedSession(e);
      assertFalse(ended.has(n));
      ended.add(n);
      assertEquals(schedule.endOf(n), e);
      const endMs = schedule.endMs(n);
      assertGreater(endMs, schedule.startMs(n));
      assertEquals((endMs - schedule.fromMs) % TICK_MS, 0);
      assertEquals([schedule.endsBy(endMs - 1) <= e, schedule.endsBy(endMs) > e], [true, true]);
    }
    assertEquals(schedule.startsBy(untilMs) - ends <= 1, true);
  }
});

Deno.test("LoadSchedule spreads the preload evenly over its time", () => {
  const config = { seed: 3, sessions: 1001, eventsPerMinute: 10, preloadMs: 30_000 };
  const schedule = new LoadSchedule(config, 1_700_000_000_000);
  for (let n = 0; n < 1001; n++) {
    const startMs = schedule.startMs(n);
    assertEquals([schedule.preloadedBy(startMs - 1) <= n, schedule.preloadedBy(startMs) > n], [
      true,
      true,
    ]);
  }
  assertEquals(schedule.preloadedBy(schedule.fromMs - 1), 0);
});

Deno.test("EventBatches encodes events that a reader finds on the partition of their device", () => {
  const ids = new DeviceIds(1);
  const events = new EventBatches(ids, "a-topic", 3);
  const stampMs = Date.UTC(2025, 10, 1, 0, 6, 45);
  for (let n = 0; n < 100; n++) {
    if (n % 2 === 0) events.addStart(n, stampMs + n);
    else events.addEnd(n, stampMs + n, 12_999);
  }
  const frame = events.takeRequest(9)!;
  assertEquals(events.takeRequest(10), null);
  const view = new DataView(frame.buffer);
  assertEquals([view.getInt32(0), view.getInt32(8)], [frame.length - 4, 9]);
  let at = 28 + "a-topic".length;
  const partitions = view.getInt32(at);
  at += 4;
  let count = 0;
  const reader = new RecordBatchReader({
    decompress: (_, bytes) => bytes,
    decompressedBytesMax: 1,
  });
  for (let i = 0; i < partitions; i++) {
    const partition = view.getInt32(at);
    const length = view.getInt32(at + 4);
    reader.reset(frame.subarray(at + 8, at + 8 + length));
    at += 8 + length;
    assertEquals(reader.nextBatch(), true);
    assertEquals(reader.undecodable, null);
    while (reader.nextRecord()) {
      const n = ids.readUuid(reader.bytes, reader.keyFrom);
      assertEquals(partitionOf(reader.bytes, reader.keyFrom, reader.keyTo, 3), partition);
      assertEquals(reader.timestampMs, stampMs + n);
      const text = new TextDecoder().decode(reader.bytes.slice(reader.valueFrom, reader.valueTo));
      const event = JSON.parse(text);
      assertEquals(event.type, n % 2 === 0 ? "start" : "end");
      assertEquals(event.sessionId, 9_000_000_000 + n);
      assertEquals(event.durationSeconds, n % 2 === 0 ? undefined : 12);
      assertEquals(Date.parse(event.timestamp), stampMs + n - ids.clockBehindMs(n));
      count++;
    }
  }
  assertEquals([count, at], [100, frame.length]);
});

Deno.test("quantilesOfWholeMs() finds back the quantiles of values that were cut to milliseconds", () => {
  for (const widthMs of [2.5, 7, 40]) {
    const histogram = new LatencyHistogram();
    for (let i = 0; i < 100_000; i++) histogram.record(Math.floor(i / 100_000 * widthMs));
    const found = quantilesOfWholeMs(histogram);
    for (const [q, ms] of [[0.5, found.p50], [0.9, found.p90], [0.99, found.p99]] as const) {
      // Of the last millisecond only a part is filled, which is what cutting loses.
      const filled = Math.min(Math.floor(q * widthMs) + 1, widthMs);
      const share = (q * widthMs - Math.floor(q * widthMs)) / (filled - Math.floor(q * widthMs));
      assertAlmostEquals(ms!, Math.floor(q * widthMs) + share, 0.02, `${q} of ${widthMs}`);
    }
  }
  assertEquals(quantilesOfWholeMs(new LatencyHistogram()).p99, null);
});
