import { assertEquals } from "@std/assert";
import { PLAIN_FIELDS } from "../support/model/model_events.ts";
import {
  linesOf,
  replayModel,
  type ReplayModelOptions,
  type ReplayModelResult,
} from "../support/model/replay_model.ts";

const T = Date.UTC(2025, 10, 1);

function replay(text: string, options: Partial<ReplayModelOptions> = {}): ReplayModelResult {
  return replayModel(linesOf(new TextEncoder().encode(text)), {
    heartbeatIntervalMs: 30_000,
    maxDurationMs: 100_000,
    graceMs: 20_000,
    input: PLAIN_FIELDS,
    output: "plain",
    ...options,
  });
}

function line(type: string, session: string, atMs: number): string {
  return `{"type":"${type}","deviceId":"21","sessionId":"${session}","timestamp":${T + atMs}}`;
}

function envelope(value: string, timestampMs: number): string {
  return `{"topic":"t","partition":1,"offset":9,"timestampMs":${T + timestampMs},"value":${value}}`;
}

/** `Heartbeat a +30000 30000`: status, session, `at` and `emittedAt` after T. */
function texts(result: ReplayModelResult): string[] {
  return result.output.map((text) => {
    const { value } = JSON.parse(text);
    const after = (instant: string) => Date.parse(instant) - T;
    const status = value.status.replace("Session", "");
    return `${status} ${value.sessionId} +${after(value.at)} ${after(value.emittedAt)}`;
  });
}

Deno.test("a line moves the clock to its timestamp and fires what is due by then, first", () => {
  const result = replay([line("start", "a", 0), line("end", "a", 60_000)].join("\n"));
  assertEquals(texts(result), [
    "Start a +0 0",
    "Heartbeat a +30000 30000",
    "Heartbeat a +60000 60000",
    "End a +60000 60000",
  ]);
  assertEquals(
    result.output[0],
    '{"key":"21","partition":12,"value":{"deviceId":"21","sessionId":"a","accountId":null,' +
      '"status":"SessionStart","reason":null,"seq":0,"startedAt":"2025-11-01T00:00:00.000Z",' +
      '"timestamp":null,"at":"2025-11-01T00:00:00.000Z","durationMs":0,"reportedDurationMs":null,' +
      '"nextAt":"2025-11-01T00:00:30.000Z","sourceTimestamp":"2025-11-01T00:00:00.000Z",' +
      '"emittedAt":"2025-11-01T00:00:00.000Z"}}',
  );
});

Deno.test("the clock never goes back, and what a line made overdue fires directly after it", () => {
  const result = replay([line("end", "x", 70_000), line("start", "a", 0), ""].join("\n"));
  assertEquals(texts(result), [
    "Start a +0 70000",
    "Heartbeat a +30000 70000",
    "Heartbeat a +60000 70000",
  ]);
  assertEquals(result.clockMs, T + 70_000);
});

Deno.test("ignored and rejected lines do not move the clock, and are counted", () => {
  const result = replay(
    [
      line("start", "a", 0),
      "",
      envelope("null", 90_000),
      `{"type":"ping","timestamp":${T + 90_000}}`,
      `{"type":"start","deviceId":"d","timestamp":${T + 90_000}}`,
      "{",
      '{"type":"start","deviceId":"d","sessionId":2}',
    ].join("\r\n"),
  );
  assertEquals(texts(result), ["Start a +0 0"]);
  assertEquals([result.lines, result.events, result.ignored], [7, 1, 3]);
  assertEquals(result.rejected, { missing_field: 1, not_json: 1, bad_field: 1 });
  assertEquals(
    result.deadLetters[2],
    '{"line":6,"reason":"bad_field","detail":"timestamp",' +
      '"value":"{\\"type\\":\\"start\\",\\"deviceId\\":\\"d\\",\\"sessionId\\":2}"}',
  );
});

Deno.test("an envelope's timestamp is the record's, and the event's own the device's", () => {
  const result = replay(envelope(line("start", "a", -500), 0));
  const { value } = JSON.parse(result.output[0]!);
  assertEquals([value.startedAt, value.timestamp], [
    "2025-11-01T00:00:00.000Z",
    "2025-10-31T23:59:59.500Z",
  ]);
});

Deno.test("an envelope needs a whole timestampMs, and its other fields may be missing", () => {
  const event = '{"type":"start","deviceId":"d","sessionId":1}';
  const outcomes = [
    `{"value":${event},"timestampMs":${T}}`,
    `{"value":${event},"timestampMs":${T},"topic":null,"partition":null,"offset":null}`,
    `{"value":${event},"timestampMs":null}`,
    `{"value":${event},"timestampMs":1.5}`,
    `{"value":${event},"timestampMs":253402300800000}`,
    `{"value":${event},"timestampMs":${T},"partition":-1}`,
    `{"value":[],"timestampMs":${T}}`,
    `{"value":${event}}`,
  ].map((text) => {
    const { events, rejected } = replay(text);
    return events === 1 ? "event" : Object.keys(rejected)[0];
  });
  assertEquals(outcomes, [
    "event",
    "event",
    "bad_field",
    "bad_field",
    "bad_field",
    "bad_field",
    "not_object",
    "missing_field",
  ]);
});

Deno.test("an envelope with a timestamp below 0 counts as the clock", () => {
  const text = line("end", "x", 5) + "\n" +
    `{"timestampMs":-1,"value":{"type":"start","deviceId":"21","sessionId":"a"}}`;
  assertEquals(texts(replay(text)), ["Start a +5 5"]);
});

Deno.test("--until moves the clock on, inclusive, and does nothing when it lies behind", () => {
  const text = line("start", "a", 0) + "\n";
  assertEquals(texts(replay(text, { untilMs: T + 30_000 })), [
    "Start a +0 0",
    "Heartbeat a +30000 30000",
  ]);
  assertEquals(replay(text, { untilMs: T + 30_000 }).clockMs, T + 30_000);
  assertEquals(replay(text, { untilMs: T - 1 }).clockMs, T);
});

Deno.test("--drain moves the clock until no session is active", () => {
  const result = replay([line("start", "a", 0), line("start", "b", 10)].join("\n"), {
    drain: true,
  });
  assertEquals(texts(result).slice(-2), ["Heartbeat b +90010 90010", "End b +100010 100010"]);
  assertEquals(result.clockMs, T + 100_010);
  assertEquals(result.recordsByStatus, { SessionStart: 2, SessionHeartbeat: 3, SessionEnd: 2 });
});

Deno.test("--partitions decides the partition, and the layout the value", () => {
  const result = replay(line("start", "a", 0), { partitions: 1, output: "rtm-gaming" });
  assertEquals(JSON.parse(result.output[0]!), {
    key: "21",
    partition: 0,
    value: {
      deviceId: "21",
      appSessionId: "a",
      psnAccountId: null,
      sessionStatus: "SessionStart",
      session_timestamp: "2025-11-01T00:00:00.000Z",
      sessionDuration: 0,
      upstream_timestamp: "2025-11-01T00:00:00.000Z",
      processing_timestamp: "2025-11-01T00:00:00.000Z",
      timer_info: "2025-11-01T00:00:30.000Z",
      debug_info: `seq=0 key=${T} reason=`,
    },
  });
});

Deno.test("linesOf() cuts at line feeds, with or without a carriage return", () => {
  const cut = (text: string) =>
    [...linesOf(new TextEncoder().encode(text))].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(cut(""), []);
  assertEquals(cut("a"), ["a"]);
  assertEquals(cut("a\r\n\r\n\nb\n"), ["a", "", "", "b"]);
});
