import { assertEquals } from "@std/assert";
import type { ModelRecord } from "../support/model/model_record.ts";
import { modelMurmur2, modelPartition, renderRecord } from "../support/model/render.ts";

const STARTED_AT = Date.UTC(2025, 10, 1, 0, 6, 45);

const HEARTBEAT: ModelRecord = {
  deviceId: "…",
  sessionId: { text: "9402035216", isNumber: true },
  accountId: "…",
  status: "SessionHeartbeat",
  reason: null,
  seq: 3,
  startedAtMs: STARTED_AT,
  orderKeyMs: STARTED_AT,
  atMs: STARTED_AT + 90_000,
  durationMs: 90_000,
  reportedDurationMs: null,
  nextAtMs: STARTED_AT + 120_000,
  sourceTimestampMs: STARTED_AT,
  emittedAtMs: STARTED_AT + 90_002,
};

const END: ModelRecord = {
  ...HEARTBEAT,
  deviceId: 'a"\\\n\u0001é\u2028\u{1f3ae}/',
  sessionId: { text: "x\t", isNumber: false },
  accountId: null,
  status: "SessionEnd",
  reason: "ended",
  orderKeyMs: STARTED_AT - 1,
  reportedDurationMs: 61_999,
  nextAtMs: null,
};

Deno.test("renderRecord() writes the contract's heartbeat of layout plain", () => {
  assertEquals(
    renderRecord(HEARTBEAT, "plain"),
    '{"deviceId":"…","sessionId":9402035216,"accountId":"…","status":"SessionHeartbeat","reason":null,"seq":3,"startedAt":"2025-11-01T00:06:45.000Z","timestamp":null,"at":"2025-11-01T00:08:15.000Z","durationMs":90000,"reportedDurationMs":null,"nextAt":"2025-11-01T00:08:45.000Z","sourceTimestamp":"2025-11-01T00:06:45.000Z","emittedAt":"2025-11-01T00:08:15.002Z"}',
  );
});

Deno.test("renderRecord() writes the contract's heartbeat of layout rtm-gaming", () => {
  // The order key is that of the start; the contract's example shows the same session.
  assertEquals(
    renderRecord(HEARTBEAT, "rtm-gaming"),
    '{"deviceId":"…","appSessionId":9402035216,"psnAccountId":"…","sessionStatus":"SessionHeartbeat","session_timestamp":"2025-11-01T00:06:45.000Z","sessionDuration":90,"upstream_timestamp":"2025-11-01T00:06:45.000Z","processing_timestamp":"2025-11-01T00:08:15.002Z","timer_info":"2025-11-01T00:08:45.000Z","debug_info":"seq=3 key=1761955605000 reason="}',
  );
});

Deno.test("renderRecord() writes the other forms of each field of layout plain", () => {
  assertEquals(
    renderRecord(END, "plain"),
    '{"deviceId":"a\\"\\\\\\n\\u0001é\u2028\u{1f3ae}/","sessionId":"x\\t","accountId":null,"status":"SessionEnd","reason":"ended","seq":3,"startedAt":"2025-11-01T00:06:45.000Z","timestamp":"2025-11-01T00:06:44.999Z","at":"2025-11-01T00:08:15.000Z","durationMs":90000,"reportedDurationMs":61999,"nextAt":null,"sourceTimestamp":"2025-11-01T00:06:45.000Z","emittedAt":"2025-11-01T00:08:15.002Z"}',
  );
});

Deno.test("renderRecord() writes the reported duration of layout rtm-gaming, rounded down", () => {
  assertEquals(
    renderRecord(END, "rtm-gaming"),
    '{"deviceId":"a\\"\\\\\\n\\u0001é\u2028\u{1f3ae}/","appSessionId":"x\\t","psnAccountId":null,"sessionStatus":"SessionEnd","session_timestamp":"2025-11-01T00:06:45.000Z","sessionDuration":61,"upstream_timestamp":"2025-11-01T00:06:45.000Z","processing_timestamp":"2025-11-01T00:08:15.002Z","timer_info":null,"debug_info":"seq=3 key=1761955604999 reason=ended"}',
  );
});

Deno.test("modelMurmur2() agrees with the vectors of Kafka's own tests", () => {
  const vectors: Record<string, number> = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
  };
  for (const [key, expected] of Object.entries(vectors)) {
    assertEquals(modelMurmur2(new TextEncoder().encode(key)), expected, key);
  }
});

Deno.test("modelPartition() masks the sign before it divides", () => {
  assertEquals(modelPartition("21", 16), (-973932308 & 0x7fffffff) % 16);
  assertEquals(modelPartition("anything", 1), 0);
});
