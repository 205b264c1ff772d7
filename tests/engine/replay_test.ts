import { assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { ByteStreamError } from "../../lib/ports/byte_stream.ts";
import { LINE_HEARTBEAT } from "../../lib/core/line_sink.ts";
import { generateFile } from "../support/event_generator.ts";
import { MemorySource, MemoryTarget } from "../support/memory_streams.ts";
import { Random } from "../support/random.ts";
import { replayInMemory } from "../support/replay_in_memory.ts";

const FILE = generateFile({ seed: 7, devices: 120, sessionsPerDevice: 6 });

function line(type: "start" | "end", deviceId: string, timestamp: string | number): string {
  return JSON.stringify({ type, deviceId, sessionId: 1, timestamp });
}

function envelope(timestampMs: number, value: unknown): string {
  return JSON.stringify({ timestampMs, value });
}

function file(...lines: readonly string[]): string {
  return lines.map((text) => `${text}\n`).join("");
}

Deno.test("Replay of a file twice gives the same bytes, whatever the reads and the hash seed", async () => {
  const once = await replayInMemory(FILE, { drain: true });
  assertGreater(once.output.lines.length, 5_000);
  for (const seed of [2, 3]) {
    const random = new Random(seed);
    const input = new MemorySource(FILE, () => random.int(1, 10_000));
    const again = await replayInMemory(FILE, { input, drain: true, hashSeed: seed });
    assertEquals(again.output.text === once.output.text, true);
    assertEquals(again.deadLetters.text, once.deadLetters.text);
    assertEquals(again.summary, once.summary);
  }
});

Deno.test("Replay changes nothing of the records but their partition when there are more", async () => {
  const partitionsSeen: number[] = [];
  const recordsOf = async (partitions: number) => {
    const { output } = await replayInMemory(FILE, { partitions });
    const numbers = new Set<string>();
    const lines = output.lines.map((text) =>
      text.replace(/,"partition":(\d+),/, (_, number) => {
        numbers.add(number);
        return ",";
      })
    );
    assertEquals([...numbers].every((number) => Number(number) < partitions), true);
    partitionsSeen.push(numbers.size);
    return lines.join("\n");
  };
  const records = await recordsOf(1);
  assertEquals(await recordsOf(16) === records, true);
  assertEquals(await recordsOf(9_999) === records, true);
  assertEquals(partitionsSeen.slice(0, 2), [1, 16]);
});

Deno.test("Replay writes the records of all devices in the order of the virtual clock", async () => {
  const { output } = await replayInMemory(FILE, { drain: true });
  const emitted = output.lines.map((text) => JSON.parse(text).value.emittedAt as string);
  assertEquals(emitted, [...emitted].sort());
});

Deno.test("Replay of nothing writes nothing", async () => {
  const { summary, output } = await replayInMemory("", { drain: true, untilMs: 1_000 });
  assertEquals([summary.lines, summary.events, output.text], [0, 0, ""]);
  assertEquals(summary.clockMs, 1_000);
});

Deno.test("Replay rejects a line that jumps too far ahead, and does not move the clock for it", async () => {
  const { summary, output, deadLetters } = await replayInMemory(
    file(
      line("start", "a", "2025-11-01T00:00:00Z"),
      line("start", "b", "2025-11-01T01:00:00.001Z"),
      line("end", "a", "2025-11-01T01:00:00Z"),
      line("start", "c", "2025-11-01T02:00:00Z"),
    ),
    { jumpMsMax: 3_600_000 },
  );
  const [letter, ...others] = deadLetters.lines;
  assertEquals(others, []);
  const { line: number, reason, detail } = JSON.parse(letter!);
  assertEquals([number, reason], [1, "bad_field"]);
  assertEquals(detail, "timestamp is 3600001 ms ahead of the clock, at most 3600000");
  assertEquals(output.text.includes('"key":"b"'), false);
  assertEquals(output.text.includes('"key":"c"'), true);
  assertEquals(summary.rejected.bad_field, 1);
});

Deno.test("Replay lets the first line set the clock, wherever it is, and one below 0 sets none", async () => {
  const { summary } = await replayInMemory(
    file(
      envelope(-5, { type: "start", deviceId: "a", sessionId: 1 }),
      line("start", "b", "2025-11-01T00:00:00Z"),
    ),
    { jumpMsMax: 1 },
  );
  assertEquals(summary.rejected.bad_field, 0);
  assertEquals([summary.starts, summary.timestampsCorrected], [2, 1]);
});

Deno.test("Replay fires what a late start made overdue at the very instant of the clock", async () => {
  const { output } = await replayInMemory(
    file(
      line("start", "a", "2025-11-01T00:01:00Z"),
      line("start", "b", "2025-11-01T00:00:00Z"),
      line("end", "b", "2025-11-01T00:00:59Z"),
    ),
  );
  const ofB = output.lines.map((text) => JSON.parse(text).value)
    .filter(({ deviceId }) => deviceId === "b")
    .map(({ status, seq, emittedAt }) => [status, seq, emittedAt]);
  assertEquals(ofB, [
    ["SessionStart", 0, "2025-11-01T00:01:00.000Z"],
    ["SessionHeartbeat", 1, "2025-11-01T00:01:00.000Z"],
    ["SessionHeartbeat", 2, "2025-11-01T00:01:00.000Z"],
    ["SessionEnd", 3, "2025-11-01T00:01:00.000Z"],
  ]);
});

Deno.test("Replay drops starts over the limit of sessions and counts them", async () => {
  const { summary } = await replayInMemory(
    file(line("start", "a", 1), line("start", "b", 2), line("end", "a", 3), line("start", "c", 4)),
    { sessionsMax: 1 },
  );
  assertEquals([summary.counters.droppedStarts, summary.activeSessions], [1, 1]);
});

Deno.test("Replay keeps of a line that is too long what fits, in whole characters, and goes on", async () => {
  const long = `"${"é".repeat(2_000_000)}"`;
  const { summary, deadLetters } = await replayInMemory(
    file(long, line("start", "a", 1)),
    { eventBytesMax: 1_000 },
  );
  assertEquals(JSON.parse(deadLetters.text), {
    line: 0,
    reason: "too_large",
    detail: "line is 4000002 bytes, at most 1000",
    value: `"${"é".repeat(499)}`,
  });
  assertEquals([summary.lines, summary.starts], [2, 1]);
});

Deno.test("Replay measures a line with its envelope", async () => {
  const text = envelope(1, { type: "start", deviceId: "a", sessionId: 1 });
  const exact = await replayInMemory(file(text), { eventBytesMax: text.length });
  assertEquals(exact.summary.starts, 1);
  const over = await replayInMemory(file(text), { eventBytesMax: text.length - 1 });
  assertEquals(over.summary.rejected.too_large, 1);
});

Deno.test("Replay says what is wrong with an envelope, and which field a bare line misses", async () => {
  const event = { type: "start", deviceId: "a", sessionId: 1 };
  const { deadLetters } = await replayInMemory(file(
    JSON.stringify({ topic: 5, timestampMs: 1, value: event }),
    JSON.stringify({ partition: -1, timestampMs: 1, value: event }),
    JSON.stringify({ offset: 0.5, timestampMs: 1, value: event }),
    JSON.stringify({ timestampMs: "1", value: event }),
    JSON.stringify({ timestampMs: 1, value: "text" }),
    JSON.stringify(event),
  ));
  assertEquals(deadLetters.lines.map((text) => JSON.parse(text).detail), [
    "topic of the envelope is not a string: 5",
    "partition of the envelope is not a whole number from 0 to 2147483647: -1",
    "offset of the envelope is not a whole number from 0 to 2^53-1: 0.5",
    'timestampMs of the envelope is not epoch milliseconds, at most of the year 9999: "1"',
    'event is not an object: "text"',
    "timestamp is missing, and the line is no envelope",
  ]);
});

Deno.test("Replay takes the device's field by the topic that the envelope names", async () => {
  const event = {
    eventId: "ApplicationSessionStart",
    hostPcId: "pc",
    openPsid: "console",
    appSessionId: 1,
  };
  const keysOf = async (...topics: readonly string[]) => {
    const lines = topics.map((topic) => `{"topic":${topic},"timestampMs":1,"value":`);
    const text = lines.map((start) => `${start}${JSON.stringify(event)}}`);
    const { output } = await replayInMemory(file(...text), { layout: "rtm-gaming" });
    return output.lines.map((record) => JSON.parse(record).key);
  };
  assertEquals(await keysOf('"console_sessions"', '"pc_sessions"'), ["console", "pc"]);
  assertEquals(await keysOf('"console_sessions"', '"\\u0070c_sessions"'), ["console", "pc"]);
  assertEquals(await keysOf('"console_sessions"', '"another"'), ["console", "pc"]);
  assertEquals(await keysOf('"console_sessions"', '"\\ud800"'), ["console", "pc"]);
});

Deno.test("Replay writes instants past the year 9999 as ECMAScript does", async () => {
  const { output, summary } = await replayInMemory(
    file(line("start", "a", "9999-12-31T23:59:59.999Z")),
    { drain: true },
  );
  assertEquals(summary.records[LINE_HEARTBEAT], 59);
  const last = JSON.parse(output.lines.at(-1)!).value;
  assertEquals(last.at, "+010000-01-01T00:29:59.999Z");
  assertEquals(last.at, new Date(last.at).toISOString());
});

Deno.test("Replay writes what it made before the input failed, and tells the failure", async () => {
  const bytes = new TextEncoder().encode(file(line("start", "a", 1), "garbage"));
  const failure = new ByteStreamError("Cannot read f: it broke", { file: "f", code: "other" });
  const source = new MemorySource(bytes);
  let reads = 0;
  const [output, deadLetters] = [new MemoryTarget(), new MemoryTarget()];
  const input = {
    read: (into: Uint8Array) => reads++ === 0 ? source.read(into) : Promise.reject(failure),
  };
  const error = await assertRejects(
    () => replayInMemory("", { input, output, deadLetters }),
    ByteStreamError,
  );
  assertEquals(error === failure, true);
  assertStringIncludes(output.text, "SessionStart");
  assertStringIncludes(deadLetters.text, "not_json");
});

Deno.test("Replay stops at the first write that fails, and still writes the dead letters", async () => {
  const [output, deadLetters] = [new MemoryTarget(), new MemoryTarget()];
  output.beforeWrite = (write) => {
    if (write === 1) throw new ByteStreamError("full", { file: "f", code: "other" });
  };
  const bytes = new TextEncoder().encode(
    file(
      "garbage",
      ...Array.from({ length: 300 }, (_, i) => line("start", `d${i}`, i)),
    ),
  );
  await assertRejects(
    () => replayInMemory(bytes, { output, deadLetters, drain: true }),
    ByteStreamError,
    "full",
  );
  assertEquals(output.writes, 2);
  assertStringIncludes(deadLetters.text, "not_json");
});

Deno.test("Replay that is told to stop writes what it made and moves the clock no more", async () => {
  const controller = new AbortController();
  const bytes = new TextEncoder().encode(
    file(line("start", "a", 1), line("start", "b", 2)),
  );
  const source = new MemorySource(bytes);
  const { summary, output } = await replayInMemory("", {
    // The second read is one of a pipe that gives nothing more for now.
    input: {
      async read(into) {
        const read = await source.read(into);
        if (read !== null) return read;
        queueMicrotask(() => controller.abort());
        return new Promise<number>(() => {});
      },
    },
    signal: controller.signal,
    drain: true,
    untilMs: 1e12,
  });
  assertEquals(summary.interrupted, true);
  assertEquals([summary.clockMs, summary.activeSessions, output.lines.length], [2, 2, 2]);
});

Deno.test("Replay that is told to stop in the middle of a long way of the clock stops there", async () => {
  const controller = new AbortController();
  const output = new MemoryTarget();
  output.beforeWrite = (write) => {
    if (write === 2) controller.abort();
  };
  const { summary } = await replayInMemory(
    file(...Array.from({ length: 500 }, (_, i) => line("start", `d${i}`, i))),
    { output, signal: controller.signal, untilMs: 10_000_000 },
  );
  assertEquals(summary.interrupted, true);
  assertGreater(summary.activeSessions, 0);
  assertEquals(output.text.endsWith("}}\n"), true);
  const written = summary.records.reduce((sum, count) => sum + count, 0);
  assertEquals(output.lines.length, written);
});

Deno.test("Replay tells how far it is, at the end exactly", async () => {
  const seen: number[] = [];
  const text = file(line("start", "a", 1), "", line("end", "a", 2));
  const { summary } = await replayInMemory(text, {
    onProgress: ({ bytesRead, lines, events }) => seen.push(bytesRead, lines, events),
  });
  assertEquals(seen.slice(-3), [text.length, 3, 2]);
  assertEquals(summary.withoutEvent, 1);
});
