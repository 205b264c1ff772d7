import { assertEquals, assertGreater, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { EVENT_END, EVENT_START, EventChunk } from "../../lib/core/event_chunk.ts";
import { DECODED_START, EventDecoder } from "../../lib/core/event_decoder.ts";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { RtmRecordLayout } from "../../lib/core/rtm_record_layout.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { Shard } from "../../lib/core/shard.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import type { ModelSessionId } from "../support/model/model_events.ts";
import type { ModelState } from "../support/model/model_state.ts";
import { type ModelEnd, type ModelStart, NaiveModel } from "../support/model/session_model.ts";
import { renderRecord } from "../support/model/render.ts";
import { Random } from "../support/random.ts";
import { RecordCollector } from "../support/record_collector.ts";
import { shardState, withoutEmpty } from "../support/shard_state.ts";

const START_MS = Date.UTC(2025, 10, 1, 0, 6, 45);
const DEVICES = [
  "6fb86ebc-3d88-4e31-b913-ea939acacf56",
  "6FB86EBC-3D88-4E31-B913-EA939ACACF56",
  "d",
  'quote " and \\ and \u0007',
  "日本".repeat(42),
  "0123456789abcdef",
  "0123456789abcdefg",
  "12345678901234567890",
];
const SESSIONS: ModelSessionId[] = [
  { text: "1", isNumber: true },
  { text: "1", isNumber: false },
  { text: "2", isNumber: true },
  { text: "-9223372036854775808", isNumber: true },
  { text: "18446744073709551615", isNumber: true },
  { text: "6fb86ebc-3d88-4e31-b913-ea939acacf56", isNumber: false },
  { text: 'line\n"end"', isNumber: false },
  { text: "s".repeat(128), isNumber: false },
  { text: "a-text-of-some-length", isNumber: false },
];
const ACCOUNTS = [null, "", "d03fae97-9998", "6fb86ebc-3d88-4e31-b913-ea939acacf56", '"\\'];

interface Case {
  readonly name: string;
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
  readonly graceMs: number;
  readonly stepMs: number;
  readonly layout: "plain" | "rtm-gaming";
}

const CASES: Case[] = [
  {
    name: "with the default durations",
    heartbeatIntervalMs: 30_000,
    maxDurationMs: 1_800_000,
    graceMs: 30_000,
    stepMs: 20_000,
    layout: "plain",
  },
  {
    name: "with a heartbeat past level 0 of the wheel",
    heartbeatIntervalMs: 40_000,
    maxDurationMs: 100_000,
    graceMs: 90_000,
    stepMs: 30_000,
    layout: "rtm-gaming",
  },
  {
    name: "with H = 7, M = 20, G = 5 ms",
    heartbeatIntervalMs: 7,
    maxDurationMs: 20,
    graceMs: 5,
    stepMs: 4,
    layout: "plain",
  },
  {
    name: "with no heartbeat within M and no grace",
    heartbeatIntervalMs: 1_000,
    maxDurationMs: 1_000,
    graceMs: 0,
    stepMs: 500,
    layout: "rtm-gaming",
  },
];

for (const missed of ["coalesce", "all"] as const) {
  for (const { name, ...rules } of CASES) {
    Deno.test(`Shard writes what the naive model writes ${name}, missed: ${missed}`, () => {
      for (let seed = 1; seed <= 12; seed++) compare(seed, { ...rules, missed });
    });
  }
}

function compare(seed: number, options: Omit<Case, "name"> & { missed: "coalesce" | "all" }): void {
  const random = new Random(seed);
  const counters = newShardCounters();
  const shard = new Shard({
    index: 0,
    rules: options,
    budget: new SessionBudget(1000),
    counters,
    hashSeed: seed,
    startMs: START_MS,
  });
  const layout = options.layout === "plain" ? new PlainRecordLayout() : new RtmRecordLayout();
  const sink = new RecordCollector(layout);
  const model = new NaiveModel(options);
  const decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: 1_048_576 });
  model.advance(START_MS, START_MS);
  let clockMs = START_MS;
  let nowMs = START_MS;
  // In one call or in many: it must not be seen.
  const timersMax = seed % 2 === 0 ? random.int(1, 4) : Infinity;
  for (let step = 0; step < 1_500; step++) {
    const leap = random.chance(0.02) ? 30 : 1;
    clockMs += random.chance(0.4) ? 0 : random.int(0, options.stepMs * leap);
    // The wall clock is ahead of the shard's while input is behind.
    nowMs = Math.max(nowMs, clockMs + (random.chance(0.2) ? random.int(0, options.stepMs * 9) : 0));
    const where = `seed=${seed} step=${step}`;
    if (random.chance(0.3)) {
      const expected = model.advance(clockMs, nowMs).map((r) => renderRecord(r, options.layout));
      advance(shard, clockMs, nowMs, sink, timersMax);
      assertEquals(sink.take(), expected, where);
      continue;
    }
    const event = randomEvent(random, clockMs, options.stepMs);
    const expected = model.apply(event, clockMs, nowMs).map((r) => renderRecord(r, options.layout));
    advance(shard, clockMs, nowMs, sink, timersMax);
    shard.apply(chunkOf(decoder, event), 0, nowMs, sink);
    advance(shard, clockMs, nowMs, sink, timersMax);
    assertEquals(sink.take(), expected, `${where} ${JSON.stringify(event)}`);
    if (step % 50 === 0) {
      const [actual, expected] = [shardState(shard), withoutEmpty(model.state())];
      // Coalescing moves a timer past the beats that it leaves out as soon as it knows.
      if (options.missed === "all") assertEquals(actual, expected, where);
      else assertEquals(withoutDue(actual), withoutDue(expected), where);
      assertEquals(shard.active.size, model.activeCount);
    }
  }
  assertEquals(counters.duplicates, model.counters.duplicates);
  assertEquals(counters.lateStarts, model.counters.lateStarts);
  assertEquals(counters.earlyEnds, model.counters.earlyEnds);
  assertEquals(counters.orphanEnds, model.counters.orphanEnds);
  // A session that ends while input is behind had later beats left out in advance.
  assertGreaterOrEqual(counters.coalescedHeartbeats, model.counters.heartbeatsLeftOut);
}

function advance(
  shard: Shard,
  toMs: number,
  nowMs: number,
  sink: RecordCollector,
  timersMax: number,
): void {
  while (!shard.advance(toMs, nowMs, sink, timersMax)) { /* There are more. */ }
}

for (const timersMax of [100, 4096]) {
  Deno.test(`Shard.advance() fires ${timersMax} timers at most and goes on where it was`, () => {
    const overdueMs = START_MS + 75_000;
    const [whole, expected] = newShardOf(SESSIONS_OVERDUE);
    assertEquals(whole.advance(overdueMs, overdueMs, expected), true);
    const [shard, sink] = newShardOf(SESSIONS_OVERDUE);
    let fired = 0;
    let clockMs = shard.clockMs;
    for (let isDone = false; !isDone;) {
      isDone = shard.advance(overdueMs, overdueMs, sink, timersMax);
      const firedNow = shard.timersFired - fired;
      assertLessOrEqual(firedNow, timersMax);
      if (!isDone) assertGreater(firedNow, 0);
      assertEquals(shard.nextDeadlineMs() > overdueMs, isDone);
      assertGreaterOrEqual(shard.clockMs, clockMs);
      fired = shard.timersFired;
      clockMs = shard.clockMs;
    }
    assertEquals(clockMs, overdueMs);
    // Of two beats that are due the first is left out.
    assertGreater(fired, SESSIONS_OVERDUE);
    assertEquals(fired, whole.timersFired);
    const records = sink.take();
    assertEquals(records.length, SESSIONS_OVERDUE);
    assertEquals(records, expected.take());
    assertEquals(shardState(shard), shardState(whole));
  });
}

Deno.test("Shard.advance() that may fire none still moves the clock to where nothing is due", () => {
  const [shard, sink] = newShardOf(1);
  assertEquals(shard.advance(START_MS + 29_999, START_MS, sink, 0), true);
  assertEquals(shard.clockMs, START_MS + 29_999);
  assertEquals(shard.advance(START_MS + 30_000, START_MS, sink, 0), false);
  assertEquals(shard.clockMs, START_MS + 29_999);
});

const SESSIONS_OVERDUE = 10_000;

/** A shard with sessions that started one a millisecond, and a sink without their starts. */
function newShardOf(sessions: number): [Shard, RecordCollector] {
  const shard = new Shard({
    index: 0,
    rules: {
      heartbeatIntervalMs: 30_000,
      maxDurationMs: 1_800_000,
      graceMs: 30_000,
      missed: "coalesce",
    },
    budget: new SessionBudget(sessions),
    counters: newShardCounters(),
    hashSeed: 1,
    startMs: START_MS,
  });
  const sink = new RecordCollector(new PlainRecordLayout());
  const decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: 1_048_576 });
  for (let i = 0; i < sessions; i++) {
    const start: ModelStart = {
      kind: "start",
      deviceId: `d${i}`,
      sessionId: { text: `${i}`, isNumber: true },
      accountId: null,
      timestampMs: null,
      sourceTimestampMs: START_MS + i,
    };
    shard.advance(START_MS + i, START_MS + i, sink);
    shard.apply(chunkOf(decoder, start), 0, START_MS + i, sink);
  }
  sink.take();
  return [shard, sink];
}

function withoutDue(state: ModelState): ModelState {
  return {
    devices: state.devices.map((device) => ({
      ...device,
      active: device.active === null ? null : { ...device.active, nextDueMs: 0 },
    })),
  };
}

function randomEvent(random: Random, clockMs: number, stepMs: number): ModelStart | ModelEnd {
  const deviceId = random.pick(DEVICES);
  const sessionId = random.pick(SESSIONS);
  const sourceTimestampMs = clockMs - (random.chance(0.5) ? 0 : random.int(0, stepMs * 3));
  if (random.chance(0.45)) {
    const reportedDurationMs = random.chance(0.5) ? null : random.int(0, 100_000) * 10;
    return { kind: "end", deviceId, sessionId, reportedDurationMs, sourceTimestampMs };
  }
  const timestampMs = random.chance(0.3)
    ? null
    : sourceTimestampMs + random.int(-3 * stepMs, stepMs);
  const accountId = random.pick(ACCOUNTS);
  return { kind: "start", deviceId, sessionId, accountId, timestampMs, sourceTimestampMs };
}

/** The event by way of its JSON and the decoder, alone in a chunk. */
function chunkOf(decoder: EventDecoder, event: ModelStart | ModelEnd): EventChunk {
  const { text, isNumber } = event.sessionId;
  const fields = [
    `"type":"${event.kind}"`,
    `"deviceId":${JSON.stringify(event.deviceId)}`,
    `"sessionId":${isNumber ? text : JSON.stringify(text)}`,
  ];
  if (event.kind === "start") {
    fields.push(`"accountId":${JSON.stringify(event.accountId)}`);
    fields.push(`"timestamp":${event.timestampMs}`);
  } else if (event.reportedDurationMs !== null) {
    fields.push(`"durationSeconds":${event.reportedDurationMs / 1000}`);
  }
  const bytes = new TextEncoder().encode(`{${fields.join(",")}}`);
  const decoded = decoder.decode(bytes, 0, bytes.length);
  const chunk = new EventChunk(1);
  const type = decoded === DECODED_START ? EVENT_START : EVENT_END;
  chunk.add(decoder, type, 1, 0, event.sourceTimestampMs);
  return chunk;
}
