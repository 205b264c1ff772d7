import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import {
  chooseLogFormat,
  createLogger,
  type LogFormat,
  type Logger,
  type LogLevel,
} from "../../lib/telemetry/logger.ts";

interface LogUnderTest {
  readonly log: Logger;
  readonly lines: string[];
  readonly clock: { nowMs: number };
}

function logUnderTest(format: LogFormat, level: LogLevel = "debug"): LogUnderTest {
  const lines: string[] = [];
  const clock = { nowMs: Date.UTC(2025, 10, 1, 12, 0, 1, 250) };
  const log = createLogger({
    level,
    format,
    write: (line) => lines.push(line),
    wallMs: () => clock.nowMs,
  });
  return { log, lines, clock };
}

Deno.test("Logger writes JSON with time, level, message and fields on one line", () => {
  const { log, lines } = logUnderTest("json");
  log.warn("brokers are away", { attempt: 3, broker: "a:9092" });
  assertEquals(lines, [
    '{"time":"2025-11-01T12:00:01.250Z","level":"warn","message":"brokers are away",' +
    '"attempt":3,"broker":"a:9092"}\n',
  ]);
});

Deno.test("Logger writes text with the fields that need it in quotes", () => {
  const { log, lines } = logUnderTest("text");
  log.info("shard restored", { shard: 3, reason: "two words", empty: "", list: [1, 2] });
  assertEquals(lines, [
    '12:00:01.250 INFO  shard restored  shard=3 reason="two words" empty="" list=[1,2]\n',
  ]);
});

Deno.test("Logger leaves out what is below its level", () => {
  const { log, lines } = logUnderTest("json", "warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assertEquals(lines.map((line) => JSON.parse(line).level), ["warn", "error"]);
});

Deno.test("Logger.child() adds its fields to every line", () => {
  const { log, lines } = logUnderTest("json");
  log.child({ shard: 1 }).child({ attempt: 2 }).info("a", { attempt: 3 });
  const line = JSON.parse(lines[0]!);
  assertEquals(line.shard, 1);
  assertEquals(line.attempt, 3);
});

Deno.test("A field cannot pass for the line's own level or time", () => {
  const { log, lines } = logUnderTest("json");
  log.info("a", { level: "error", time: "never" });
  const line = JSON.parse(lines[0]!);
  assertEquals(line.level, "info");
  assertEquals(line.level_, "error");
});

Deno.test("A repeated line is written once in its interval, then with the number left out", () => {
  const { log, lines, clock } = logUnderTest("json");
  for (let i = 0; i < 5; i++) log.warn("away", { i }, { everyMs: 1_000 });
  clock.nowMs += 999;
  log.warn("away", {}, { everyMs: 1_000 });
  assertEquals(lines.length, 1);
  clock.nowMs += 1;
  log.warn("away", {}, { everyMs: 1_000 });
  assertEquals(lines.length, 2);
  assertEquals(JSON.parse(lines[1]!).suppressed, 5);
  clock.nowMs += 1_000;
  log.warn("away", {}, { everyMs: 1_000 });
  assertFalse("suppressed" in JSON.parse(lines[2]!));
});

Deno.test("Repeats are told apart by key, and children share the memory of them", () => {
  const { log, lines } = logUnderTest("json");
  log.warn("away", {}, { everyMs: 1_000, key: "broker 1" });
  log.warn("away", {}, { everyMs: 1_000, key: "broker 2" });
  log.child({ x: 1 }).warn("away", {}, { everyMs: 1_000, key: "broker 1" });
  assertEquals(lines.length, 2);
});

Deno.test("A wall clock that went back does not silence a repeated line", () => {
  const { log, lines, clock } = logUnderTest("json");
  log.warn("away", {}, { everyMs: 1_000 });
  clock.nowMs -= 3_600_000;
  log.warn("away", {}, { everyMs: 1_000 });
  assertEquals(lines.length, 2);
});

Deno.test("Many different keys do not grow the memory of repeats without end", () => {
  const { log, lines } = logUnderTest("json");
  log.warn("away", {}, { everyMs: 1_000, key: "first" });
  for (let i = 0; i < 1_000; i++) log.warn("away", {}, { everyMs: 1_000, key: `key ${i}` });
  log.warn("away", {}, { everyMs: 1_000, key: "first" });
  assertEquals(lines.length, 1_002);
});

Deno.test("Logger names an error and its causes", () => {
  const { log, lines } = logUnderTest("json");
  const cause = new TypeError("refused");
  log.error("failed", { error: new Error("no answer", { cause }) });
  assertEquals(JSON.parse(lines[0]!).error, "Error: no answer (caused by TypeError: refused)");
});

Deno.test("Logger never throws, whatever a field holds", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const getter = Object.defineProperty({}, "x", {
    enumerable: true,
    get() {
      throw new Error("no");
    },
  });
  for (const format of ["text", "json"] as const) {
    const { log, lines } = logUnderTest(format);
    log.info("odd", {
      cycle,
      getter,
      big: 2n ** 70n,
      nested: { big: 1n },
      symbol: Symbol("s"),
      call: () => 1,
      missing: undefined,
      nothing: null,
      infinite: Infinity,
      long: "x".repeat(10_000),
    });
    assertEquals(lines.length, 1);
    assert(lines[0]!.length < 5_000);
    assertStringIncludes(lines[0]!, "1180591620717411303424");
  }
});

Deno.test("Logger never throws when its output or its clock does", () => {
  const broken = () => {
    throw new Error("broken pipe");
  };
  createLogger({ level: "info", format: "text", write: broken, wallMs: () => 0 }).info("a");
  let written = 0;
  const write = () => {
    written++;
  };
  createLogger({ level: "info", format: "text", write, wallMs: broken }).info("a");
  createLogger({ level: "info", format: "text", write, wallMs: () => NaN }).info("a");
  assertEquals(written, 0);
});

Deno.test("Text on a terminal holds no control character from outside", () => {
  const { log, lines } = logUnderTest("text");
  log.info("line\nbreak", { id: "a\u001b[31mb\u009bc\u202ed", "na\nme": "x\u0000y" });
  assertEquals(lines.length, 1);
  assert(/^[\x20-\x7e]+\n$/.test(lines[0]!), JSON.stringify(lines[0]));
});

Deno.test("chooseLogFormat() takes auto as text on a terminal and JSON elsewhere", () => {
  assertEquals(chooseLogFormat("auto", true), "text");
  assertEquals(chooseLogFormat("auto", false), "json");
  assertEquals(chooseLogFormat("text", false), "text");
});
