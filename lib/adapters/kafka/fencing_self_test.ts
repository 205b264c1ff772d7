import { OutputLogError } from "../../ports/output_log.ts";
import { encodeRecordBatch } from "../../core/record_batch_encoder.ts";
import { FastProducer } from "./fast_producer.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import { ShardFence } from "./shard_fence.ts";
import { findTopic } from "./topic_presence.ts";
import type { ProducerIdentity } from "./transaction_requests.ts";
import { untilAnswered } from "./until_answered.ts";

export interface FencingVerdict {
  readonly works: boolean;
  /** A sentence for the log. */
  readonly detail: string;
}

/**
 * Fences twice on partition 0 under a transactional id of its own and tries a batch of the first
 * owner: the broker has to answer 47. Where it does not, one empty record with the header
 * `sw-self-test` is left in the topic.
 */
export async function testFencing(
  client: KafkaClient,
  topic: string,
  appId: string,
): Promise<FencingVerdict> {
  await untilAnswered(
    client,
    `Cannot find topic ${topic}`,
    async () => await findTopic(client, topic),
  );
  const fence = new ShardFence(client, topic);
  const transactionalId = `${appId}-fencing-self-test`;
  for (let attempt = 1;; attempt += 1) {
    try {
      const first = await fence.acquire(0, transactionalId);
      const second = await fence.acquire(0, transactionalId);
      if (first.producerId !== second.producerId) {
        // Once in some 16,000 starts the epochs of an id are used up just here.
        if (attempt === 1) continue;
        return {
          works: false,
          detail: `The broker gave two producer ids, ${first.producerId} and ` +
            `${second.producerId}, to one transactional id`,
        };
      }
      return await tryAsZombie(client, topic, first);
    } catch (error) {
      // Another instance of the deployment tests at the same moment.
      if (!(error instanceof OutputLogError && error.code === "fenced") || attempt >= 5) {
        throw error;
      }
      await client.pause(50 * attempt);
    }
  }
}

async function tryAsZombie(
  client: KafkaClient,
  topic: string,
  zombie: ProducerIdentity,
): Promise<FencingVerdict> {
  const bytes = encodeRecordBatch({
    baseOffset: 0,
    ...zombie,
    baseSequence: 0,
    records: [{
      timestampMs: client.clock.wallMs(),
      key: null,
      value: null,
      headers: [{ key: new TextEncoder().encode("sw-self-test"), value: null }],
    }],
  });
  const producer = new FastProducer(client, topic);
  for (;;) {
    const result = await new Promise<Parameters<Parameters<FastProducer["produce"]>[1]>[1]>(
      (resolve) => producer.produce([{ shard: 0, bytes }], (_, result) => resolve(result)),
    );
    switch (result.kind) {
      case "fenced":
        return { works: true, detail: "The broker refused a fenced writer" };
      case "acknowledged":
      case "out_of_order":
        return { works: false, detail: "The broker took a batch from a writer that was fenced" };
      case "rejected":
        throw new OutputLogError(
          `Cannot test the fencing on ${topic}: the broker refused a batch: ${result.reason}` +
            (result.cause === "timestamp"
              ? ": the clocks of this machine and of the broker are too far apart"
              : ""),
          { code: "other", retryable: false },
        );
      case "retriable":
        if (client.isClosed) throw new KafkaFault("The client was closed", { kind: "closed" });
        await client.pause(20);
    }
  }
}
