import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { KafkaSource } from "../../lib/adapters/kafka/kafka_source.ts";
import { SourceError } from "../../lib/ports/source.ts";
import { CollectingListener, until, withClient } from "../adapters/kafka/test_client.ts";
import { kcatProduce } from "../support/kafka/kcat.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { createTopic, deleteTopic, uniqueTopic } from "../support/kafka/topics.ts";
import { ApiKey, WireClient } from "../support/kafka/wire_client.ts";
import { WireWriter } from "../support/kafka/wire_bytes.ts";
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import { ATTRIBUTE_TRANSACTIONAL } from "../../lib/core/record_batch_layout.ts";

brokerTest(
  "KafkaSource hands out what two topics hold and goes on with what comes",
  async (broker) => {
    const topics = [uniqueTopic("pc"), uniqueTopic("console")];
    await createTopic(broker.bootstrap, topics[0]!, { partitions: 2 });
    await createTopic(broker.bootstrap, topics[1]!, { partitions: 1 });
    await kcatProduce(broker.bootstrap, topics[0]!, [{ value: "a" }, { value: "b" }], {
      partition: 1,
    });
    await withClient(broker.bootstrap, async ({ client }) => {
      const source = new KafkaSource({ client, topics, groupId: topics[0]! });
      assertEquals(await source.open(), [
        { topic: topics[0]!, partition: 0 },
        { topic: topics[0]!, partition: 1 },
        { topic: topics[1]!, partition: 0 },
      ]);
      assertEquals(await source.ranges(), [
        { logStart: 0, end: 0 },
        { logStart: 0, end: 2 },
        { logStart: 0, end: 0 },
      ]);
      const listener = new CollectingListener();
      source.start([0, 1, 0], listener);
      await until(() => listener.values(1).length > 0, "the record after offset 1");
      await kcatProduce(broker.bootstrap, topics[1]!, [{ value: "c" }]);
      await until(() => listener.values(2).length > 0, "the record of the second topic");
      await source.stop();
      assertEquals(listener.values(1), ["b"]);
      assertEquals(listener.values(2), ["c"]);
      assertEquals(listener.fetched.at(-1)!.highWatermark, 1);
      assertEquals(listener.errors, []);
    });
  },
);

brokerTest("KafkaSource starts again after a stop, from other offsets", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await kcatProduce(broker.bootstrap, topic, [{ value: "a" }, { value: "b" }, { value: "c" }]);
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: topic });
    await source.open();
    const first = new CollectingListener();
    source.start([0], first);
    await until(() => first.recordCount === 3, "all records");
    await source.stop();
    const heard = first.fetched.length;
    const second = new CollectingListener();
    source.start([2], second);
    await until(() => second.recordCount === 1, "the last record again");
    await source.stop();
    assertEquals(second.values(0), ["c"]);
    assertEquals(first.fetched.length, heard);
  });
});

brokerTest("KafkaSource does not fetch a paused partition until it may again", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 2 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: topic, fetchWaitMs: 50 });
    await source.open();
    const listener = new CollectingListener();
    source.start([0, 0], listener);
    source.setPaused(0, true);
    await kcatProduce(broker.bootstrap, topic, [{ value: "held" }], { partition: 0 });
    await kcatProduce(broker.bootstrap, topic, [{ value: "free" }], { partition: 1 });
    await until(() => listener.values(1).length === 1, "the partition that is not paused");
    assertEquals(listener.values(0), []);
    source.setPaused(0, false);
    await until(() => listener.values(0).length === 1, "the partition that was paused");
    await source.stop();
  });
});

brokerTest("KafkaSource publishes offsets that ordinary tools can read", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 3 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: `${topic}-group` });
    await source.open();
    assertEquals(await source.committedOffsets(), [-1, -1, -1]);
    await source.commitOffsets([5, -1, 7]);
    assertEquals(await source.committedOffsets(), [5, -1, 7]);
    await source.stop();
    await source.commitOffsets([6, 1, 7]);
    assertEquals(await source.committedOffsets(), [6, 1, 7]);
  });
});

brokerTest("KafkaSource reports an offset out of range and resets nothing", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await kcatProduce(broker.bootstrap, topic, [{ value: "a" }]);
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: topic });
    await source.open();
    const listener = new CollectingListener();
    source.start([40], listener);
    await until(() => listener.errors.length > 0, "the error");
    await source.stop();
    const [error] = listener.errors;
    assertEquals([error!.code, error!.retryable, error!.partition], [
      "offset_out_of_range",
      false,
      0,
    ]);
    assertStringIncludes(error!.message, "from offset 40: the partition holds offsets 0 to 1");
    assertEquals(listener.recordCount, 0);
  });
});

brokerTest("KafkaSource waits for topics that do not exist yet, and says so", async (broker) => {
  const topic = uniqueTopic("events");
  await withClient(broker.bootstrap, async ({ client, lines }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: topic });
    const opened = source.open();
    await until(
      () => lines.some(({ message }) => message.includes("does not exist")),
      "the warning",
    );
    await createTopic(broker.bootstrap, topic, { partitions: 2 });
    assertEquals((await opened).length, 2);
  });
});

brokerTest("KafkaSource gives up opening when its client is closed", async (broker) => {
  const topic = uniqueTopic("events");
  await withClient(broker.bootstrap, async ({ client, lines }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: topic });
    const opened = assertRejects(() => source.open(), SourceError);
    await until(
      () => lines.some(({ message }) => message.includes("does not exist")),
      "the warning",
    );
    client.close();
    await opened;
  });
});

brokerTest("KafkaSource tells that an input topic has grown", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({
      client,
      topics: [topic],
      groupId: topic,
      metadataAgeMaxMs: 20,
    });
    await source.open();
    const listener = new CollectingListener();
    source.start([0], listener);
    await addPartitions(broker.bootstrap, topic, 3);
    await until(() => listener.errors.length > 0, "the error");
    await source.stop();
    assertEquals(listener.errors.map(({ code }) => code), ["partitions_added"]);
    assertStringIncludes(listener.errors[0]!.message, "from 1 to 3 partitions");
  });
});

brokerTest("KafkaSource reports a topic that was deleted", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 2 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({
      client,
      topics: [topic],
      groupId: topic,
      topicMissingMaxMs: 300,
    });
    await source.open();
    const listener = new CollectingListener();
    source.start([0, 0], listener);
    await until(() => listener.states.length === 2, "both partitions");
    await deleteTopic(broker.bootstrap, topic);
    await until(() => listener.errors.length > 0, "the error");
    await source.stop();
    assertEquals(listener.errors.map(({ code }) => code), ["unknown_topic"]);
    assert(listener.states.some(([, reachable]) => !reachable));
  });
});

brokerTest("KafkaSource passes by the events of an aborted transaction", async (broker) => {
  const topic = uniqueTopic("events");
  await createTopic(broker.bootstrap, topic, { partitions: 1 });
  await writeTransaction(broker.bootstrap, topic, { value: "aborted", commit: false });
  await writeTransaction(broker.bootstrap, topic, { value: "committed", commit: true });
  await kcatProduce(broker.bootstrap, topic, [{ value: "plain" }]);
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({ client, topics: [topic], groupId: topic });
    await source.open();
    const listener = new CollectingListener();
    source.start([0], listener);
    await until(() => listener.values(0).includes("plain"), "the last record");
    await source.stop();
    assertEquals(listener.values(0), ["committed", "plain"]);
    assertEquals(listener.fetched.at(-1)!.highWatermark, 5);
  });
});

async function addPartitions(bootstrap: string, topic: string, count: number): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter().array([topic], (w, name) => w.string(name).int32(count).int32(-1))
    .int32(10_000).int8(0).done();
  const answer = await client.request(37, 1, body);
  answer.int32(); // throttle time
  answer.array((r) => {
    r.string();
    assertEquals(r.int16(), 0, r.string() ?? "");
  });
}

async function writeTransaction(
  bootstrap: string,
  topic: string,
  { value, commit }: { readonly value: string; readonly commit: boolean },
): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  const id = `${topic}-${value}`;
  const ask = async (
    apiKey: number,
    version: number,
    body: WireWriter,
  ): Promise<WireReaderLike> => {
    // Coordinators load, and markers of the transaction before are under way.
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const answer = await client.request(apiKey, version, body.done());
      answer.int32(); // throttle time
      const error = apiKey === ApiKey.addPartitionsToTxn
        ? answer.array((r) => {
          r.string();
          return r.array((r) => [r.int32(), r.int16()][1]!)[0]!;
        })[0]!
        : answer.int16();
      if (error === 0) return answer;
      if (![14, 15, 16, 51].includes(error)) throw new Error(`api ${apiKey}: error ${error}`);
      await new Promise<void>((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`api ${apiKey} does not succeed`);
  };
  await ask(ApiKey.findCoordinator, 1, new WireWriter().string(id).int8(1));
  const answer = await ask(ApiKey.initProducerId, 1, new WireWriter().string(id).int32(60_000));
  const producerId = answer.int64();
  const epoch = answer.int16();
  const names = new WireWriter().string(id).int64(producerId).int16(epoch);
  await ask(
    ApiKey.addPartitionsToTxn,
    1,
    names.array([topic], (w, name) => w.string(name).int32(1).int32(0)),
  );
  const batch = encodeRecordBatch({
    baseOffset: 0,
    producerId,
    epoch,
    baseSequence: 0,
    attributes: ATTRIBUTE_TRANSACTIONAL,
    records: [{
      timestampMs: 1_761_955_605_000,
      key: null,
      value: new TextEncoder().encode(value),
      headers: [],
    }],
  });
  const produced = await client.request(
    ApiKey.produce,
    7,
    new WireWriter().string(id).int16(-1).int32(30_000)
      .array([topic], (w, name) => w.string(name).int32(1).int32(0).bytes(batch)).done(),
  );
  const [error] = produced.array((r) => {
    r.string();
    return r.array((r) => [r.int32(), r.int16(), r.raw(24)][1] as number)[0]!;
  });
  assertEquals(error, 0);
  await ask(
    ApiKey.endTxn,
    1,
    new WireWriter().string(id).int64(producerId).int16(epoch).int8(commit ? 1 : 0),
  );
}

type WireReaderLike = Awaited<ReturnType<WireClient["request"]>>;
