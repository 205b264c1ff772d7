import { assertEquals, assertRejects } from "@std/assert";
import { KafkaOutputLog } from "../../lib/adapters/kafka/kafka_output_log.ts";
import type { KafkaClient } from "../../lib/adapters/kafka/kafka_client.ts";
import { OutputLogError } from "../../lib/ports/output_log.ts";
import {
  produceAll,
  produceUntilDecided,
  readValues,
  ShardWriter,
  testClient,
  withClient,
} from "../adapters/kafka/test_client.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";

function outputLog(client: KafkaClient, topic: string, fencing = true): KafkaOutputLog {
  return new KafkaOutputLog({
    client,
    topic,
    appId: "test",
    fencing,
    producer: "fast",
    memoryMs: 30_000,
  });
}

brokerTest("A fenced owner cannot write, not even a batch it sent before", async (broker) => {
  const topic = uniqueTopic("sessions");
  await createTopic(broker.bootstrap, topic, { partitions: 2 });
  const old = testClient(broker.bootstrap);
  try {
    await withClient(broker.bootstrap, async ({ client }) => {
      const zombieLog = outputLog(old.client, topic);
      await zombieLog.open();
      const zombie = new ShardWriter(0, await zombieLog.acquire(0));
      const sent = zombie.batch("mine");
      assertEquals((await produceUntilDecided(zombieLog, sent)).kind, "acknowledged");
      const neighbour = new ShardWriter(1, await zombieLog.acquire(1));

      const log = outputLog(client, topic);
      await log.open();
      const owner = await log.acquire(0);
      assertEquals(await readValues(log, 0, 0, owner.end), ["mine"]);

      const results = await produceAll(zombieLog, [zombie.batch("late"), neighbour.batch("other")]);
      const kinds = Object.fromEntries(results.map(([shard, { kind }]) => [shard, kind]));
      assertEquals(kinds, { 0: "fenced", 1: "acknowledged" });
      assertEquals((await produceUntilDecided(zombieLog, sent)).kind, "fenced");
      const error = await assertRejects(() => zombieLog.refresh([0]), OutputLogError);
      assertEquals([error.code, error.retryable], ["fenced", false]);

      const writer = new ShardWriter(0, owner);
      assertEquals(await produceUntilDecided(log, writer.batch("new")), {
        kind: "acknowledged",
        baseOffset: owner.end,
      });
    });
  } finally {
    old.client.close();
  }
});

brokerTest(
  "Whatever a live zombie gets in, it gets in before the end that acquire tells",
  async (broker) => {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 4 });
    const old = testClient(broker.bootstrap);
    try {
      await withClient(broker.bootstrap, async ({ client }) => {
        const zombieLog = outputLog(old.client, topic);
        await zombieLog.open();
        const log = outputLog(client, topic);
        await log.open();
        for (let round = 0; round < 3; round += 1) {
          let fenced = 0;
          const offsets: number[][] = [[], [], [], []];
          const zombies = await Promise.all(
            offsets.map(async (_, shard) => new ShardWriter(shard, await zombieLog.acquire(shard))),
          );
          const writing = zombies.map(async (zombie) => {
            for (;;) {
              const result = await produceUntilDecided(zombieLog, zombie.batch("z"));
              if (result.kind !== "acknowledged") {
                assertEquals(result.kind, "fenced");
                fenced += 1;
                return;
              }
              offsets[zombie.shard]!.push(result.baseOffset);
            }
          });
          const owners = await Promise.all(offsets.map((_, shard) => log.acquire(shard)));
          await Promise.all(writing);
          assertEquals(fenced, 4);
          for (const [shard, { end }] of owners.entries()) {
            assertEquals(offsets[shard]!.filter((offset) => offset >= end), []);
          }
        }
      });
    } finally {
      old.client.close();
    }
  },
);

brokerTest("A refreshed owner goes on with its sequences", async (broker) => {
  const topic = uniqueTopic("sessions");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const log = outputLog(client, topic);
    await log.open();
    const writer = new ShardWriter(0, await log.acquire(0));
    assertEquals((await produceUntilDecided(log, writer.batch("a"))).kind, "acknowledged");
    await log.refresh([0]);
    assertEquals((await produceUntilDecided(log, writer.batch("b"))).kind, "acknowledged");
    const owner = await log.acquire(0);
    assertEquals(await readValues(log, 0, 0, owner.end), ["a", "b"]);
  });
});

brokerTest("The self-test finds that this broker keeps fenced writers out", async (broker) => {
  const topic = uniqueTopic("sessions");
  const deadLetters = uniqueTopic("dlq");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await createTopic(broker.bootstrap, deadLetters, { partitions: 1 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const log = outputLog(client, topic);
    assertEquals((await log.fencingSelfTest(deadLetters)).works, true);
    // And leaves nothing that a reader sees.
    const reader = outputLog(client, deadLetters);
    const owner = await reader.acquire(0);
    assertEquals(await readValues(reader, 0, 0, owner.end), []);
  });
});

brokerTest("Without fencing an owner gets a producer id that nobody had", async (broker) => {
  const topic = uniqueTopic("sessions");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const log = outputLog(client, topic, false);
    await log.open();
    const first = await log.acquire(0);
    assertEquals(first.end, 0);
    const old = new ShardWriter(0, first);
    const second = await log.acquire(0);
    assertEquals(second.producerId === first.producerId, false);
    await log.refresh([0]);
    assertEquals((await produceUntilDecided(log, old.batch("old"))).kind, "acknowledged");
    const writer = new ShardWriter(0, second);
    assertEquals((await produceUntilDecided(log, writer.batch("new"))).kind, "acknowledged");
    assertEquals(await readValues(log, 0, 0, 2), ["old", "new"]);
  });
});
