import { assertEquals } from "@std/assert";
import { wantedTopics } from "../../../lib/adapters/kafka/topics.ts";

const NAMES = {
  input: { topics: ["events"] },
  output: { topic: "sessions" },
  deadLetters: { topic: "sessions.dlq" },
  session: { heartbeatIntervalMs: 30_000, graceMs: 60_000 },
  limits: { maxEventBytes: 1_048_576 },
};

Deno.test("wantedTopics() gives each topic what its use asks for", () => {
  const wanted = wantedTopics(NAMES, { partitions: 64, replication: 3, retentionMs: 3_600_000 });
  assertEquals(wanted.map(({ name, partitions, settings }) => [name, partitions, settings]), [
    ["events", 64, { "min.insync.replicas": "2" }],
    ["sessions", 64, {
      "cleanup.policy": "delete",
      "retention.ms": "3600000",
      "min.insync.replicas": "2",
    }],
    ["sessions.dlq", 4, { "max.message.bytes": "2097152", "min.insync.replicas": "2" }],
  ]);
});

Deno.test("wantedTopics() keeps the output for as long as state reaches back", () => {
  const [, output] = wantedTopics(NAMES, { partitions: 1, replication: 1, retentionMs: 60_000 });
  assertEquals(output!.settings, { "cleanup.policy": "delete", "retention.ms": "120000" });
});
