import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KafkaOutputLog } from "../../lib/adapters/kafka/kafka_output_log.ts";
import { KafkaSource } from "../../lib/adapters/kafka/kafka_source.ts";
import type { KafkaClient } from "../../lib/adapters/kafka/kafka_client.ts";
import type { KafkaSasl, KafkaTls } from "../../lib/adapters/kafka/kafkajs_internals.ts";
import { OutputLogError } from "../../lib/ports/output_log.ts";
import { SourceError } from "../../lib/ports/source.ts";
import {
  CollectingListener,
  produceUntilDecided,
  ShardWriter,
  until,
  withClient,
} from "../adapters/kafka/test_client.ts";
import { startBroker, type TestBroker } from "../support/kafka/broker.ts";
import { kafkaTest } from "../support/kafka/shared_broker.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";

const USER = { username: "engine", password: "a-secret-of-the-engine" };

async function withSecureBroker(
  run: (broker: TestBroker, topic: string) => Promise<void>,
  properties: Readonly<Record<string, string>> = {},
): Promise<void> {
  const broker = await startBroker({
    listeners: ["SSL", "SASL_PLAINTEXT", "SASL_SSL"],
    users: [USER],
    properties,
  });
  try {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 1 });
    await run(broker, topic);
  } finally {
    await broker.stop();
  }
}

function outputLog(client: KafkaClient, topic: string): KafkaOutputLog {
  return new KafkaOutputLog({
    client,
    topic,
    appId: "test",
    fencing: true,
    producer: "fast",
    memoryMs: 1_000,
  });
}

/** Writes and reads through every kind of connection the adapters have. */
async function roundTrip(client: KafkaClient, topic: string, value: string): Promise<void> {
  const log = outputLog(client, topic);
  await log.open();
  const owner = await log.acquire(0);
  const writer = new ShardWriter(0, owner);
  assertEquals((await produceUntilDecided(log, writer.batch(value))).kind, "acknowledged");
  const source = new KafkaSource({ client, topics: [topic], groupId: `${topic}-g` });
  await source.open();
  const listener = new CollectingListener();
  source.start([owner.end], listener);
  await until(() => listener.values(0).includes(value), "the record that was written");
  // Waits for the coordinator, which publishing does not.
  await source.committedOffsets();
  await source.commitOffsets([owner.end]);
  await source.stop();
}

kafkaTest("TLS and SASL work together and apart, and wrong secrets are named", async (t) => {
  await withSecureBroker(async ({ listeners, certificates }, topic) => {
    const ca = await Deno.readTextFile(certificates!.caFile);
    const otherCa = await Deno.readTextFile(certificates!.otherCaFile);
    const cert = await Deno.readTextFile(certificates!.clientCertFile);
    const key = await Deno.readTextFile(certificates!.clientKeyFile);
    const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;
    const good: [string, string, { tls?: KafkaTls; sasl?: KafkaSasl }][] = [
      ["TLS", listeners.SSL!, { tls: { ca } }],
      ["TLS with a client certificate", listeners.SSL!, { tls: { ca, cert, key } }],
      ["TLS under another name", listeners.SSL!, { tls: { ca, serverName: "broker.test" } }],
    ];
    for (const mechanism of mechanisms) {
      const sasl = { mechanism, ...USER };
      good.push([`SASL ${mechanism}`, listeners.SASL_PLAINTEXT!, { sasl }]);
      good.push([`SASL ${mechanism} over TLS`, listeners.SASL_SSL!, { tls: { ca }, sasl }]);
    }
    for (const [name, address, options] of good) {
      await t.step(`${name} works`, async () => {
        await withClient(
          address,
          async ({ client }) => await roundTrip(client, topic, name),
          options,
        );
      });
    }

    for (const mechanism of mechanisms) {
      await t.step(`A wrong password is named as the reason: ${mechanism}`, async () => {
        const sasl = { mechanism, username: USER.username, password: "not this one" };
        await withClient(listeners.SASL_PLAINTEXT!, async ({ client, lines }) => {
          const error = await assertRejects(() => outputLog(client, topic).open(), OutputLogError);
          assertEquals([error.code, error.retryable], ["access_denied", false]);
          assertStringIncludes(error.message, "refuses the login");
          const source = new KafkaSource({ client, topics: [topic], groupId: "g" });
          const refused = await assertRejects(() => source.open(), SourceError);
          assertEquals(refused.code, "access_denied");
          const printed = lines.map(({ message }) => message).join("\n");
          assert(!printed.includes("not this one"), "a password in the log");
        }, { sasl });
      });
    }

    for (
      const [name, tls] of [
        ["another authority", { ca: otherCa }],
        ["no authority", {}],
        ["another name", { ca, serverName: "elsewhere.test" }],
      ] as [string, KafkaTls][]
    ) {
      await t.step(`A broker that cannot prove itself is not talked to: ${name}`, async () => {
        await withClient(listeners.SASL_SSL!, async ({ client, reachable }) => {
          const fault = await client.refreshMetadata();
          assertEquals(fault!.kind, "unreachable");
          assert(/certificate|NotValidForName|issuer/i.test(fault!.message), fault!.message);
          assertEquals(reachable, [false]);
        }, { tls, sasl: { mechanism: "plain", ...USER } });
      });
    }

    await t.step(
      "TLS to a listener without it ends in a fault, and the other way round",
      async () => {
        await withClient(listeners.SASL_PLAINTEXT!, async ({ client }) => {
          assert(await client.refreshMetadata() !== null);
        }, { tls: { ca }, connectTimeoutMs: 2_000 });
        await withClient(listeners.SSL!, async ({ client }) => {
          assert(await client.refreshMetadata() !== null);
        }, { connectTimeoutMs: 2_000, requestTimeoutMs: 2_000 });
      },
    );
  });
});

kafkaTest("A session that SASL limits is renewed without a lost batch", async () => {
  await withSecureBroker(async ({ listeners }, topic) => {
    const sasl: KafkaSasl = { mechanism: "scram-sha-512", ...USER };
    await withClient(listeners.SASL_PLAINTEXT!, async ({ client, lines }) => {
      const log = outputLog(client, topic);
      await log.open();
      const source = new KafkaSource({ client, topics: [topic], groupId: "g", fetchWaitMs: 100 });
      await source.open();
      const owner = await log.acquire(0);
      // A broker that has just started makes its topics of transactions first.
      lines.length = 0;
      const listener = new CollectingListener();
      source.start([owner.end], listener);
      const writer = new ShardWriter(0, owner);
      const deadline = performance.now() + 6_000;
      let written = 0;
      while (performance.now() < deadline) {
        assertEquals(
          (await produceUntilDecided(log, writer.batch(`${written}`))).kind,
          "acknowledged",
        );
        written += 1;
        await new Promise<void>((resolve) => setTimeout(resolve, 10));
      }
      await until(() => listener.values(0).length === written, "every record");
      await source.stop();
      assertEquals(lines, []);
      assertEquals(listener.states, [[0, true]]);
    }, { sasl });
  }, { "connections.max.reauth.ms": "12000" });
});

kafkaTest("A user without rights is told so", async () => {
  await withSecureBroker(async ({ listeners }, topic) => {
    const sasl: KafkaSasl = { mechanism: "plain", ...USER };
    await withClient(listeners.SASL_PLAINTEXT!, async ({ client }) => {
      const error = await assertRejects(() => outputLog(client, topic).open(), OutputLogError);
      assertEquals([error.code, error.retryable], ["access_denied", false]);
      const source = new KafkaSource({ client, topics: [topic], groupId: "g" });
      assertEquals((await assertRejects(() => source.open(), SourceError)).code, "access_denied");
    }, { sasl });
  }, {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
  });
});
