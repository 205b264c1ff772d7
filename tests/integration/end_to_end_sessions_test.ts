import { assert, assertEquals, assertGreater } from "@std/assert";
import { deploy, type Deployment, OUTPUT_PARTITIONS } from "../support/end_to_end/deployment.ts";
import { deviceDay } from "../support/end_to_end/device_day.ts";
import { EventStream } from "../support/end_to_end/event_stream.ts";
import { expectedRecords, type SessionTimes } from "../support/end_to_end/expected_records.ts";
import type { Metrics } from "../support/end_to_end/metrics.ts";
import { checkOutput } from "../support/end_to_end/output_check.ts";
import { type RunningProgram, withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic, type TopicRecord } from "../support/end_to_end/topic_records.ts";
import type { ModelCounters } from "../support/model/model_state.ts";
import type { ModelOutputLayout } from "../support/model/render.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { hasPromtool, promtoolFindings } from "../support/promtool.ts";
import { deleteTopic } from "../support/kafka/topics.ts";

const TIMES: SessionTimes = { heartbeatIntervalMs: 1_000, maxDurationMs: 8_000, graceMs: 3_000 };
const DEVICES = 240;

brokerTest(
  "The program turns events of both layouts into exactly the records of the model",
  async ({ bootstrap }) => {
    await Promise.all([
      liveThroughDay(bootstrap, "plain"),
      withRtmTopics(bootstrap, () => liveThroughDay(bootstrap, "rtm-gaming")),
    ]);
  },
);

async function liveThroughDay(bootstrap: string, layout: ModelOutputLayout): Promise<void> {
  await using deployment = await deploy(bootstrap, {
    ...(layout === "plain" ? {} : { inputs: RTM_TOPICS }),
    settings: {
      "input.layout": layout,
      "output.layout": layout,
      "session.heartbeatInterval": `${TIMES.heartbeatIntervalMs}ms`,
      "session.maxDuration": `${TIMES.maxDurationMs}ms`,
      "session.grace": `${TIMES.graceMs}ms`,
    },
  });
  const stream = new EventStream(bootstrap, { layout, topics: deployment.inputs, seed: 17 });
  await withProgram(deployment, async (program) => {
    await program.ready();
    const metrics = await runDay(program, stream);
    assertEquals(await program.terminate(), 0);
    await checkDay(deployment, stream, layout, metrics);
  });
}

/** @returns the metrics when every session has ended and nothing is remembered as an early end. */
async function runDay(program: RunningProgram, stream: EventStream): Promise<Metrics> {
  const { waves, activeDevice } = deviceDay(DEVICES, Date.now());
  for (const [index, wave] of waves.entries()) {
    await stream.produce(wave);
    await program.untilMetrics(
      "every event to be taken",
      (metrics) => eventsTaken(metrics) === stream.produced,
    );
    if (index === 0) await checkLiveSession(program, activeDevice);
    if (index === 1) {
      await program.untilMetrics(
        "a second heartbeat of most sessions",
        (metrics) => metrics.sum("records_total", { status: "SessionHeartbeat" }) > DEVICES,
      );
      const { text } = await program.metrics();
      if (hasPromtool()) assertEquals(await promtoolFindings(text), "");
    }
  }
  const metrics = await program.untilMetrics(
    "the end of every session, and its record in the log",
    (metrics) =>
      ["sessions_active", "early_ends", "shard_in_flight_batches"].every((name) =>
        metrics.sum(name) === 0
      ),
  );
  const path = `/v1/devices/${encodeURIComponent(activeDevice)}`;
  assertEquals((await program.get(path)).status, 404);
  return metrics;
}

async function checkLiveSession(program: RunningProgram, deviceId: string): Promise<void> {
  const body = await program.until("the active session", async () => {
    const answer = await program.get(`/v1/devices/${encodeURIComponent(deviceId)}`);
    return answer.status === 200 && answer.body;
  });
  assertEquals(JSON.parse(body).deviceId, deviceId);
  // More digits than a double has.
  assert(body.includes('"sessionId":18446744073709551615'), body);
}

async function checkDay(
  { bootstrap, inputs, output: outputTopic }: Deployment,
  { fields }: EventStream,
  layout: ModelOutputLayout,
  metrics: Metrics,
): Promise<void> {
  const input: TopicRecord[] = [];
  for (const topic of inputs) input.push(...await readTopic(bootstrap, topic));
  assertEquals(input.filter(({ key }) => key !== null), []);
  const filled = new Set(input.map(({ topic, partition }) => `${topic}/${partition}`));
  assertEquals(filled.size, inputs.length * 16, "an input partition without an event");
  // Sixteen partitions by chance: hardly any session has its start and its end on the same one.
  assertGreater(devicesOnSeveralPartitions(input), DEVICES / 2);

  const { records, counters } = expectedRecords(input, { ...TIMES, fields });
  const output = await readTopic(bootstrap, outputTopic);
  const checked = checkOutput(output, records, {
    ...TIMES,
    layout,
    partitions: OUTPUT_PARTITIONS,
  });
  assertEquals(checked.faults, []);
  assertGreater(checked.heartbeats, DEVICES);
  assertEquals(checked.leftOut.length, metrics.sum("heartbeats_coalesced_total"));
  // A machine that stalls leaves out some; an engine that leaves out most is wrong.
  assertGreater(checked.heartbeats, 3 * checked.leftOut.length);
  checkCounters(metrics, counters);
  for (const status of ["SessionStart", "SessionHeartbeat", "SessionEnd"]) {
    const written = output.filter(({ value }) => value!.includes(`"${status}"`)).length;
    assertEquals(metrics.sum("records_total", { status }), written, status);
  }
  assertEquals(await readTopic(bootstrap, outputTopic, { isolation: "read_committed" }), output);
}

function checkCounters(metrics: Metrics, counters: ModelCounters): void {
  assertEquals({
    starts: metrics.sum("events_total", { type: "start" }),
    ends: metrics.sum("events_total", { type: "end" }),
    duplicates: metrics.sum("events_duplicate_total"),
    orphanEnds: metrics.sum("ends_orphaned_total"),
    lateStarts: metrics.sum("starts_late_total"),
    timestampsReplaced: metrics.sum("record_timestamps_corrected_total"),
    rejected: metrics.sum("events_rejected_total"),
  }, {
    starts: counters.starts,
    ends: counters.ends,
    duplicates: counters.duplicates,
    orphanEnds: counters.orphanEnds,
    lateStarts: counters.lateStarts,
    timestampsReplaced: 0,
    rejected: 0,
  });
}

function devicesOnSeveralPartitions(input: readonly TopicRecord[]): number {
  const partitions = new Map<string, Set<number>>();
  for (const { value, partition } of input) {
    const event = JSON.parse(value!);
    const device: string = event.deviceId ?? event.hostPcId ?? event.openPsid;
    partitions.set(device, (partitions.get(device) ?? new Set()).add(partition));
  }
  return [...partitions.values()].filter(({ size }) => size > 1).length;
}

function eventsTaken(metrics: Metrics): number {
  return metrics.sum("events_total", { type: "start" }) +
    metrics.sum("events_total", { type: "end" });
}

/** The layout knows its topics by name, so they cannot have names of their own. */
const RTM_TOPICS = ["pc_sessions", "console_sessions"];

async function withRtmTopics(bootstrap: string, use: () => Promise<void>): Promise<void> {
  // A run that was cut off may have left them.
  for (const topic of RTM_TOPICS) await deleteTopic(bootstrap, topic).catch(() => {});
  try {
    await use();
  } finally {
    for (const topic of RTM_TOPICS) await deleteTopic(bootstrap, topic).catch(() => {});
  }
}
