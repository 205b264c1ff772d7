import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KafkaOutputLog } from "../../lib/adapters/kafka/kafka_output_log.ts";
import type { KafkaClient } from "../../lib/adapters/kafka/kafka_client.ts";
import { OutputLogError } from "../../lib/ports/output_log.ts";
import {
  produceAll,
  produceUntilDecided,
  readValues,
  ShardWriter,
  valuesOf,
  withClient,
} from "../adapters/kafka/test_client.ts";
import { kcatConsume } from "../support/kafka/kcat.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { createTopic, fetchRecordSets, uniqueTopic } from "../support/kafka/topics.ts";

const KEEP = { "cleanup.policy": "delete", "retention.ms": "-1" };

function outputLog(
  client: KafkaClient,
  topic: string,
  options: Partial<ConstructorParameters<typeof KafkaOutputLog>[0]> = {},
): KafkaOutputLog {
  return new KafkaOutputLog({
    client,
    topic,
    appId: "test",
    fencing: true,
    producer: "fast",
    memoryMs: 30_000,
    ...options,
  });
}

brokerTest("KafkaOutputLog writes what kcat reads and reads it back", async (broker) => {
  const topic = uniqueTopic("sessions");
  await createTopic(broker.bootstrap, topic, { partitions: 3, config: KEEP });
  await withClient(broker.bootstrap, async ({ client }) => {
    const log = outputLog(client, topic);
    const { shards, name, batchBytesMax } = await log.open();
    assertEquals([shards, name], [3, topic]);
    assert(batchBytesMax >= 64 * 1024);
    const owner = await log.acquire(1);
    assertEquals([owner.logStart, owner.end], [0, 1]);
    assertEquals(await log.readTail(1, owner.end), null);
    const writer = new ShardWriter(1, owner);
    const other = new ShardWriter(2, await log.acquire(2));
    const results = await produceAll(log, [
      writer.batch("a", "b"),
      other.batch("x"),
      writer.batch("c"),
    ]);
    assertEquals(
      results.sort(([a], [b]) => a - b),
      [
        [1, { kind: "acknowledged", baseOffset: 1 }],
        [1, { kind: "acknowledged", baseOffset: 3 }],
        [2, { kind: "acknowledged", baseOffset: 1 }],
      ],
    );
    const records = await kcatConsume(broker.bootstrap, topic);
    assertEquals(records.map(({ value }) => value), ["a", "b", "c", "x"]);
    const again = await log.acquire(1);
    assertEquals([again.producerId, again.epoch], [owner.producerId, owner.epoch + 1]);
    assertEquals(valuesOf((await log.readTail(1, again.end))!), ["c"]);
    assertEquals(await readValues(log, 1, 0, again.end), ["a", "b", "c"]);
    assertEquals(await readValues(log, 1, 2, 3), ["b"]);
    assertEquals(await readValues(log, 1, 3, 3), []);
    await log.close();
  });
});

brokerTest("KafkaOutputLog answers a batch sent twice with its first offset", async (broker) => {
  const topic = uniqueTopic("sessions");
  await createTopic(broker.bootstrap, topic, { partitions: 1, config: KEEP });
  await withClient(broker.bootstrap, async ({ client }) => {
    const log = outputLog(client, topic);
    await log.open();
    const writer = new ShardWriter(0, await log.acquire(0));
    const batch = writer.batch("a");
    const first = await produceUntilDecided(log, batch);
    const second = await produceUntilDecided(log, batch);
    assertEquals(first, { kind: "acknowledged", baseOffset: 1 });
    assertEquals(second, first);
    assertEquals(await readValues(log, 0, 0, 2), ["a"]);
    await log.close();
  });
});

brokerTest(
  "KafkaOutputLog tells a gap in the sequence and a batch too large apart",
  async (broker) => {
    const topic = uniqueTopic("sessions");
    const config = { ...KEEP, "max.message.bytes": "65536" };
    await createTopic(broker.bootstrap, topic, { partitions: 1, config });
    await withClient(broker.bootstrap, async ({ client }) => {
      const log = outputLog(client, topic);
      assertEquals((await log.open()).batchBytesMax, 65_536);
      const writer = new ShardWriter(0, await log.acquire(0));
      assertEquals((await produceUntilDecided(log, writer.batch("a"))).kind, "acknowledged");
      writer.batch("left out");
      assertEquals(await produceUntilDecided(log, writer.batch("c")), { kind: "out_of_order" });
      const large = new ShardWriter(0, await log.acquire(0)).batch("x".repeat(70_000));
      assertEquals(await produceUntilDecided(log, large), {
        kind: "rejected",
        cause: "too_large",
        reason: "MESSAGE_TOO_LARGE (10)",
      });
      assertEquals(await log.readLimits(), {
        batchBytesMax: 65_536,
        timestampAheadMsMax: 3_600_000,
      });
      await log.close();
    });
  },
);

brokerTest(
  "KafkaOutputLog stores the same bytes by its own and by kafkajs's encoder",
  async (broker) => {
    const stored: Uint8Array[] = [];
    for (const producer of ["fast", "stock"] as const) {
      const topic = uniqueTopic(producer);
      await createTopic(broker.bootstrap, topic, { partitions: 1, config: KEEP });
      await withClient(broker.bootstrap, async ({ client }) => {
        const log = outputLog(client, topic, { producer });
        await log.open();
        const writer = new ShardWriter(0, await log.acquire(0));
        const results = await produceAll(log, [writer.batch("a", "b"), writer.batch("c")]);
        assertEquals(results.map(([, { kind }]) => kind), ["acknowledged", "acknowledged"]);
        const gap = writer.batch("left out");
        assertEquals(await produceUntilDecided(log, writer.batch("e")), { kind: "out_of_order" });
        assertEquals((await produceUntilDecided(log, gap)).kind, "acknowledged");
        await log.close();
      });
      const sets = await fetchRecordSets(broker.bootstrap, topic, { from: 1 });
      stored.push(withoutProducerId(Uint8Array.from(sets.flatMap((set) => [...set]))));
    }
    assertEquals(stored[0], stored[1]);
  },
);

brokerTest("KafkaOutputLog finds the last data batch behind many markers", async (broker) => {
  const topic = uniqueTopic("sessions");
  await createTopic(broker.bootstrap, topic, { partitions: 1, config: KEEP });
  await withClient(broker.bootstrap, async ({ client }) => {
    const log = outputLog(client, topic);
    await log.open();
    let owner = await log.acquire(0);
    const writer = new ShardWriter(0, owner);
    await produceUntilDecided(log, writer.batch("early"));
    await produceUntilDecided(log, writer.batch("last", "of them"));
    for (let round = 0; round < 20; round += 1) owner = await log.acquire(0);
    assertEquals(owner.end, 24);
    assertEquals(valuesOf((await log.readTail(0, owner.end))!), ["last", "of them"]);
    await log.close();
  });
});

brokerTest("KafkaOutputLog refuses topics that are missing or unfit", async (broker) => {
  const compacted = uniqueTopic("compacted");
  await createTopic(broker.bootstrap, compacted, {
    partitions: 1,
    config: { "cleanup.policy": "compact", "retention.ms": "1000", "max.message.bytes": "1000" },
  });
  await withClient(broker.bootstrap, async ({ client }) => {
    const refuse = async (log: KafkaOutputLog): Promise<OutputLogError> => {
      const error = await assertRejects(() => log.open(), OutputLogError);
      assertEquals([error.code, error.retryable], ["unfit_topic", false]);
      return error;
    };
    const unfit = (await refuse(outputLog(client, compacted))).message;
    assertStringIncludes(unfit, "cleanup.policy=compact");
    assertStringIncludes(unfit, "retention.ms=1000");
    assertStringIncludes(unfit, "max.message.bytes=1000");
    const missing = outputLog(client, uniqueTopic("none"), { missingTopicWaitMs: 100 });
    assertStringIncludes((await refuse(missing)).message, "does not exist");
  });
});

brokerTest(
  "KafkaOutputLog reads megabytes in whole batches, each chunk the caller's",
  async (broker) => {
    const topic = uniqueTopic("sessions");
    await createTopic(broker.bootstrap, topic, { partitions: 1, config: KEEP });
    await withClient(broker.bootstrap, async ({ client }) => {
      const log = outputLog(client, topic);
      await log.open();
      const writer = new ShardWriter(0, await log.acquire(0));
      const value = "v".repeat(100_000);
      const batches = 60;
      for (let n = 0; n < batches; n += 1) {
        assertEquals(
          (await produceUntilDecided(log, writer.batch(`${n} ${value}`))).kind,
          "acknowledged",
        );
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of log.read(0, 0, 1 + batches)) chunks.push(chunk);
      assert(chunks.length > 1, `${chunks.length} chunk`);
      const numbers = chunks.flatMap((chunk) => valuesOf(chunk)).map((it) => parseInt(it));
      assertEquals(numbers, Array.from({ length: batches }, (_, n) => n));
      // Stopping early leaves nothing behind.
      for await (const chunk of log.read(0, 0, 1 + batches)) {
        assertEquals(parseInt(valuesOf(chunk)[0]!), 0);
        break;
      }
      await log.close();
    });
  },
);

/** Producer id out, checksum with it: they differ by topic, as nothing else may. */
function withoutProducerId(batches: Uint8Array): Uint8Array {
  const view = new DataView(batches.buffer);
  for (let at = 0; at < batches.length; at += 12 + view.getInt32(at + 8)) {
    batches.fill(0, at + 17, at + 21);
    batches.fill(0, at + 43, at + 51);
  }
  return batches;
}
