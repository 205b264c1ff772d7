import { assert, assertEquals } from "@std/assert";
import { KafkaDeadLetters } from "../../lib/adapters/kafka/kafka_dead_letters.ts";
import type { DeadLetter } from "../../lib/ports/dead_letters.ts";
import { until, withClient } from "../adapters/kafka/test_client.ts";
import { kcatConsume } from "../support/kafka/kcat.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";

const encoder = new TextEncoder();

function letter(offset: number, changes: Partial<DeadLetter> = {}): DeadLetter {
  return {
    reason: "not_json",
    detail: "unexpected end",
    topic: "events",
    partition: 3,
    offset,
    count: 1,
    timestampMs: 1_761_955_605_000,
    key: encoder.encode("key"),
    value: encoder.encode(`value ${offset}`),
    headers: [{ key: encoder.encode("trace"), value: encoder.encode("t-1") }],
    ...changes,
  };
}

brokerTest("KafkaDeadLetters keeps key, value, time and headers and says why", async (broker) => {
  const topic = uniqueTopic("dlq");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const sink = new KafkaDeadLetters({ client, topic });
    await sink.send([
      letter(7),
      letter(8, { reason: "undecodable", count: 12, key: null, headers: [] }),
    ]);
    await sink.close();
    assertEquals([sink.truncated, sink.passed], [0, 0]);
  });
  const [first, second] = await kcatConsume(broker.bootstrap, topic);
  assertEquals([first!.key, first!.value, first!.timestampMs], [
    "key",
    "value 7",
    1_761_955_605_000,
  ]);
  assertEquals(first!.headers, [
    ["trace", "t-1"],
    ["sw-dlq-reason", "not_json"],
    ["sw-dlq-detail", "unexpected end"],
    ["sw-dlq-topic", "events"],
    ["sw-dlq-partition", "3"],
    ["sw-dlq-offset", "7"],
  ]);
  assertEquals(second!.keyBytes, null);
  assertEquals(second!.headers.at(-1), ["sw-dlq-count", "12"]);
});

brokerTest("KafkaDeadLetters cuts what is too large and sends the rest whole", async (broker) => {
  const topic = uniqueTopic("dlq");
  await createTopic(broker.bootstrap, topic, {
    partitions: 1,
    config: { "max.message.bytes": "50000" },
  });
  const large = encoder.encode("0123456789".repeat(20_000));
  await withClient(broker.bootstrap, async ({ client }) => {
    const sink = new KafkaDeadLetters({ client, topic });
    await sink.send([letter(1), letter(2, { value: large }), letter(3)]);
    assertEquals([sink.truncated, sink.passed], [1, 0]);
    await sink.close();
  });
  const records = await kcatConsume(broker.bootstrap, topic);
  assertEquals(records.map(({ offset }) => offset), [0, 1, 2]);
  assertEquals([records[0]!.value, records[2]!.value], ["value 1", "value 3"]);
  const cut = records[1]!;
  assert(cut.valueBytes!.length > 49_000 && cut.valueBytes!.length < 50_000);
  assertEquals(cut.valueBytes, large.subarray(0, cut.valueBytes!.length));
  assertEquals(cut.headers.at(-1), ["sw-dlq-truncated", "true"]);
});

brokerTest(
  "KafkaDeadLetters counts, logs and passes what is refused even when cut",
  async (broker) => {
    const topic = uniqueTopic("dlq");
    await createTopic(broker.bootstrap, topic, {
      partitions: 1,
      config: { "max.message.bytes": "5000" },
    });
    const key = encoder.encode("k".repeat(6_000));
    await withClient(broker.bootstrap, async ({ client, lines }) => {
      const sink = new KafkaDeadLetters({ client, topic });
      assertEquals(await sink.send([letter(1, { key }), letter(2)]), 1);
      await sink.close();
      assertEquals([sink.truncated, sink.passed], [0, 1]);
      assert(
        lines.some(({ level, message }) =>
          level === "error" && message.includes("MESSAGE_TOO_LARGE")
        ),
      );
    });
    const records = await kcatConsume(broker.bootstrap, topic);
    assertEquals(
      records.map(({ value }) => value),
      ["value 2"],
    );
  },
);

brokerTest(
  "KafkaDeadLetters writes letters from the future under the time of now",
  async (broker) => {
    const topic = uniqueTopic("dlq");
    await createTopic(broker.bootstrap, topic, {
      partitions: 1,
      config: { "message.timestamp.before.max.ms": "3600000" },
    });
    await withClient(broker.bootstrap, async ({ client }) => {
      const sink = new KafkaDeadLetters({ client, topic });
      const nowMs = Date.now();
      // The last two are refused with their own time: the topic takes none older than an hour.
      await sink.send([letter(1, { timestampMs: nowMs + 86_400_000 })]);
      await sink.send([letter(2, { timestampMs: -1 })]);
      await sink.send([letter(3), letter(4, { timestampMs: nowMs - 7_200_000 })]);
      await sink.close();
      assertEquals(sink.passed, 0);
      const records = await kcatConsume(broker.bootstrap, topic);
      assertEquals(records.map(({ value }) => value), ["value 1", "value 2", "value 3", "value 4"]);
      assert(records.every(({ timestampMs }) => Math.abs(timestampMs - nowMs) < 60_000));
    });
  },
);

brokerTest("KafkaDeadLetters waits for its topic, and ends when it is closed", async (broker) => {
  const topic = uniqueTopic("dlq");
  await withClient(broker.bootstrap, async ({ client, lines }) => {
    const sink = new KafkaDeadLetters({ client, topic });
    const sent = sink.send([letter(1)]);
    await until(() => lines.some(({ message }) => message.includes("dead letters")), "the warning");
    await createTopic(broker.bootstrap, topic, { partitions: 2 });
    await sent;
    await sink.close();
  });
  assertEquals((await kcatConsume(broker.bootstrap, topic)).length, 1);
});
