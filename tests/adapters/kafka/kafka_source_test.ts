import { assert, assertEquals, assertRejects } from "@std/assert";
import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
import { KafkaSource } from "../../../lib/adapters/kafka/kafka_source.ts";
import { encodeRecordBatch } from "../../../lib/core/record_batch_encoder.ts";
import { SourceError } from "../../../lib/ports/source.ts";
import { fetchAnswer, NODE_ID, ScriptedBroker } from "./scripted_broker.ts";
import { CollectingListener, type TestClient, until, withClient } from "./test_client.ts";
import { WireWriter } from "../../support/kafka/wire_bytes.ts";

const FETCH = KAFKA_API.fetch.key;

function batch(baseOffset: number, ...values: string[]): Uint8Array {
  return encodeRecordBatch({
    baseOffset,
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    records: values.map((value) => ({
      timestampMs: 0,
      key: null,
      value: new TextEncoder().encode(value),
      headers: [],
    })),
  });
}

/** Starts a source on a scripted topic `t` and runs until the test has seen enough. */
async function withSource(
  broker: ScriptedBroker,
  run: (listener: CollectingListener, test: TestClient, source: KafkaSource) => Promise<void>,
): Promise<void> {
  await withClient(broker.bootstrap, async (test) => {
    const source = new KafkaSource({ client: test.client, topics: ["t"], groupId: "g" });
    const partitions = await source.open();
    const listener = new CollectingListener();
    source.start(partitions.map(() => 0), listener);
    await run(listener, test, source);
    await source.stop();
  });
}

/** Answers the fetches one after the other; the last answer's turn never comes. */
function script(broker: ScriptedBroker, answers: readonly (Uint8Array | "close")[]): number[] {
  const asked: number[] = [];
  broker.handlers.set(FETCH, ({ body }) => {
    body.raw(4 + 4 + 4 + 4 + 1 + 4 + 4 + 4);
    body.string();
    body.raw(4 + 4 + 4);
    asked.push(body.int64());
    return answers[asked.length - 1] ?? null;
  });
  return asked;
}

Deno.test("KafkaSource goes on behind the last whole batch and leaves out one cut off", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  const whole = batch(0, "a", "b");
  const cut = new Uint8Array([...whole, ...batch(2, "c").subarray(0, 40)]);
  const asked = script(broker, [
    fetchAnswer("t", { partition: 0, end: 3, records: cut }),
    fetchAnswer("t", { partition: 0, end: 3, records: batch(2, "c") }),
  ]);
  await withSource(broker, async (listener) => {
    await until(() => listener.recordCount === 3, "all records");
    await until(() => asked.length === 3, "the third fetch");
    assertEquals(listener.values(0), ["a", "b", "c"]);
    assertEquals(listener.fetched.map(({ records }) => records.length), [whole.length, 69]);
  });
  assertEquals(asked, [0, 2, 3]);
});

for (const errorCode of [3, 5, 6, 56, 74, 75]) {
  Deno.test(`KafkaSource asks for the leader again after error ${errorCode}`, async () => {
    await using broker = new ScriptedBroker();
    broker.topics = { t: [NODE_ID] };
    const asked = script(broker, [
      fetchAnswer("t", { partition: 0, errorCode }),
      fetchAnswer("t", { partition: 0, end: 1, records: batch(0, "a") }),
    ]);
    await withSource(broker, async (listener) => {
      await until(() => listener.recordCount === 1, "the record");
      await until(
        () => broker.countOf(KAFKA_API.metadata.key) === 2,
        "another look at the leaders",
      );
      assertEquals(listener.states.map(([, reachable]) => reachable), [false, true]);
      assertEquals(listener.errors, []);
    });
    assertEquals(asked.slice(0, 2), [0, 0]);
  });
}

Deno.test("KafkaSource ends a partition it has no right to read, and tells once", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  const asked = script(broker, [fetchAnswer("t", { partition: 0, errorCode: 29 })]);
  await withSource(broker, async (listener) => {
    await until(() => listener.errors.length > 0, "the error");
    const [error] = listener.errors;
    assertEquals([error!.code, error!.retryable, error!.partition], ["access_denied", false, 0]);
  });
  assertEquals(asked, [0]);
});

Deno.test("KafkaSource takes an offset out of range for real only when it is told again", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  script(broker, [
    fetchAnswer("t", { partition: 0, errorCode: 1 }),
    fetchAnswer("t", { partition: 0, errorCode: 1 }),
    fetchAnswer("t", { partition: 0, end: 1, records: batch(0, "a") }),
  ]);
  await withSource(broker, async (listener) => {
    await until(() => listener.recordCount === 1, "the record");
    assertEquals(listener.errors, []);
  });
});

Deno.test("KafkaSource dials anew after an answer that makes no sense", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  const nonsense = batch(0, "a");
  new DataView(nonsense.buffer).setInt32(8, 3);
  script(broker, [
    fetchAnswer("t", { partition: 0, end: 1, records: nonsense }),
    new Uint8Array([0, 0, 0, 0, 0]),
    "close",
    fetchAnswer("t", { partition: 0, end: 1, records: batch(0, "a") }),
  ]);
  await withSource(broker, async (listener, { lines }) => {
    await until(() => listener.recordCount === 1, "the record");
    assertEquals(listener.errors, []);
    assert(lines.some(({ message }) => message.includes("A batch of length 3")));
  });
});

Deno.test("KafkaSource waits as long as the broker asks it to", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  const times: number[] = [];
  broker.handlers.set(FETCH, () => {
    times.push(performance.now());
    if (times.length > 2) return null;
    const throttleMs = times.length === 1 ? 200 : 0;
    return fetchAnswer("t", { partition: 0, end: times.length, throttleMs });
  });
  await withSource(broker, async () => {
    await until(() => times.length === 3, "three fetches");
  });
  assert(times[1]! - times[0]! >= 190, `${times[1]! - times[0]!} ms`);
});

Deno.test("KafkaSource names each partition without a leader until it has one", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID, -1] };
  broker.handlers.set(FETCH, ({ body }) => {
    body.raw(4 + 4 + 4 + 4 + 1 + 4 + 4 + 4);
    body.string();
    body.int32();
    return fetchAnswer("t", { partition: body.int32() });
  });
  await withSource(broker, async (listener) => {
    await until(() => listener.states.length === 2, "both states");
    assertEquals(listener.states.toSorted(), [[0, true], [1, false]]);
    broker.topics = { t: [NODE_ID, NODE_ID] };
    await until(() => listener.states.length === 3, "the leader");
    assertEquals(listener.states[2], [1, true]);
    assertEquals(listener.errors, []);
  });
});

Deno.test("KafkaSource.open() refuses a broker that is too old by name", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  broker.fetchVersionMax = 10;
  await withClient(broker.bootstrap, async ({ client }) => {
    const source = new KafkaSource({ client, topics: ["t"], groupId: "g" });
    const error = await assertRejects(() => source.open(), SourceError);
    assert(error.message.includes("offers Fetch in version 0 to 10, we need 11"), error.message);
    assertEquals(error.retryable, false);
  });
});

Deno.test("KafkaSource.commitOffsets() fails once and finds the coordinator anew", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { t: [NODE_ID] };
  broker.handlers.set(FETCH, () => null);
  broker.handlers.set(
    KAFKA_API.findCoordinator.key,
    () =>
      new WireWriter().int32(0).int16(0).string(null).int32(NODE_ID).string("h").int32(1).done(),
  );
  const errors = [16, 0];
  broker.handlers.set(
    KAFKA_API.offsetCommit.key,
    () =>
      new WireWriter().int32(0).int32(1).string("t").int32(1).int32(0).int16(errors.shift()!)
        .done(),
  );
  await withSource(broker, async (_listener, _test, source) => {
    const error = await assertRejects(() => source.commitOffsets([4]), SourceError);
    assertEquals([error.code, error.retryable], ["other", true]);
    await source.commitOffsets([4]);
    assertEquals(broker.countOf(KAFKA_API.findCoordinator.key), 2);
  });
});
