/** A broker that refuses what a running program writes, and takes it again. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { deploy, OUTPUT_PARTITIONS } from "../support/end_to_end/deployment.ts";
import { EventStream } from "../support/end_to_end/event_stream.ts";
import { type RunningProgram, withProgram } from "../support/end_to_end/running_program.ts";
import { readTopic } from "../support/end_to_end/topic_records.ts";
import {
  allowAll,
  denyWrite,
  setTopicConfig,
  undoDenyWrite,
} from "../support/kafka/administration.ts";
import { startBroker } from "../support/kafka/broker.ts";
import { kafkaTest } from "../support/kafka/shared_broker.ts";

const USER = { username: "engine", password: "a-secret-of-the-engine" };
const SESSIONS = 200;

kafkaTest(
  "The program says what a broker refuses, and goes on when it takes it again",
  async () => {
    const broker = await startBroker({
      listeners: ["SASL_PLAINTEXT"],
      users: [USER],
      properties: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
      },
    });
    const { bootstrap } = broker;
    try {
      await allowAll(bootstrap, USER.username);
      await using deployment = await deploy(bootstrap, {
        settings: {
          "session.heartbeatInterval": "500ms",
          "session.maxDuration": "20m",
          "kafka.brokers": broker.listeners.SASL_PLAINTEXT!,
          "kafka.sasl.mechanism": "plain",
          "kafka.sasl.username": USER.username,
        },
      });
      const { settings, inputs, output } = deployment;
      const env = { SESSIONWHEEL__KAFKA__SASL__PASSWORD: USER.password };
      await withProgram({ settings, env }, async (program) => {
        await program.ready();
        const starts = Array.from(
          { length: SESSIONS },
          (_, i) => ({ kind: "start" as const, deviceId: `device-${i}`, sessionId: "1" }),
        );
        await new EventStream(bootstrap, { layout: "plain", topics: inputs, seed: 6 })
          .produce(starts);
        await heartbeats(program);

        await denyWrite(bootstrap, USER.username, output);
        await unready(program, "TOPIC_AUTHORIZATION_FAILED (29)", "grant it again");
        await undoDenyWrite(bootstrap, USER.username, output);
        await heals(program);

        await setTopicConfig(bootstrap, output, "max.message.bytes", "300");
        await unready(program, "MESSAGE_TOO_LARGE (10)", "to 65536 at least, it is 300");
        await setTopicConfig(bootstrap, output, "max.message.bytes", "65536");
        await heals(program);

        const metrics = await program.metrics();
        for (const cause of ["access", "too_large"]) {
          assertGreater(metrics.sum("batches_refused_total", { cause }), 0, cause);
        }
        assertEquals(metrics.sum("batches_refused_total", { cause: "other" }), 0);
        assertEquals(await program.terminate(), 0);
      });
      const seqs = new Map<string, number>();
      for (const { key, value, offset } of await readTopic(bootstrap, output)) {
        const { seq } = JSON.parse(value!);
        const before = seqs.get(key!) ?? -1;
        assert(seq > before, `${key}@${offset}: ${seq} after ${before}`);
        seqs.set(key!, seq);
      }
      assertEquals(seqs.size, SESSIONS);
    } finally {
      await broker.stop();
    }
  },
);

/** Waits for a heartbeat of every session, as a mean. */
async function heartbeats(program: RunningProgram): Promise<void> {
  const count = async () =>
    (await program.metrics()).sum("records_total", { status: "SessionHeartbeat" });
  const before = await count();
  await program.until("heartbeats", async () => await count() >= before + SESSIONS);
}

/** Waits until `/readyz` fails with these words. */
async function unready(program: RunningProgram, ...words: readonly string[]): Promise<void> {
  await program.until(`words of ${words[0]}`, async () => {
    const { status, body } = await program.get("/readyz");
    return status === 503 && words.every((word) => body.includes(word));
  });
  await program.untilMetrics(
    "every shard to be refused",
    (metrics) => metrics.sum("shard_state", { state: "stalled" }) === OUTPUT_PARTITIONS,
  );
}

async function heals(program: RunningProgram): Promise<void> {
  await program.ready();
  await heartbeats(program);
}
