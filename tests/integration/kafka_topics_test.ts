import { assert, assertEquals } from "@std/assert";
import { SystemClock } from "../../lib/adapters/system/clock.ts";
import { checkCluster, type ClusterCheckSettings } from "../../lib/adapters/kafka/cluster_check.ts";
import { createTopics, type TopicNames, wantedTopics } from "../../lib/adapters/kafka/topics.ts";
import { describeTopic } from "../../lib/adapters/kafka/topic_settings.ts";
import { withClient } from "../adapters/kafka/test_client.ts";
import { brokerTest } from "../support/kafka/shared_broker.ts";
import { createTopic, uniqueTopic } from "../support/kafka/topics.ts";

function names(): TopicNames {
  return {
    input: { topics: [uniqueTopic("pc"), uniqueTopic("console")] },
    output: { topic: uniqueTopic("sessions") },
    deadLetters: { topic: uniqueTopic("dlq") },
    session: { heartbeatIntervalMs: 30_000, graceMs: 30_000 },
    limits: { maxEventBytes: 1024 * 1024 },
  };
}

function settings(brokers: string, topics: TopicNames): ClusterCheckSettings {
  return {
    ...topics,
    app: { id: "test" },
    kafka: {
      brokers: [brokers],
      tls: { enabled: false, serverName: null },
      sasl: { enabled: false, mechanism: "plain", username: null },
    },
    secrets: { saslPassword: null, tlsCa: null, tlsCert: null, tlsKey: null },
  };
}

brokerTest("createTopics makes topics that the check finds fit, and none twice", async (broker) => {
  const topics = names();
  const wanted = wantedTopics(topics, { partitions: 6, replication: 1, retentionMs: 3_600_000 });
  await withClient(broker.bootstrap, async ({ client }) => {
    const outcomes = await createTopics(client, wanted);
    assertEquals(outcomes.map(({ outcome }) => outcome), wanted.map(() => "created"));
    assertEquals(client.topic(topics.output.topic)!.partitions.length, 6);
    const output = await describeTopic(client, topics.output.topic);
    assertEquals([output.get("cleanup.policy"), output.get("retention.ms")], ["delete", "3600000"]);
    const again = await createTopics(client, wanted);
    assertEquals(again.map(({ outcome }) => outcome), wanted.map(() => "exists"));
    const toMany = wantedTopics(names(), { partitions: 1, replication: 3, retentionMs: 60_000 });
    const [failed] = await createTopics(client, toMany);
    assertEquals(failed!.outcome, "failed");
    assert(failed!.detail.includes("replication factor"), failed!.detail);
  });
  const report = await checkCluster(settings(broker.bootstrap, topics), new SystemClock());
  assertEquals(report.reachable, true);
  assertEquals(report.findings.filter(({ severity }) => severity === "error"), []);
});

brokerTest("checkCluster names what is missing and what is unfit", async (broker) => {
  const topics = names();
  await createTopic(broker.bootstrap, topics.output.topic, {
    partitions: 1,
    config: { "cleanup.policy": "compact" },
  });
  const { findings } = await checkCluster(settings(broker.bootstrap, topics), new SystemClock());
  const errors = findings.filter(({ severity }) => severity === "error").map(({ text }) => text);
  assertEquals(errors.length, 4);
  assert(errors.some((text) => text.includes(`${topics.input.topics[0]} does not exist`)));
  assert(errors.some((text) => text.includes("cleanup.policy=compact")));
});

Deno.test("checkCluster says that no broker answers", async () => {
  const report = await checkCluster(settings("127.0.0.1:1", names()), new SystemClock());
  assertEquals(report.reachable, false);
  assert(report.findings[0]!.text.includes("127.0.0.1:1"));
});
