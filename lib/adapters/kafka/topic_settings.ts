import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { refusal } from "./kafka_fault.ts";
import { WireReader } from "./wire_reader.ts";

/** Settings of a topic by name, as strings: its own, else what the broker has for it. */
export type TopicSettings = ReadonlyMap<string, string>;

/**
 * The settings a topic has right now. One attempt.
 * @throws KafkaFault `refused` with `accessDenied` when we may not look (DescribeConfigs)
 */
export async function describeTopic(client: KafkaClient, topic: string): Promise<TopicSettings> {
  return await client.requestAny({
    api: KAFKA_API.describeConfigs,
    write: (writer) =>
      writer.int32(1).int8(RESOURCE_TOPIC).string(topic).array(NAMES, (name) => writer.string(name))
        .int8(0), // no synonyms
    read: (payload) => {
      const reader = new WireReader(payload);
      reader.int32(); // throttle time
      const settings = new Map<string, string>();
      reader.array(() => {
        const errorCode = reader.int16();
        reader.nullableString(); // message
        reader.int8(); // resource type
        reader.string(); // resource name
        if (errorCode !== 0) throw refusal(`Cannot look at the settings of ${topic}`, errorCode);
        reader.array(() => {
          const name = reader.string();
          const value = reader.nullableString();
          if (value !== null) settings.set(name, value);
          reader.boolean(); // read only
          reader.int8(); // source
          reader.boolean(); // sensitive
          reader.array(() => [reader.string(), reader.nullableString(), reader.int8()]);
        });
      });
      return settings;
    },
  });
}

const RESOURCE_TOPIC = 2;

const NAMES = [
  "cleanup.policy",
  "retention.ms",
  "retention.bytes",
  "max.message.bytes",
  "min.insync.replicas",
  "message.timestamp.after.max.ms",
] as const;
