import { assertEquals, assertThrows } from "@std/assert";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import type { RecordInput } from "../../lib/core/record_batch_encoder.ts";
import { EventIntake } from "../../lib/demo/event_intake.ts";
import type { EventLog } from "../../lib/demo/event_log.ts";
import { EngineUnavailableError, type IngestAnswer } from "../../lib/ports/engine_queries.ts";

/** A topic of four partitions that keeps what is appended. */
class ListLog implements EventLog {
  readonly partitions = 4;
  readonly appended: { partition: number; records: readonly RecordInput[] }[] = [];
  roomBytes = 1e9;

  freeBytes(): number {
    return this.roomBytes;
  }

  append(partition: number, records: readonly RecordInput[]): boolean {
    this.appended.push({ partition, records });
    return true;
  }

  get values(): string[] {
    const decoder = new TextDecoder();
    return this.appended.flatMap(({ records }) =>
      records.map(({ value }) => decoder.decode(value!))
    );
  }
}

function intakeInto(log: EventLog): (body: string, format: "json" | "lines") => IngestAnswer {
  const intake = new EventIntake({
    layout: PLAIN_EVENT_LAYOUT,
    eventBytesMax: 2_000_000,
    log,
    wallMs: () => 1_700_000_000_000,
  });
  return (body, format) => intake.take(new TextEncoder().encode(body), format);
}

const start = (deviceId: string, more = {}) =>
  JSON.stringify({ type: "start", deviceId, sessionId: 1, ...more });

Deno.test("EventIntake writes an event as it came, under its device's key and our time", () => {
  const log = new ListLog();
  const take = intakeInto(log);
  assertEquals(take(start("a"), "json"), { accepted: 1, ignored: 0, rejected: [] });
  assertEquals(log.values, [start("a")]);
  const [record] = log.appended[0]!.records;
  assertEquals(new TextDecoder().decode(record!.key!), "a");
  assertEquals(record!.timestampMs, 1_700_000_000_000);
});

Deno.test("EventIntake keeps a device on one partition", () => {
  const log = new ListLog();
  const take = intakeInto(log);
  for (let i = 0; i < 3; i++) take(start("a", { sessionId: i }), "json");
  for (const device of "bcdefgh") take(start(device), "json");
  const partitions = log.appended.map(({ partition }) => partition);
  assertEquals(new Set(partitions.slice(0, 3)).size, 1);
  assertEquals(new Set(partitions).size > 1, true);
});

Deno.test("EventIntake tells line by line what is no event, and takes the rest", () => {
  const log = new ListLog();
  const take = intakeInto(log);
  const lines = [start("a"), "nonsense", "", '{"type":"other"}', '{"type":"start"}\r', start("b")];
  const answer = take(lines.join("\n") + "\n", "lines");
  assertEquals(answer.accepted, 2);
  assertEquals(answer.ignored, 2);
  assertEquals(answer.rejected.map(({ line, reason }) => [line, reason]), [
    [2, "not_json"],
    [5, "missing_field"],
  ]);
  assertEquals(log.values.sort(), [start("a"), start("b")]);
});

Deno.test("EventIntake takes nothing of a body for which there is no room", () => {
  const log = new ListLog();
  const take = intakeInto(log);
  log.roomBytes = 10;
  const error = assertThrows(
    () => take(`${start("a")}\n${start("b")}`, "lines"),
    EngineUnavailableError,
  );
  assertEquals((error as EngineUnavailableError).retryable, true);
  assertEquals(log.appended.length, 0);
  // What brings no record needs no room.
  assertEquals(take('{"type":"other"}', "json").ignored, 1);
});

Deno.test("EventIntake cuts a large body into batches that a topic takes", () => {
  const log = new ListLog();
  const take = intakeInto(log);
  const large = { note: "x".repeat(400_000) };
  const body = Array.from({ length: 5 }, (_, i) => start("a", { ...large, sessionId: i }));
  body.push(start("a", { note: "x".repeat(1_500_000) }));
  assertEquals(take(body.join("\n"), "lines").accepted, 6);
  assertEquals(log.appended.map(({ records }) => records.length), [2, 2, 1, 1]);
  assertEquals(log.values.length, 6);
});
