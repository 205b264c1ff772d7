import { KAFKA_ERROR, kafkaErrorName } from "./error_codes.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import type { TopicMetadata } from "./metadata_request.ts";

/**
 * A topic, watched from now on, as it is now or was a moment ago.
 * @throws KafkaFault with the code 3 when it does not exist; retryable while it may come
 */
export async function findTopic(client: KafkaClient, name: string): Promise<TopicMetadata> {
  const fault = await client.lookUpTopics([name]);
  if (fault !== null) throw fault;
  return presentTopic(client, name);
}

/** What the last refresh said about it. @throws KafkaFault as `findTopic` */
export function presentTopic(client: KafkaClient, name: string): TopicMetadata {
  const metadata = client.topic(name);
  const code = metadata?.errorCode ?? KAFKA_ERROR.unknownTopicOrPartition;
  if (metadata !== undefined && code === 0 && metadata.partitions.length > 0) return metadata;
  throw new KafkaFault(
    code === KAFKA_ERROR.unknownTopicOrPartition
      ? `Topic ${name} does not exist`
      : `Cannot use topic ${name}: ${kafkaErrorName(code)}`,
    { kind: "refused", code: code === 0 ? KAFKA_ERROR.leaderNotAvailable : code },
  );
}
