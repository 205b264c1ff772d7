import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { deploy, OUTPUT_PARTITIONS } from "../support/end_to_end/deployment.ts";
import { type DeviceEvent, EventStream } from "../support/end_to_end/event_stream.ts";
import { expectedRecords, type SessionTimes } from "../support/end_to_end/expected_records.ts";
import { checkOutput, unexplained } from "../support/end_to_end/output_check.ts";
import { type RunningProgram, withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic } from "../support/end_to_end/topic_records.ts";
import { startBroker, type TestBroker } from "../support/kafka/broker.ts";
import { kafkaTest } from "../support/kafka/shared_broker.ts";

const TIMES: SessionTimes = { heartbeatIntervalMs: 1_000, maxDurationMs: 14_000, graceMs: 5_000 };

kafkaTest(
  "The program waits for a broker that is down, and goes on where one that died comes back",
  async () => {
    const broker = await startBroker();
    try {
      await using deployment = await deploy(broker.bootstrap, {
        settings: {
          "session.heartbeatInterval": `${TIMES.heartbeatIntervalMs}ms`,
          "session.maxDuration": `${TIMES.maxDurationMs}ms`,
          "session.grace": `${TIMES.graceMs}ms`,
        },
      });
      const stream = new EventStream(broker.bootstrap, {
        layout: "plain",
        topics: deployment.inputs,
        seed: 3,
      });
      await broker.shutDown();
      await withProgram(deployment, async (program) => {
        await waitsForBroker(program, broker);
        await broker.restart();
        await program.ready();

        await stream.produce(events("start", 0, 100));
        await program.untilMetrics(
          "the first heartbeat of each session",
          (metrics) => metrics.sum("records_total", { status: "SessionHeartbeat" }) >= 100,
        );
        // The broker dies with some of this taken, some not, some written and not acknowledged.
        await stream.produce([...events("end", 0, 20), ...events("start", 100, 200)]);
        const fromMs = Date.now();
        await broker.kill9();
        await waitsForBroker(program, broker);
        await broker.restart();
        await program.ready();
        const outage = { fromMs, toMs: Date.now() };

        await stream.produce([...events("end", 20, 60), ...events("end", 100, 140)]);
        const metrics = await program.untilMetrics(
          "the end of every session",
          (it) => it.sum("sessions_active") === 0 && it.sum("input_lag_records") === 0,
        );
        assertEquals(await program.terminate(), 0);

        const input = await readTopic(broker.bootstrap, deployment.inputs[0]!);
        const { records } = expectedRecords(input, { ...TIMES, fields: stream.fields });
        const output = await readTopic(broker.bootstrap, deployment.output);
        const checked = checkOutput(output, records, {
          ...TIMES,
          layout: "plain",
          partitions: OUTPUT_PARTITIONS,
        });
        assertEquals(checked.faults, []);
        assertGreater(checked.leftOut.length, 0);
        assertEquals(unexplained(checked, { outages: [outage], ...TIMES }), []);
        assertEquals(checked.leftOut.length, metrics.sum("heartbeats_coalesced_total"));
      });
    } finally {
      await broker.stop();
    }
  },
);

async function waitsForBroker(program: RunningProgram, { bootstrap }: TestBroker): Promise<void> {
  const notReady = await program.until("it to say that it is not ready", async () => {
    const answer = await program.get("/readyz");
    return answer.status === 503 && answer;
  });
  assertStringIncludes(notReady.body, "kafka failed: brokers do not answer");
  assertEquals((await program.get("/livez")).status, 200);
  await program.logged(({ level, message }) =>
    level === "warn" && message.startsWith(`Waiting for Kafka at ${bootstrap}`)
  );
}

function events(kind: "start" | "end", from: number, to: number): DeviceEvent[] {
  return Array.from({ length: to - from }, (_, i) => ({
    kind,
    deviceId: `device-${from + i}`,
    sessionId: JSON.stringify(`session-${from + i}`),
  }));
}
