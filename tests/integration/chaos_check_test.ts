import { assertEquals } from "@std/assert";
import type { FaultKind } from "../chaos/check_failures.ts";
import { OutputCheck, type OutputRecord } from "../chaos/output_check.ts";
import { decodeBatches, encodeBatch } from "../chaos/record_batch_bytes.ts";

const T0 = Date.UTC(2025, 10, 1);
const RULES = { heartbeatIntervalMs: 1000, maxDurationMs: 5000, graceMs: 1000 };

interface RecordFields {
  readonly session: number;
  readonly device?: string;
  readonly status: "Start" | "Heartbeat" | "End";
  readonly reason?: string;
  readonly seq: number;
  /** From T0: the session's start, the record's instant, when it was made, its event. */
  readonly started: number;
  readonly at: number;
  readonly emitted?: number;
  readonly source?: number;
}

function recordOf(fields: RecordFields): OutputRecord {
  const { session, device = "d", status, reason = null, seq, started, at } = fields;
  const { emitted = at, source = started } = fields;
  const iso = (ms: number) => new Date(T0 + ms).toISOString();
  const value = {
    deviceId: device,
    sessionId: session,
    status: `Session${status}`,
    reason,
    seq,
    startedAt: iso(started),
    at: iso(at),
    durationMs: at - started,
    sourceTimestamp: iso(source),
    emittedAt: iso(emitted),
  };
  return {
    partition: 0,
    offset: 0,
    timestampMs: T0 + emitted,
    key: device,
    value: JSON.stringify(value),
  };
}

const START: RecordFields = { session: 1, status: "Start", seq: 0, started: 0, at: 0 };
const BEAT: RecordFields = { session: 1, status: "Heartbeat", seq: 1, started: 0, at: 1000 };
const BEAT_2: RecordFields = { ...BEAT, seq: 2, at: 2000 };
const END: RecordFields = {
  session: 1,
  status: "End",
  reason: "ended",
  seq: 3,
  started: 0,
  at: 2500,
  source: 2500,
};
/** Of another device, with a timer in between: it tells that the engine was awake. */
const OTHER: RecordFields = { ...START, session: 2, device: "e", started: 300, at: 300 };
const OTHER_BEAT: RecordFields = { ...BEAT, session: 2, device: "e", started: 300, at: 1300 };
const OTHER_END: RecordFields = { ...END, session: 2, device: "e", seq: 2, started: 300, at: 1500 };

function findings(
  records: readonly RecordFields[],
  { isSameClock = true } = {},
): Partial<Record<FaultKind, number>> {
  const check = new OutputCheck({ rules: RULES, isSameClock });
  check.event({ kind: "start", session: 1, deviceId: "d", stampMs: T0 });
  check.event({ kind: "start", session: 1, deviceId: "d", stampMs: T0 + 10 });
  check.event({ kind: "end", session: 1, deviceId: "d", stampMs: T0 + 2500 });
  check.event({ kind: "end", session: 9, deviceId: "d", stampMs: T0 + 2500 });
  if (records.some(({ session }) => session === 2)) {
    check.event({ kind: "start", session: 2, deviceId: "e", stampMs: T0 + 300 });
    check.event({ kind: "end", session: 2, deviceId: "e", stampMs: T0 + 1500 });
  }
  for (const record of records) check.record(recordOf(record));
  check.finish();
  return Object.fromEntries(Object.entries(check.failures.counts).filter(([, n]) => n > 0));
}

Deno.test("The chaos check finds nothing in a right output", () => {
  assertEquals(findings([START, BEAT, BEAT_2, END]), {});
  assertEquals(
    findings([START, OTHER, BEAT, OTHER_BEAT, { ...OTHER_END, source: 1500 }, BEAT_2, END]),
    {},
  );
});

Deno.test("The chaos check finds what is lost", () => {
  assertEquals(findings([]), { lost: 2 });
  assertEquals(findings([START, BEAT, BEAT_2]), { lost: 1 });
  assertEquals(findings([BEAT, BEAT_2, END]).outOfOrder! > 0, true);
});

Deno.test("The chaos check finds what is there twice", () => {
  assertEquals(findings([START, START, BEAT, BEAT_2, END]).duplicate, 1);
  assertEquals(findings([START, BEAT, BEAT, BEAT_2, END]).duplicate, 1);
  assertEquals(findings([START, BEAT, BEAT_2, END, END]).duplicate, 1);
  // A whole session again, as from an input that is read twice.
  assertEquals(findings([START, BEAT, BEAT_2, END, START]).duplicate, 1);
});

Deno.test("The chaos check finds what is out of order", () => {
  assertEquals(findings([START, BEAT, { ...END, seq: 2 }, BEAT_2]).outOfOrder! > 0, true);
  assertEquals(findings([START, BEAT_2, BEAT, END]).duplicate, 1);
  const late: RecordFields = { ...OTHER, device: "d" };
  const check = new OutputCheck({ rules: RULES, isSameClock: true });
  for (const [session, stampMs] of [[1, T0], [2, T0 + 300]] as const) {
    check.event({ kind: "start", session, deviceId: "d", stampMs });
  }
  // The older session has to end before anything else of its device is written.
  for (const record of [START, late, BEAT]) check.record(recordOf(record));
  assertEquals(check.failures.counts.outOfOrder, 1);
});

Deno.test("The chaos check lets a heartbeat be left out only while nothing else was written", () => {
  const beatTooLate = { ...BEAT_2, emitted: 2100 };
  assertEquals(findings([START, beatTooLate, END]), {});
  // The timer at 1300 fired on time, so the one at 1000 had its turn.
  const otherEnd = { ...OTHER_END, source: 1500 };
  assertEquals(findings([START, OTHER, OTHER_BEAT, otherEnd, beatTooLate, END]), { gap: 1 });
  // It fired when heartbeat 2 was due, too: nobody was awake before.
  const woken = { ...OTHER_BEAT, emitted: 2050 };
  assertEquals(
    findings([START, OTHER, woken, { ...otherEnd, emitted: 2050 }, beatTooLate, END]),
    {},
  );
});

Deno.test("The chaos check finds a heartbeat that is missing before an end", () => {
  // The second was due at 2000, and the third, which could stand for it, not before 3000.
  assertEquals(findings([START, BEAT, { ...END, seq: 2 }]), { gap: 1 });
  assertEquals(findings([START, BEAT, { ...END, seq: 2, emitted: 3001 }]), {});
  // The last one before a timeout always has to be there.
  const timeout = { ...END, reason: "timeout", at: 5000, emitted: 9000, source: 0 };
  assertEquals(findings([START, BEAT, BEAT_2, timeout]), { gap: 1 });
  const last = { ...BEAT, seq: 4, at: 4000, emitted: 9000 };
  assertEquals(findings([START, BEAT, BEAT_2, last, { ...timeout, seq: 5 }]), {});
});

Deno.test("The chaos check asks for no heartbeats between the start by one clock and the end by another", () => {
  // The end was read, then the clock was set back, and the start counts as of that.
  const start = { ...START, started: -2000, at: -2000, emitted: 2500 };
  const end = { ...END, seq: 1, started: -2000, emitted: 2500 };
  assertEquals(findings([start, end], { isSameClock: false }), {});
  // It was active in between.
  assertEquals(findings([start, { ...end, emitted: 2501 }], { isSameClock: false }).gap! > 0, true);
  const timely = { ...start, emitted: -2000 };
  assertEquals(findings([timely, end], { isSameClock: false }).gap! > 0, true);
  // Both are of the load's clock.
  const own = { started: 0, at: 0, emitted: 2500 };
  const ended = { ...END, seq: 1, emitted: 2500 };
  assertEquals(findings([{ ...START, ...own }, ended], { isSameClock: false }), { gap: 1 });
  assertEquals(findings([start, end]).gap! > 0, true);
});

Deno.test("The chaos check finds wrong fields and sessions that nobody started", () => {
  assertEquals(findings([START, BEAT, BEAT_2, { ...END, seq: 4 }]), { wrong: 1 });
  assertEquals(findings([{ ...START, started: 5, at: 5 }, END]).wrong! > 0, true);
  assertEquals(findings([START, { ...BEAT, emitted: 999 }, BEAT_2, END]), { wrong: 1 });
  assertEquals(findings([START, BEAT, BEAT_2, { ...END, source: 2400 }]), { wrong: 1 });
  const orphan: RecordFields = { ...END, session: 9 };
  assertEquals(findings([START, BEAT, BEAT_2, END, orphan]), { unstarted: 1 });
});

Deno.test("A batch of events reads back as it was written", () => {
  const values = ["a", "ü".repeat(100), "{}"].map((text) => new TextEncoder().encode(text));
  const records = values.map((value, i) => ({ timestampMs: T0 + i * 500, value }));
  const bytes = encodeBatch(records, { id: 77, epoch: 3, sequence: 5 });
  const [batch] = decodeBatches(bytes);
  assertEquals([batch!.producerId, batch!.epoch, batch!.isControl], [77, 3, false]);
  assertEquals(
    batch!.records.map(({ offset, timestampMs, key, value }) => [offset, timestampMs, key, value]),
    [[0, T0, null, "a"], [1, T0 + 500, null, "ü".repeat(100)], [2, T0 + 1000, null, "{}"]],
  );
  bytes[80]! ^= 1;
  let message = "";
  try {
    decodeBatches(bytes);
  } catch (error) {
    message = String(error);
  }
  assertEquals(message, "Error: Broken checksum at offset 0");
});
