import { assertEquals } from "@std/assert";
import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
import { KafkaDeadLetters } from "../../../lib/adapters/kafka/kafka_dead_letters.ts";
import type { DeadLetter } from "../../../lib/ports/dead_letters.ts";
import { NODE_ID, produceAnswer, ScriptedBroker } from "./scripted_broker.ts";
import { until, withClient } from "./test_client.ts";

const NOT_ENOUGH_REPLICAS = 19;

function letter(offset: number): DeadLetter {
  return {
    reason: "not_json",
    detail: "",
    topic: "events",
    partition: 0,
    offset,
    count: 1,
    timestampMs: 1_761_955_605_000,
    key: null,
    value: new TextEncoder().encode(`letter-${offset};`),
    headers: [],
  };
}

Deno.test("KafkaDeadLetters works at few groups at a time, however many letters wait for the topic", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { dlq: [NODE_ID] };
  const tried = new Set<string>();
  let requests = 0;
  let errorCode = NOT_ENOUGH_REPLICAS;
  broker.handlers.set(KAFKA_API.produce.key, ({ body }) => {
    body.raw(2 + 2 + 4);
    body.array((r) => {
      r.string();
      return r.array((r) => {
        r.int32();
        const text = new TextDecoder().decode(r.bytesOrNull()!);
        for (const [found] of text.matchAll(/letter-\d+;/g)) tried.add(found);
      });
    });
    requests += 1;
    return produceAnswer("dlq", [{ partition: 0, errorCode, baseOffset: 0 }]);
  });
  await withClient(broker.bootstrap, async ({ client }) => {
    const sink = new KafkaDeadLetters({ client, topic: "dlq" });
    await client.refreshMetadata();
    const sends = Array.from({ length: 9 }, (_, offset) => sink.send([letter(offset)]));
    await until(() => requests >= 10, "attempts enough for all");
    assertEquals([...tried].sort(), ["letter-0;", "letter-1;", "letter-2;", "letter-3;"]);
    errorCode = 0;
    assertEquals(await Promise.all(sends), sends.map(() => 1));
    assertEquals(tried.size, 9);
    await sink.close();
  });
});

Deno.test("KafkaDeadLetters ends also the sends that wait for their turn when it is closed", async () => {
  await using broker = new ScriptedBroker();
  broker.topics = { dlq: [NODE_ID] };
  let requests = 0;
  broker.handlers.set(KAFKA_API.produce.key, () => {
    requests += 1;
    return produceAnswer("dlq", [{ partition: 0, errorCode: NOT_ENOUGH_REPLICAS }]);
  });
  await withClient(broker.bootstrap, async ({ client }) => {
    const sink = new KafkaDeadLetters({ client, topic: "dlq" });
    await client.refreshMetadata();
    const ends = Promise.allSettled(Array.from({ length: 9 }, (_, i) => sink.send([letter(i)])));
    await until(() => requests > 0, "a request");
    await sink.close();
    assertEquals((await ends).map(({ status }) => status), Array(9).fill("rejected"));
  });
});
