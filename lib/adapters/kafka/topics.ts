import { KAFKA_ERROR, kafkaErrorName } from "./error_codes.ts";
import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { untilAnswered } from "./until_answered.ts";
import { WireReader } from "./wire_reader.ts";

/** What the creation of topics takes from the configuration. */
export interface TopicNames {
  readonly input: { readonly topics: readonly string[] };
  readonly output: { readonly topic: string };
  readonly deadLetters: { readonly topic: string };
  readonly session: { readonly heartbeatIntervalMs: number; readonly graceMs: number };
  readonly limits: { readonly maxEventBytes: number };
}

export interface TopicChoices {
  /** Of the output topic (fixed for good: it is the number of shards) and the input topics. */
  readonly partitions: number;
  /** Null: what the cluster has as its default. */
  readonly replication: number | null;
  readonly retentionMs: number;
}

export interface WantedTopic {
  readonly name: string;
  readonly role: "input" | "output" | "dead letters";
  readonly partitions: number;
  readonly replication: number | null;
  readonly settings: Readonly<Record<string, string>>;
}

/** The topics of a deployment, each with the settings it needs to be fit for its use. */
export function wantedTopics(names: TopicNames, choices: TopicChoices): WantedTopic[] {
  const { partitions, replication } = choices;
  const durable: Record<string, string> = replication !== null && replication > 1
    ? { "min.insync.replicas": String(Math.max(2, replication - 1)) }
    : {};
  const memoryMs = Math.max(names.session.heartbeatIntervalMs, names.session.graceMs);
  const retentionMs = Math.max(choices.retentionMs, 2 * memoryMs);
  const inputs = names.input.topics.map((name) => ({
    name,
    role: "input" as const,
    partitions,
    replication,
    settings: durable,
  }));
  return [...inputs, {
    name: names.output.topic,
    role: "output",
    partitions,
    replication,
    settings: { "cleanup.policy": "delete", "retention.ms": String(retentionMs), ...durable },
  }, {
    name: names.deadLetters.topic,
    role: "dead letters",
    partitions: Math.min(partitions, DEAD_LETTER_PARTITIONS_MAX),
    replication,
    // Events beyond the limit go there whole, too.
    settings: { "max.message.bytes": String(2 * names.limits.maxEventBytes), ...durable },
  }];
}

export interface TopicOutcome {
  readonly name: string;
  readonly outcome: "created" | "exists" | "failed";
  /** Why it failed; else empty. */
  readonly detail: string;
}

/**
 * Creates the topics that do not exist, and waits until each of those has leaders.
 * @throws KafkaFault when the cluster cannot be asked
 */
export async function createTopics(
  client: KafkaClient,
  topics: readonly WantedTopic[],
): Promise<TopicOutcome[]> {
  for (const { name } of topics) client.watchTopic(name);
  const outcomes = await untilAnswered(client, "Cannot create topics", async () => {
    const fault = await client.refreshMetadata();
    if (fault !== null) throw fault;
    return await requestTopics(client, topics);
  });
  const created = outcomes.filter(({ outcome }) => outcome === "created");
  await waitForLeaders(client, created.map(({ name }) => name));
  return outcomes;
}

async function requestTopics(
  client: KafkaClient,
  topics: readonly WantedTopic[],
): Promise<TopicOutcome[]> {
  return await client.request({ nodeId: client.controllerId }, {
    api: KAFKA_API.createTopics,
    write: (writer) => {
      writer.array(topics, ({ name, partitions, replication, settings }) => {
        writer.string(name).int32(partitions).int16(replication ?? -1).int32(0);
        writer.array(Object.entries(settings), ([setting, value]) => {
          writer.string(setting).nullableString(value);
        });
      });
      writer.int32(CREATE_WAIT_MS).int8(0);
    },
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      return reader.array((): TopicOutcome => {
        const name = reader.string();
        const errorCode = reader.int16();
        const message = reader.nullableString();
        if (errorCode === 0) return { name, outcome: "created", detail: "" };
        if (errorCode === KAFKA_ERROR.topicAlreadyExists) {
          return { name, outcome: "exists", detail: "" };
        }
        const detail = kafkaErrorName(errorCode) + (message ? `: ${message}` : "");
        return { name, outcome: "failed", detail };
      });
    },
  });
}

async function waitForLeaders(client: KafkaClient, names: readonly string[]): Promise<void> {
  const deadline = client.clock.monotonicMs() + CREATE_WAIT_MS;
  while (client.clock.monotonicMs() < deadline && !client.isClosed) {
    await client.refreshMetadata();
    const ready = names.every((name) => {
      const topic = client.topic(name);
      return topic !== undefined && topic.partitions.length > 0 &&
        topic.partitions.every(({ leader }) => leader !== -1);
    });
    if (ready) return;
  }
}

const DEAD_LETTER_PARTITIONS_MAX = 4;
const CREATE_WAIT_MS = 10_000;
