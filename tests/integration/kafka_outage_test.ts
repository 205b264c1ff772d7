import { assert, assertEquals } from "@std/assert";
import { KafkaDeadLetters } from "../../lib/adapters/kafka/kafka_dead_letters.ts";
import { KafkaOutputLog } from "../../lib/adapters/kafka/kafka_output_log.ts";
import { KafkaSource } from "../../lib/adapters/kafka/kafka_source.ts";
import {
  CollectingListener,
  produceUntilDecided,
  readValues,
  ShardWriter,
  testClient,
  until,
  withClient,
} from "../adapters/kafka/test_client.ts";
import { startBroker } from "../support/kafka/broker.ts";
import { kcatConsume, kcatProduce } from "../support/kafka/kcat.ts";
import { brokerTest, kafkaTest } from "../support/kafka/shared_broker.ts";
import { startTcpProxy } from "../support/kafka/tcp_proxy.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";
import { ApiKey } from "../support/kafka/wire_client.ts";

kafkaTest("Source, log and dead letters go on after their broker was killed", async () => {
  const broker = await startBroker();
  try {
    const events = uniqueTopic("events");
    const sessions = uniqueTopic("sessions");
    const dlq = uniqueTopic("dlq");
    for (const topic of [events, sessions, dlq]) {
      await createTopic(broker.bootstrap, topic, { partitions: 1 });
    }
    await withClient(broker.bootstrap, async ({ client, reachable, lines }) => {
      const source = new KafkaSource({ client, topics: [events], groupId: "g" });
      await source.open();
      const listener = new CollectingListener();
      source.start([0], listener);
      const log = new KafkaOutputLog({
        client,
        topic: sessions,
        appId: "test",
        fencing: true,
        producer: "fast",
        memoryMs: 1_000,
      });
      await log.open();
      const deadLetters = new KafkaDeadLetters({ client, topic: dlq });
      const writer = new ShardWriter(0, await log.acquire(0));
      assertEquals((await produceUntilDecided(log, writer.batch("before"))).kind, "acknowledged");
      await until(() => listener.states.length > 0, "the first fetch");

      await broker.kill9();
      const produced = produceUntilDecided(log, writer.batch("during"));
      const sent = deadLetters.send([deadLetter("lost?")]);
      await until(() => reachable.at(-1) === false, "the loss to be told");
      assert(listener.states.some(([, state]) => !state));
      assert(lines.some(({ message }) => message.startsWith("Waiting for Kafka at")));
      await broker.restart();

      assertEquals((await produced).kind, "acknowledged");
      await sent;
      await kcatProduce(broker.bootstrap, events, [{ value: "after" }]);
      await until(() => listener.recordCount === 1, "the event after the restart");
      assertEquals(reachable, [true, false, true]);
      assertEquals(listener.states.at(-1), [0, true]);
      const { end } = await log.acquire(0);
      assertEquals(await readValues(log, 0, 0, end), ["before", "during"]);
      assertEquals((await kcatConsume(broker.bootstrap, dlq)).map(({ value }) => value), ["lost?"]);
      await source.stop();
      await deadLetters.close();
      await log.close();
      // A cluster that is away writes a few lines, not thousands.
      assert(lines.length < 60, `${lines.length} lines`);
    });
  } finally {
    await broker.stop();
  }
});

kafkaTest("Clients start before their broker and wait for it", async () => {
  const broker = await startBroker();
  try {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 2 });
    await broker.shutDown();
    await withClient(broker.bootstrap, async ({ client, reachable }) => {
      const log = new KafkaOutputLog({
        client,
        topic,
        appId: "test",
        fencing: true,
        producer: "fast",
        memoryMs: 1_000,
      });
      const opened = log.open();
      await until(() => reachable.length > 0, "the loss to be told");
      assertEquals(reachable, [false]);
      await broker.restart();
      assertEquals((await opened).shards, 2);
      assertEquals(reachable, [false, true]);
    });
  } finally {
    await broker.stop();
  }
});

kafkaTest("A broker that stops answering is given up and found again", async () => {
  const proxy = startTcpProxy();
  const broker = await startBroker({ advertisedPorts: { PLAINTEXT: proxy.port } });
  proxy.connectTo(broker.bootstrap);
  try {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 1 });
    await withClient(proxy.bootstrap, async ({ client }) => {
      const log = new KafkaOutputLog({
        client,
        topic,
        appId: "test",
        fencing: true,
        producer: "fast",
        memoryMs: 1_000,
      });
      await log.open();
      const source = new KafkaSource({ client, topics: [topic], groupId: "g" });
      await source.open();
      const listener = new CollectingListener();
      source.start([0], listener);
      const writer = new ShardWriter(0, await log.acquire(0));
      assertEquals((await produceUntilDecided(log, writer.batch("a"))).kind, "acknowledged");

      // The answer is lost, the batch is not: the same bytes again must not write it twice.
      const lost = proxy.addRule({
        direction: "response",
        apiKey: ApiKey.produce,
        times: 1,
        decide: () => "close",
      });
      assertEquals((await produceUntilDecided(log, writer.batch("b"))).kind, "acknowledged");
      assertEquals(lost.hits, 1);

      // Bytes vanish without an end of the connection.
      proxy.freeze("response");
      const frozen = produceUntilDecided(log, writer.batch("c"));
      await until(() => listener.states.some(([, state]) => !state), "the silence to be noticed");
      proxy.thaw();
      assertEquals((await frozen).kind, "acknowledged");
      await until(() => listener.values(0).length === 3, "all records");
      assertEquals(listener.values(0), ["a", "b", "c"]);
      await source.stop();
      await log.close();
    }, { requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 });
  } finally {
    await broker.stop();
    await proxy.close();
  }
});

kafkaTest("A closed client has closed its sockets", async () => {
  const proxy = startTcpProxy();
  const broker = await startBroker({ advertisedPorts: { PLAINTEXT: proxy.port } });
  proxy.connectTo(broker.bootstrap);
  try {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 1 });
    const { client } = testClient(proxy.bootstrap);
    const source = new KafkaSource({ client, topics: [topic], groupId: "g", fetchWaitMs: 5_000 });
    await source.open();
    await source.ranges();
    source.start([0], new CollectingListener());
    await until(() => proxy.connectionsOpen >= 2, "two connections");
    await source.stop();
    client.close();
    await until(() => proxy.connectionsOpen === 0, "no connection", 2_000);
  } finally {
    await broker.stop();
    await proxy.close();
  }
});

function deadLetter(value: string): Parameters<KafkaDeadLetters["send"]>[0][number] {
  return {
    reason: "not_json",
    detail: "a test",
    topic: "events",
    partition: 0,
    offset: 7,
    count: 1,
    timestampMs: 1_761_955_605_000,
    key: null,
    value: new TextEncoder().encode(value),
    headers: [],
  };
}

brokerTest(
  "A wall clock that jumps, either way, neither fails nor delays a request",
  async (broker) => {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 1 });
    const realNow = Date.now;
    await withClient(broker.bootstrap, async ({ client, lines }) => {
      for (const producer of ["fast", "stock"] as const) {
        const log = new KafkaOutputLog({
          client,
          topic,
          appId: "test",
          fencing: true,
          producer,
          memoryMs: 1_000,
        });
        await log.open();
        const writer = new ShardWriter(0, await log.acquire(0));
        const source = new KafkaSource({ client, topics: [topic], groupId: "g" });
        await source.open();
        const [range] = await source.ranges();
        // A broker that has just started makes its topics of transactions first.
        lines.length = 0;
        const listener = new CollectingListener();
        source.start([range!.end], listener);
        try {
          for (const jumpMs of [0, 7_200_000, -7_200_000]) {
            Date.now = () => realNow() + jumpMs;
            const result = await produceUntilDecided(log, writer.batch(`${jumpMs}`));
            assertEquals(result.kind, "acknowledged");
          }
          await until(() => listener.values(0).length === 3, "every record");
        } finally {
          Date.now = realNow;
        }
        await source.stop();
        assertEquals(listener.states, [[0, true]]);
      }
      assertEquals(lines, []);
    });
  },
);
