import { clientOptions } from "../adapters/kafka/client_settings.ts";
import type { FencingVerdict } from "../adapters/kafka/fencing_self_test.ts";
import { KafkaClient } from "../adapters/kafka/kafka_client.ts";
import { KafkaDeadLetters } from "../adapters/kafka/kafka_dead_letters.ts";
import { KafkaOutputLog } from "../adapters/kafka/kafka_output_log.ts";
import { KafkaSource } from "../adapters/kafka/kafka_source.ts";
import { RemoteCheckpointStore } from "../adapters/kv/remote_checkpoint_store.ts";
import { Engine } from "../engine/engine.ts";
import { EngineError } from "../engine/engine_error.ts";
import type { EngineSetup } from "./engine_messages.ts";
import { engineOptions } from "./engine_settings.ts";
import type { EngineSurroundings, HostedEngine } from "./hosted_engine.ts";

/** The engine on a Kafka cluster, with checkpoints on this machine's disk. */
export function createKafkaEngine(
  { config, checkpoints: port }: Extract<EngineSetup, { readonly kind: "kafka" }>,
  surroundings: EngineSurroundings,
): HostedEngine {
  const { clock, metrics, logger } = surroundings;
  const { app, input, output, deadLetters: { topic: deadLetterTopic }, session, kafka } = config;
  const client = new KafkaClient({
    ...clientOptions(config),
    clock,
    log: (level, message, fields) => logger[level](message, fields),
    onReachable: (reachable) => metrics.brokersReachable = reachable,
    loginAttemptsMax: Infinity,
  });
  // All of them in the first answer: whoever is asked for later waits for another.
  for (const topic of [...input.topics, output.topic, deadLetterTopic]) client.watchTopic(topic);
  const deadLetters = new KafkaDeadLetters({ client, topic: deadLetterTopic });
  const checkpoints = port === null ? null : new RemoteCheckpointStore(port, clock);
  const log = new KafkaOutputLog({
    client,
    topic: output.topic,
    appId: app.id,
    fencing: output.fencing,
    producer: kafka.producer,
    memoryMs: Math.max(session.heartbeatIntervalMs, session.graceMs),
  });
  const engine = new Engine(engineOptions(config, surroundings), {
    clock,
    source: new KafkaSource({ client, topics: input.topics, groupId: app.id }),
    log,
    deadLetters,
    checkpoints,
  });
  return {
    async start() {
      const test = output.fencing ? log.fencingSelfTest(deadLetterTopic) : null;
      await engine.start(test?.then(requireFencing));
    },
    stop: () => engine.stop(),
    failed: engine.failed,
    status() {
      metrics.deadLetters.truncated = deadLetters.truncated;
      metrics.deadLetters.givenUp = deadLetters.passed;
      return engine.status();
    },
    device: (deviceId) => engine.device(deviceId),
    checkpointsLost: (reason) => checkpoints?.fail(reason),
    close: () => client.close(),
  };
}

/** Without a fence a second process on the same output would go unnoticed. */
function requireFencing(verdict: FencingVerdict): void {
  if (verdict.works) return;
  throw new EngineError(
    `The broker does not keep an older owner of a shard out: ${verdict.detail}. With ` +
      "output.fencing: off it runs all the same; then only the lock of the state directory " +
      "keeps a second process away",
    { code: "config" },
  );
}
