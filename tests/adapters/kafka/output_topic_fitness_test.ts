import { assertEquals } from "@std/assert";
import { judgeOutputTopic } from "../../../lib/adapters/kafka/output_topic_fitness.ts";

const GOOD = {
  "cleanup.policy": "delete",
  "retention.ms": "86400000",
  "retention.bytes": "-1",
  "max.message.bytes": "1048588",
  "min.insync.replicas": "1",
};

function judge(
  changes: Record<string, string>,
  replicas = 1,
): { errors: number; warnings: number } {
  const { errors, warnings } = judgeOutputTopic(
    {
      name: "sessions",
      errorCode: 0,
      partitions: [{
        errorCode: 0,
        partition: 0,
        leader: 1,
        replicas: Array.from({ length: replicas }, (_, node) => node),
        inSyncReplicas: [],
      }],
    },
    new Map(Object.entries({ ...GOOD, ...changes })),
    30_000,
  );
  return { errors: errors.length, warnings: warnings.length };
}

const CASES: readonly (readonly [
  changes: Record<string, string>,
  replicas: number,
  errors: number,
  warnings: number,
])[] = [
  [{}, 1, 0, 0],
  [{ "retention.ms": "-1" }, 1, 0, 0],
  [{ "retention.ms": "60000" }, 1, 0, 0],
  [{ "retention.ms": "59999" }, 1, 1, 0],
  [{ "cleanup.policy": "compact" }, 1, 1, 0],
  [{ "cleanup.policy": "compact,delete" }, 1, 1, 0],
  [{ "max.message.bytes": "65536" }, 1, 0, 0],
  [{ "max.message.bytes": "65535" }, 1, 1, 0],
  [{}, 3, 0, 1],
  [{ "min.insync.replicas": "2" }, 3, 0, 0],
  [{ "retention.bytes": "1000000" }, 1, 0, 1],
];

for (const [changes, replicas, errors, warnings] of CASES) {
  const name = JSON.stringify(changes);
  Deno.test(`judgeOutputTopic() finds ${errors} errors, ${warnings} warnings in ${name}, ${replicas} replicas`, () => {
    assertEquals(judge(changes, replicas), { errors, warnings });
  });
}
