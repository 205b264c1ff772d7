import { assertEquals } from "@std/assert";
import type { ModelRecord } from "../support/model/model_record.ts";
import { type ModelEnd, type ModelStart, NaiveModel } from "../support/model/session_model.ts";

const H = 30_000;
const M = 100_000;
const G = 20_000;
const T = 1_000_000;

function newModel(missed: "all" | "coalesce" = "all"): NaiveModel {
  return new NaiveModel({ heartbeatIntervalMs: H, maxDurationMs: M, graceMs: G, missed });
}

function start(
  id: string,
  sourceTimestampMs: number,
  more: Partial<Omit<ModelStart, "kind" | "sessionId">> = {},
): ModelStart {
  const sessionId = { text: id, isNumber: false };
  const base = { deviceId: "d", sessionId, accountId: null, timestampMs: null };
  return { kind: "start", ...base, sourceTimestampMs, ...more };
}

function end(
  id: string,
  sourceTimestampMs: number,
  reportedDurationMs: number | null = null,
): ModelEnd {
  const sessionId = { text: id, isNumber: false };
  return { kind: "end", deviceId: "d", sessionId, sourceTimestampMs, reportedDurationMs };
}

/** `Heartbeat a 2 +60000`: status, session, seq, `at` after T; the reason last. */
function texts(records: readonly ModelRecord[]): string[] {
  return records.map((record) =>
    [
      record.status.replace("Session", ""),
      record.sessionId.text,
      record.seq,
      `+${record.atMs - T}`,
      record.reason ?? "",
    ].join(" ").trim()
  );
}

Deno.test("heartbeats come each H after the start and the timeout at M, without a heartbeat", () => {
  const model = newModel();
  model.apply(start("a", T), T);
  assertEquals(texts(model.advance(T + H - 1)), []);
  assertEquals(texts(model.advance(T + H)), ["Heartbeat a 1 +30000"]);
  assertEquals(texts(model.advance(T + M - 1)), ["Heartbeat a 2 +60000", "Heartbeat a 3 +90000"]);
  assertEquals(texts(model.advance(T + M)), ["End a 4 +100000 timeout"]);
  assertEquals(texts(model.advance(T + 10 * M)), []);
});

Deno.test("a heartbeat that would fall on the timeout is not written", () => {
  const model = new NaiveModel({
    heartbeatIntervalMs: 50_000,
    maxDurationMs: 100_000,
    graceMs: G,
    missed: "all",
  });
  model.apply(start("a", T), T);
  assertEquals(texts(model.advance(T + M)), ["Heartbeat a 1 +50000", "End a 2 +100000 timeout"]);
});

Deno.test("timers due at an instant fire before an event of that instant", () => {
  const model = newModel();
  model.apply(start("a", T), T);
  assertEquals(texts(model.apply(end("a", T + H), T + H)), [
    "Heartbeat a 1 +30000",
    "End a 2 +30000 ended",
  ]);
  model.apply(start("b", T + H), T + H);
  assertEquals(texts(model.apply(end("b", T + H + M), T + H + M)).slice(-1), [
    "End b 4 +130000 timeout",
  ]);
});

Deno.test("an ended session is remembered until the clock is past G, and at G still", () => {
  for (const [laterMs, expected] of [[G, []], [G + 1, ["Start a 0 +0"]]] as const) {
    const model = newModel();
    model.apply(start("a", T), T);
    model.apply(end("a", T + 5), T + 5);
    assertEquals(texts(model.apply(start("a", T), T + 5 + laterMs)), [...expected]);
  }
});

Deno.test("a timed out session is remembered from its own instant on, however far the clock moves", () => {
  for (const [laterMs, expected] of [[G, 0], [G + 1, 1]] as const) {
    const model = newModel();
    model.apply(start("a", T), T);
    const records = model.apply(end("a", T + 7), T + M + laterMs);
    assertEquals(texts(records).slice(-1), ["End a 4 +100000 timeout"]);
    assertEquals(model.counters.earlyEnds, expected);
    assertEquals(model.counters.duplicates, 1 - expected);
  }
});

Deno.test("a timeout that is written late is remembered from the clock at which it was written", () => {
  const model = newModel();
  model.apply(start("a", T), T + M + 500);
  assertEquals(model.apply(start("a", T), T + M + 500 + G), []);
  assertEquals(model.counters.duplicates, 1);
  assertEquals(model.apply(start("a", T), T + M + 500 + G + 1).length, 5);
});

Deno.test("an early end meets its start at G and is an orphan after it", () => {
  for (const [laterMs, orphans] of [[G, 0], [G + 1, 1]] as const) {
    const model = newModel();
    model.apply(end("a", T + 9, 1_234), T + 9);
    const records = model.apply(start("a", T), T + 9 + laterMs);
    assertEquals(
      texts(records),
      orphans === 0 ? ["Start a 0 +0", "End a 1 +9 ended"] : ["Start a 0 +0"],
    );
    assertEquals(records[1]?.reportedDurationMs ?? null, orphans === 0 ? 1_234 : null);
    assertEquals(model.counters.orphanEnds, orphans);
  }
});

Deno.test("repeats do not prolong what is remembered", () => {
  const model = newModel();
  const events = [end("a", T), start("b", T), end("b", T)];
  for (const event of events) model.apply(event, T);
  for (const event of events) model.apply(event, T + G);
  assertEquals(model.counters.duplicates, 3);
  model.advance(T + G + 1);
  assertEquals(model.counters.orphanEnds, 1);
  assertEquals(model.state(), { devices: [] });
});

Deno.test("an order key is the earlier of the device's and the record's time", () => {
  const model = newModel();
  // This device's clock runs a year ahead, which must not make later sessions look old.
  const [first] = model.apply(start("a", T, { timestampMs: T + 31_536_000_000 }), T);
  assertEquals([first?.orderKeyMs, first?.startedAtMs], [T, T]);
  const records = model.apply(start("b", T + 1, { timestampMs: T + 1 }), T + 1);
  assertEquals(texts(records), ["End a 1 +1 superseded", "Start b 0 +1"]);
});

Deno.test("starts of one order key are ordered by the UTF-8 bytes of their ids", () => {
  // In UTF-16 units the second would be the smaller one.
  for (const [small, large] of [["a", "b"], ["10", "9"], ["\uffff", "\u{10000}"], ["a", "aa"]]) {
    const model = newModel();
    model.apply(start(small!, T), T);
    assertEquals(model.apply(start(large!, T), T).map((record) => record.reason), [
      "superseded",
      null,
    ]);
    assertEquals(model.state().devices[0]?.active?.sessionId, large);
    const reversed = newModel();
    reversed.apply(start(large!, T), T);
    reversed.apply(start(small!, T), T);
    assertEquals(reversed.state(), model.state());
  }
});

Deno.test("a session is identified by the text of its id and written in the first form seen", () => {
  const model = newModel();
  const number = { text: "1", isNumber: true };
  model.apply({ ...end("1", T), sessionId: number }, T);
  const records = model.apply(start("1", T), T);
  assertEquals(records.map((record) => record.sessionId), [number, number]);
});

Deno.test("an end before its start's instant is written at the start's instant", () => {
  const model = newModel();
  model.apply(start("a", T), T);
  const [record] = model.apply(end("a", T - 50), T + 10);
  assertEquals([record?.atMs, record?.durationMs, record?.sourceTimestampMs], [T, 0, T - 50]);
});

Deno.test("a superseding start with an older record timestamp ends at the start's instant", () => {
  const model = newModel();
  model.apply(start("a", T, { timestampMs: T - 900 }), T);
  const [record] = model.apply(start("b", T - 100, { timestampMs: T - 200 }), T);
  assertEquals([record?.reason, record?.atMs, record?.sourceTimestampMs], [
    "superseded",
    T,
    T - 100,
  ]);
});

Deno.test("nextAt is a heartbeat on or the timeout, whichever is first, and null on the end", () => {
  const model = newModel();
  const records = [...model.apply(start("a", T), T), ...model.advance(T + M)];
  assertEquals(records.map((record) => record.nextAtMs), [
    T + H,
    T + 2 * H,
    T + 3 * H,
    T + M,
    null,
  ]);
});

Deno.test("a start behind the clock fires its overdue timers at once", () => {
  const model = newModel();
  assertEquals(texts(model.apply(start("a", T), T + 2 * H + 1)), [
    "Start a 0 +0",
    "Heartbeat a 1 +30000",
    "Heartbeat a 2 +60000",
  ]);
});

Deno.test("policy coalesce leaves out a heartbeat when the next one is due by now", () => {
  const model = newModel("coalesce");
  model.apply(start("a", T), T);
  assertEquals(texts(model.advance(T + 2 * H)), ["Heartbeat a 2 +60000"]);
  assertEquals(model.counters.heartbeatsLeftOut, 1);
});

Deno.test("policy coalesce looks at the wall clock too, while the clock is behind", () => {
  const model = newModel("coalesce");
  model.apply(start("a", T), T, T + 2 * H);
  assertEquals(model.advance(T + H, T + 2 * H), []);
  // The end takes the number after the last one written.
  assertEquals(texts(model.apply(end("a", T + H + 1), T + H + 1, T + 2 * H)), [
    "End a 1 +30001 ended",
  ]);
});

Deno.test("policy coalesce writes the last heartbeat before an overdue timeout", () => {
  const model = newModel("coalesce");
  model.apply(start("a", T), T);
  assertEquals(texts(model.advance(T + 10 * M)), [
    "Heartbeat a 3 +90000",
    "End a 4 +100000 timeout",
  ]);
});

Deno.test("policy coalesce writes a heartbeat whose next one would fall on the timeout", () => {
  const model = new NaiveModel({
    heartbeatIntervalMs: 50_000,
    maxDurationMs: 100_000,
    graceMs: G,
    missed: "coalesce",
  });
  model.apply(start("a", T), T);
  assertEquals(texts(model.advance(T + M)), ["Heartbeat a 1 +50000", "End a 2 +100000 timeout"]);
});

Deno.test("emittedAt is now, or the clock where it is the only one", () => {
  const model = newModel();
  assertEquals(model.apply(start("a", T), T, T + 7)[0]?.emittedAtMs, T + 7);
  const replay = newModel();
  replay.apply(start("a", T), T);
  assertEquals(replay.advance(T + 5 * H).map((record) => record.emittedAtMs - T), [
    H,
    2 * H,
    3 * H,
    M,
  ]);
});

Deno.test("a record timestamp in the future or below 0 counts as now", () => {
  const model = newModel();
  assertEquals(model.apply(start("a", T + 8), T, T + 7)[0]?.startedAtMs, T + 7);
  assertEquals(model.apply(start("b", -1), T, T + 9).at(-1)?.startedAtMs, T + 9);
  assertEquals(model.counters.timestampsReplaced, 2);
});

Deno.test("the clock never goes back", () => {
  const model = newModel();
  model.advance(T);
  model.advance(T - 500);
  assertEquals(model.clockMs, T);
});
