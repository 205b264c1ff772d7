import { SourceError } from "../../ports/source.ts";
import { KAFKA_ERROR } from "./error_codes.ts";
import type { KafkaClient } from "./kafka_client.ts";
import type { PartitionFetch } from "./partition_fetch.ts";

/** Notices input topics that are gone for good, or have more partitions than at the start. */
export class InputTopicWatch {
  readonly #client: KafkaClient;
  readonly #topics: readonly WatchedTopic[];
  readonly #missingMaxMs: number;
  #grown = false;

  constructor({ client, topics, partitions, missingMaxMs }: InputTopicWatchOptions) {
    this.#client = client;
    this.#missingMaxMs = missingMaxMs;
    this.#topics = topics.map((name) => ({
      name,
      partitions: partitions.filter(({ topic }) => topic === name),
      missingSinceMs: null,
    }));
  }

  /** What the last metadata tell; each fact is told once. Partitions that are gone are ended. */
  look(): SourceError[] {
    const errors: SourceError[] = [];
    const now = this.#client.clock.monotonicMs();
    for (const topic of this.#topics) {
      const metadata = this.#client.topic(topic.name);
      if (metadata?.errorCode === KAFKA_ERROR.unknownTopicOrPartition) {
        if (this.#isGone(topic, now)) errors.push(goneError(topic));
        continue;
      }
      topic.missingSinceMs = null;
      const known = topic.partitions.length;
      const count = metadata?.partitions.length ?? 0;
      if (count <= known || this.#grown) continue;
      this.#grown = true;
      errors.push(
        new SourceError(
          `Topic ${topic.name} has grown from ${known} to ${count} partitions: ` +
            `start again to read the new ones`,
          { code: "partitions_added", retryable: false },
        ),
      );
    }
    return errors;
  }

  #isGone(topic: WatchedTopic, now: number): boolean {
    topic.missingSinceMs ??= now;
    if (now - topic.missingSinceMs < this.#missingMaxMs) return false;
    const wasEnded = topic.partitions.every(({ ended }) => ended);
    for (const partition of topic.partitions) partition.ended = true;
    return !wasEnded;
  }
}

export interface InputTopicWatchOptions {
  readonly client: KafkaClient;
  readonly topics: readonly string[];
  readonly partitions: readonly PartitionFetch[];
  /** How long a topic has to be gone until it counts as deleted. */
  readonly missingMaxMs: number;
}

interface WatchedTopic {
  readonly name: string;
  readonly partitions: readonly PartitionFetch[];
  missingSinceMs: number | null;
}

function goneError({ name }: WatchedTopic): SourceError {
  return new SourceError(`Topic ${name} does not exist any more`, {
    code: "unknown_topic",
    retryable: false,
  });
}
