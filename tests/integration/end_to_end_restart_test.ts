import { assert, assertEquals, assertGreater } from "@std/assert";
import { deploy, type Deployment, OUTPUT_PARTITIONS } from "../support/end_to_end/deployment.ts";
import { type DeviceEvent, EventStream } from "../support/end_to_end/event_stream.ts";
import { eventually } from "../support/end_to_end/eventually.ts";
import { expectedRecords, type SessionTimes } from "../support/end_to_end/expected_records.ts";
import type { Metrics } from "../support/end_to_end/metrics.ts";
import { checkOutput, type Outage, unexplained } from "../support/end_to_end/output_check.ts";
import { type RunningProgram, withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic } from "../support/end_to_end/topic_records.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";

brokerTest(
  "A restart, ordered or by kill -9, loses no session, no beat and repeats none",
  async ({ bootstrap }, t) => {
    await Promise.all([
      t.step({
        name: "stopped by SIGTERM: every session is back and in phase",
        fn: () => restartInOrder(bootstrap),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      }),
      t.step({
        name: "killed while events are on their way: only overdue heartbeats are left out",
        fn: () => killAndRestart(bootstrap),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      }),
    ]);
  },
);

async function restartInOrder(bootstrap: string): Promise<void> {
  const times = { heartbeatIntervalMs: 2_000, maxDurationMs: 12_000, graceMs: 5_000 };
  await using deployment = await deployWith(bootstrap, times);
  const stream = new EventStream(bootstrap, {
    layout: "plain",
    topics: deployment.inputs,
    seed: 1,
  });
  let fromMs = 0;
  const before = await withProgram(deployment, async (program) => {
    await program.ready();
    await firstLife(program, stream);
    await program.untilMetrics("every event to be applied", isSettled);
    const metrics = await program.metrics();
    fromMs = Date.now();
    assertEquals(await program.terminate(), 0);
    return metrics;
  });
  await stream.produce(whileAway());
  await withProgram(deployment, async (program) => {
    await program.ready();
    const outage = { fromMs, toMs: Date.now() };
    const after = await secondLife(program, stream);
    assertEquals(await program.terminate(), 0);
    await checkLives(deployment, stream, { times, outage, metrics: [before, after] });
  });
  await startsWithNothingToDo(deployment);
}

async function killAndRestart(bootstrap: string): Promise<void> {
  const times = { heartbeatIntervalMs: 1_000, maxDurationMs: 12_000, graceMs: 6_000 };
  await using deployment = await deployWith(bootstrap, times);
  const stream = new EventStream(bootstrap, {
    layout: "plain",
    topics: deployment.inputs,
    seed: 2,
  });
  let fromMs = 0;
  const before = await withProgram(deployment, async (program) => {
    await program.ready();
    await firstLife(program, stream);
    const onTheirWay = stream.produce(starts(200, 400));
    await program.untilMetrics(
      "the first of many events",
      (metrics) => metrics.sum("events_total", { type: "start" }) > 100,
    );
    const metrics = await program.metrics();
    fromMs = Date.now();
    await program.kill9();
    await onTheirWay;
    return metrics;
  });
  await stream.produce(whileAway());
  await eventually(
    "two more heartbeats of each session to be overdue",
    () => Date.now() - fromMs > 2.5 * times.heartbeatIntervalMs,
  );
  await withProgram(deployment, async (program) => {
    await program.ready();
    const outage = { fromMs, toMs: Date.now() };
    const after = await secondLife(program, stream);
    await program.kill9();
    const leftOut = await checkLives(deployment, stream, {
      times,
      outage,
      metrics: [before, after],
    });
    assertGreater(leftOut, 50);
  });
  await startsWithNothingToDo(deployment);
}

async function deployWith(bootstrap: string, times: SessionTimes): Promise<Deployment> {
  return await deploy(bootstrap, {
    settings: {
      "session.heartbeatInterval": `${times.heartbeatIntervalMs}ms`,
      "session.maxDuration": `${times.maxDurationMs}ms`,
      "session.grace": `${times.graceMs}ms`,
    },
  });
}

/** A hundred sessions with a heartbeat each; then some have ended, and some ends came early. */
async function firstLife(program: RunningProgram, stream: EventStream): Promise<void> {
  await stream.produce(starts(0, 100));
  await program.untilMetrics(
    "the first heartbeat of each session",
    (metrics) => metrics.sum("records_total", { status: "SessionHeartbeat" }) >= 100,
  );
  await stream.produce([...ends(0, 20), ...ends(100, 110)]);
  await program.untilMetrics(
    "the ends and early ends",
    (metrics) =>
      metrics.sum("records_total", { status: "SessionEnd" }) === 20 &&
      metrics.sum("early_ends") === 10,
  );
}

/** Repeats of what is remembered, starts whose end came, ends, new sessions. */
function whileAway(): DeviceEvent[] {
  return [
    ...starts(0, 10),
    ...ends(10, 20),
    ...starts(100, 110),
    ...ends(20, 40),
    ...starts(110, 120),
  ];
}

async function secondLife(program: RunningProgram, stream: EventStream): Promise<Metrics> {
  await stream.produce([...ends(40, 60), ...ends(110, 115)]);
  return await program.untilMetrics(
    "the end of every session",
    (metrics) => isSettled(metrics) && metrics.sum("sessions_active") === 0,
  );
}

async function checkLives(
  deployment: Deployment,
  { fields }: EventStream,
  { times, outage, metrics }: {
    readonly times: SessionTimes;
    readonly outage: Outage;
    readonly metrics: readonly Metrics[];
  },
): Promise<number> {
  const { bootstrap, inputs, output } = deployment;
  const input = await readTopic(bootstrap, inputs[0]!);
  const { records } = expectedRecords(input, { ...times, fields });
  const written = await readTopic(bootstrap, output);
  const checked = checkOutput(written, records, {
    ...times,
    layout: "plain",
    partitions: OUTPUT_PARTITIONS,
  });
  assertEquals(checked.faults, []);
  const { heartbeatIntervalMs } = times;
  assertEquals(unexplained(checked, { outages: [outage], heartbeatIntervalMs }), []);
  const counted = metrics.reduce((sum, it) => sum + it.sum("heartbeats_coalesced_total"), 0);
  assert(checked.leftOut.length <= counted, `${checked.leftOut.length} left out, ${counted} told`);
  return checked.leftOut.length;
}

/** A third life finds that all is written, and writes nothing. */
async function startsWithNothingToDo(deployment: Deployment): Promise<void> {
  const before = await readTopic(deployment.bootstrap, deployment.output);
  await withProgram(deployment, async (program) => {
    await program.ready();
    const metrics = await program.untilMetrics("all of the input to be applied", isSettled);
    assertEquals(metrics.sum("sessions_active"), 0);
    assertEquals(await program.terminate(), 0);
  });
  assertEquals(await readTopic(deployment.bootstrap, deployment.output), before);
}

function isSettled(metrics: Metrics): boolean {
  const inputs = metrics.count("input_lag_records");
  return inputs === 16 && metrics.sum("input_lag_records") === 0;
}

function starts(from: number, to: number): DeviceEvent[] {
  return events("start", from, to);
}

function ends(from: number, to: number): DeviceEvent[] {
  return events("end", from, to);
}

function events(kind: "start" | "end", from: number, to: number): DeviceEvent[] {
  return Array.from({ length: to - from }, (_, i) => ({
    kind,
    deviceId: `device-${from + i}`,
    sessionId: String(1_000 + from + i),
    accountId: "d03fae97-9998",
  }));
}
