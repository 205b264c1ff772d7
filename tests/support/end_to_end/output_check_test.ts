import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { type ModelOutputLayout, modelPartition, renderRecord } from "../model/render.ts";
import { PLAIN_FIELDS } from "../model/model_events.ts";
import { expectedRecords } from "./expected_records.ts";
import { type CheckedOutput, checkOutput, unexplained } from "./output_check.ts";
import type { TopicRecord } from "./topic_records.ts";

const TIMES = { heartbeatIntervalMs: 1_000, maxDurationMs: 6_000, graceMs: 2_000 };
const START_MS = Date.UTC(2025, 10, 1);

const { records: EXPECTED } = expectedRecords([
  event(0, 0, '{"type":"start","deviceId":"a","sessionId":18446744073709551615}'),
  event(0, 3_500, '{"type":"end","deviceId":"a","sessionId":18446744073709551615}'),
  event(1, 100, '{"type":"start","deviceId":"b","sessionId":"x","accountId":"y"}'),
], { ...TIMES, fields: PLAIN_FIELDS });

function event(partition: number, afterMs: number, value: string): TopicRecord {
  const timestampMs = START_MS + afterMs;
  return {
    topic: "events",
    partition,
    offset: afterMs,
    timestampMs,
    key: null,
    value,
    headers: [],
  };
}

/** What a perfect program would have written, with 3 ms of delay. */
function perfectOutput(layout: ModelOutputLayout): TopicRecord[] {
  return EXPECTED.map((record, offset) => {
    const emittedAtMs = record.atMs + 3;
    return {
      topic: "sessions",
      partition: modelPartition(record.deviceId, 16),
      offset,
      timestampMs: emittedAtMs,
      key: record.deviceId,
      value: renderRecord({ ...record, emittedAtMs }, layout),
      headers: [],
    };
  });
}

function check(output: readonly TopicRecord[], layout: ModelOutputLayout = "plain"): CheckedOutput {
  return checkOutput(output, EXPECTED, { ...TIMES, layout, partitions: 16 });
}

Deno.test("checkOutput() finds nothing wrong with what the model says", () => {
  for (const layout of ["plain", "rtm-gaming"] as const) {
    const { starts, heartbeats, ends, leftOut, faults } = check(perfectOutput(layout), layout);
    assertEquals({ starts, heartbeats, ends, leftOut, faults }, {
      starts: 2,
      heartbeats: 3 + 5,
      ends: 2,
      leftOut: [],
      faults: [],
    });
  }
});

Deno.test("checkOutput() takes a beat before an end that came late, and no other", () => {
  const output = perfectOutput("plain");
  const index = output.findIndex(({ value }) => value!.includes('"reason":"ended"'));
  const end = output[index]!;
  const beat = EXPECTED.findLast(({ deviceId, seq }) => deviceId === "a" && seq === 3)!;
  const late = { ...beat, seq: 4, atMs: START_MS + 4_000, durationMs: 4_000 };
  const lateBeat = renderRecord({
    ...late,
    nextAtMs: START_MS + 5_000,
    emittedAtMs: START_MS + 4_003,
  }, "plain");
  const withBeat = (endText: string, endMs: number): TopicRecord[] =>
    output.toSpliced(
      index,
      1,
      { ...end, value: lateBeat, timestampMs: START_MS + 4_003 },
      { ...end, value: endText, timestampMs: endMs },
    );
  const lateEnd = end.value!.replace('"seq":4', '"seq":5').replace("00:03.503Z", "00:04.100Z");
  assertEquals(check(withBeat(lateEnd, START_MS + 4_100)).faults, []);
  const earlyEnd = end.value!.replace('"seq":4', '"seq":5');
  assertGreater(check(withBeat(earlyEnd, START_MS + 3_503)).faults.length, 0);
});

Deno.test("checkOutput() counts a beat left out before an end that came late", () => {
  const output = perfectOutput("plain");
  const index = output.findIndex(({ value }) => value!.includes('"reason":"ended"'));
  const end = output[index]!;
  const beat = EXPECTED.findLast(({ deviceId, seq }) => deviceId === "a" && seq === 3)!;
  const value = renderRecord({
    ...beat,
    seq: 5,
    atMs: START_MS + 5_000,
    durationMs: 5_000,
    nextAtMs: START_MS + 6_000,
    emittedAtMs: START_MS + 5_003,
  }, "plain");
  const endValue = end.value!.replace('"seq":4', '"seq":6').replace("00:03.503Z", "00:05.100Z");
  const checked = check(output.toSpliced(
    index,
    1,
    { ...end, value, timestampMs: START_MS + 5_003 },
    { ...end, value: endValue, timestampMs: START_MS + 5_100 },
  ));
  assertEquals(checked.faults, []);
  assertEquals(checked.leftOut.map(({ atMs }) => atMs - START_MS), [4_000]);
});

/** Each breaks the output in one way; the text has to be in what is found. */
const BROKEN: Readonly<Record<string, [break_: (output: TopicRecord[]) => void, text: string]>> = {
  "a start that is missing": [(output) => output.splice(0, 1), "should be"],
  "an end that is missing": [(output) => output.pop(), "should be"],
  "a session that is missing": [
    (output) => output.splice(0, output.length, ...output.filter(({ key }) => key === "a")),
    "not in the output",
  ],
  "a session of nobody": [
    (output) =>
      edit(output, 0, '"sessionId":18446744073709551615', '"sessionId":18446744073709551616'),
    "in the output alone",
  ],
  "a record that came twice": [(output) => output.splice(3, 0, output[3]!), "seq"],
  "another account": [(output) => edit(output, -1, '"y"', '"z"'), "should be"],
  "another reason": [(output) => edit(output, -1, '"timeout"', '"ended"'), "should be"],
  "an instant that is off": [
    (output) => edit(output, 4, '"durationMs":', '"durationMs":1'),
    "should",
  ],
  "a partition that is not the key's": [
    (output) => output[2] = { ...output[2]!, partition: output[2]!.partition + 1 },
    "partition of its key",
  ],
  "another key": [(output) => output[2] = { ...output[2]!, key: "b" }, "has the key"],
  "a timestamp that is not emittedAt": [
    (output) => output[2] = { ...output[2]!, timestampMs: output[2]!.timestampMs + 1 },
    "has the timestamp",
  ],
};

for (const [name, [breakIt, text]] of Object.entries(BROKEN)) {
  Deno.test(`checkOutput() finds ${name}`, () => {
    const output = perfectOutput("plain");
    breakIt(output);
    assertStringIncludes(check(output).faults.join("\n"), text);
  });
}

Deno.test("A heartbeat left out is explained by an outage that covers it and the next", () => {
  const output = perfectOutput("plain").filter(({ value }) =>
    !value!.includes('"durationMs":2000')
  );
  const checked = check(output);
  assertEquals(checked.faults, []);
  assertEquals(checked.leftOut.map(({ atMs }) => atMs - START_MS), [2_000, 2_100]);
  const within = (fromMs: number, toMs: number) =>
    unexplained(checked, {
      outages: [{ fromMs: START_MS + fromMs, toMs: START_MS + toMs }],
      heartbeatIntervalMs: 1_000,
    }).length;
  assertEquals(within(1_900, 3_200), 0);
  assertEquals(within(1_900, 2_200), 2);
  assertEquals(within(2_900, 4_200), 2);
});

function edit(output: TopicRecord[], index: number, from: string, to: string): void {
  const record = output.at(index)!;
  const at = index < 0 ? output.length + index : index;
  if (!record.value!.includes(from)) throw new Error(`${from} is not in ${record.value}`);
  output[at] = { ...record, value: record.value!.replace(from, to) };
}
