import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { startBroker } from "./broker.ts";
import { kcatConsume, kcatProduce } from "./kcat.ts";
import { brokerTest, kafkaTest, sharedBroker } from "./shared_broker.ts";
import { startTcpProxy } from "./tcp_proxy.ts";
import { ApiKey } from "./wire_client.ts";
import { createTopic, deleteTopic, fetchRecordSets, topicEnds, uniqueTopic } from "./topics.ts";
import { partitionOf } from "../../../lib/core/murmur2.ts";

brokerTest(
  "kcat reads what kcat wrote: keys, values, nulls, headers, partitions",
  async (broker) => {
    const topic = uniqueTopic();
    await createTopic(broker.bootstrap, topic, { partitions: 3 });
    await kcatProduce(broker.bootstrap, topic, [
      { key: "a", value: '{"n":1}\n' },
      { key: "b", value: null },
      { value: "no key" },
    ], { partition: 1, headers: { one: "1", two: "zwei" } });
    await kcatProduce(broker.bootstrap, topic, [{ key: "foobar", value: "chosen" }]);
    const records = await kcatConsume(broker.bootstrap, topic);
    const key = new TextEncoder().encode("foobar");
    assertEquals(
      records.filter(({ value }) => value !== "chosen").map((r) => [
        r.partition,
        r.key,
        r.value,
        r.headers,
      ]),
      [
        [1, "a", '{"n":1}\n', [["one", "1"], ["two", "zwei"]]],
        [1, "b", null, [["one", "1"], ["two", "zwei"]]],
        [1, null, "no key", [["one", "1"], ["two", "zwei"]]],
      ],
    );
    assertEquals(
      records.find(({ value }) => value === "chosen")?.partition,
      partitionOf(key, 0, key.length, 3),
    );
    assertEquals((await topicEnds(broker.bootstrap, topic, 3)).reduce((a, b) => a + b), 4);
    await deleteTopic(broker.bootstrap, topic);
  },
);

brokerTest("The shared broker is one, and gives record sets as bytes", async (broker) => {
  assertEquals((await sharedBroker()).bootstrap, broker.bootstrap);
  const topic = uniqueTopic();
  await createTopic(broker.bootstrap, topic);
  const values = Array.from({ length: 300 }, (_, i) => ({ value: `value ${i}`.padEnd(1000, ".") }));
  await kcatProduce(broker.bootstrap, topic, values, { config: { "batch.size": "20000" } });
  const sets = await fetchRecordSets(broker.bootstrap, topic, { fetchBytesMax: 50_000 });
  assert(sets.length > 3);
  assertEquals((await kcatConsume(broker.bootstrap, topic)).length, 300);
});

kafkaTest(
  "A broker keeps its data and its address over kill9() and restart(), behind a proxy",
  async () => {
    const proxy = startTcpProxy();
    const broker = await startBroker({
      listeners: ["SSL", "SASL_PLAINTEXT"],
      users: [{ username: "alice", password: "alice-secret" }],
      advertisedPorts: { PLAINTEXT: proxy.port },
    });
    try {
      proxy.connectTo(broker.bootstrap);
      await createTopic(broker.bootstrap, "kept");
      const produced = proxy.addRule({
        direction: "response",
        apiKey: ApiKey.produce,
        decide: () => "pass",
      });
      await kcatProduce(broker.bootstrap, "kept", [{ value: "before" }]);
      assertEquals(produced.hits, 1, "clients go where the broker says it is");
      const pid = broker.pid;
      await broker.kill9();
      await broker.restart();
      assertNotEquals(broker.pid, pid);
      await kcatProduce(broker.listeners.SSL!, "kept", [{ value: "by TLS" }], {
        config: {
          "security.protocol": "ssl",
          "ssl.ca.location": broker.certificates!.caFile,
        },
      });
      await kcatProduce(broker.listeners.SASL_PLAINTEXT!, "kept", [{ value: "by SASL" }], {
        config: {
          "security.protocol": "sasl_plaintext",
          "sasl.mechanism": "PLAIN",
          "sasl.username": "alice",
          "sasl.password": "alice-secret",
        },
      });
      const records = await kcatConsume(proxy.bootstrap, "kept");
      assertEquals(records.map(({ value }) => value), ["before", "by TLS", "by SASL"]);
    } finally {
      await broker.stop();
      await proxy.close();
    }
  },
);
