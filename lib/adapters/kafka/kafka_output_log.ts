import {
  type OutputLimits,
  type OutputLog,
  OutputLogError,
  type OutputTopic,
  type ProduceBatch,
  type ProduceListener,
  type ShardOwnership,
} from "../../ports/output_log.ts";
import { KAFKA_ERROR } from "./error_codes.ts";
import { FastProducer, PRODUCE_LANE } from "./fast_producer.ts";
import { type FencingVerdict, testFencing } from "./fencing_self_test.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import { LogReader } from "./log_reader.ts";
import type { TopicMetadata } from "./metadata_request.ts";
import { judgeOutputTopic } from "./output_topic_fitness.ts";
import { listOffsets } from "./partition_offsets.ts";
import { ShardFence, shardTransactionalId } from "./shard_fence.ts";
import type { ShardProducer } from "./shard_producer.ts";
import { StockProducer } from "./stock_producer.ts";
import { findTopic } from "./topic_presence.ts";
import { describeTopic, type TopicSettings } from "./topic_settings.ts";
import { initProducerId } from "./transaction_requests.ts";
import { untilAnswered } from "./until_answered.ts";

export interface KafkaOutputLogOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** Prefix of the transactional ids; one per deployment. */
  readonly appId: string;
  /**
   * Off: an owner gets a fresh producer id and fences nobody. For brokers that fail the self-test;
   * a second live writer is then kept out by the lock file alone.
   */
  readonly fencing: boolean;
  readonly producer: "fast" | "stock";
  /** The longer of heartbeat interval and grace, for the check of the topic's retention. */
  readonly memoryMs: number;
  /** How long `open` waits for a topic that is not there. Default 10 s. */
  readonly missingTopicWaitMs?: number;
}

/** The output topic on a Kafka cluster. Its lanes end with the client, or with `close`. */
export class KafkaOutputLog implements OutputLog {
  readonly #client: KafkaClient;
  readonly #options: KafkaOutputLogOptions;
  readonly #fence: ShardFence;
  readonly #reader: LogReader;
  readonly #producer: ShardProducer;
  readonly #owned = new Map<number, ShardOwnership>();

  constructor(options: KafkaOutputLogOptions) {
    const { client, topic } = options;
    this.#client = client;
    this.#options = options;
    this.#fence = new ShardFence(client, topic);
    this.#reader = new LogReader(client, topic);
    this.#producer = options.producer === "stock"
      ? new StockProducer(client, topic)
      : new FastProducer(client, topic);
  }

  async open(): Promise<OutputTopic> {
    const { topic, memoryMs } = this.#options;
    const what = `Cannot open output topic ${topic}`;
    return await this.#call(what, async () => {
      const metadata = await this.#findTopic();
      const settings = await this.#describe();
      const { errors, warnings, batchBytesMax } = judgeOutputTopic(metadata, settings, memoryMs);
      if (errors.length > 0) {
        throw new OutputLogError(errors.join("; "), { code: "unfit_topic", retryable: false });
      }
      return { name: topic, shards: metadata.partitions.length, batchBytesMax, warnings };
    });
  }

  async acquire(shard: number): Promise<ShardOwnership> {
    const ownership = await this.#call(
      `Cannot acquire shard ${shard}`,
      async () =>
        this.#options.fencing
          ? await this.#fence.acquire(shard, this.#transactionalId(shard))
          : await this.#acquireUnfenced(shard),
    );
    this.#owned.set(shard, ownership);
    return ownership;
  }

  async readTail(shard: number, end: number): Promise<Uint8Array | null> {
    return await this.#call(
      `Cannot read the end of shard ${shard}`,
      async () => await this.#reader.readTail(shard, end),
    );
  }

  async *read(shard: number, fromOffset: number, toOffset: number): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#reader.read(shard, fromOffset, toOffset);
    } catch (error) {
      throw outputLogError(`Cannot read shard ${shard}`, error);
    }
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    this.#producer.produce(batches, onResult);
  }

  async readLimits(): Promise<OutputLimits> {
    let settings: TopicSettings | null = null;
    try {
      settings = await describeTopic(this.#client, this.#options.topic);
    } catch (error) {
      // Not allowed to look, or nobody answers.
      if (!(error instanceof KafkaFault)) throw error;
    }
    const number = (name: string) => {
      const value = settings?.get(name);
      return value === undefined ? null : Number(value);
    };
    return {
      batchBytesMax: number("max.message.bytes"),
      timestampAheadMsMax: number("message.timestamp.after.max.ms"),
    };
  }

  async refresh(shards: readonly number[]): Promise<void> {
    if (!this.#options.fencing) return;
    await this.#call("Cannot refresh the fences", async () => {
      await Promise.all(shards.map(async (shard) => {
        const owned = this.#owned.get(shard);
        if (owned === undefined) return;
        await this.#fence.refresh(shard, this.#transactionalId(shard), owned);
      }));
    });
  }

  /**
   * Whether the broker keeps an old owner out: two owners fence one after the other on partition 0
   * of the dead-letter topic, and the first one's batch has to be refused. Once at start-up, since
   * some brokers that speak the protocol do not (Redpanda).
   * @throws OutputLogError
   */
  async fencingSelfTest(deadLetterTopic: string): Promise<FencingVerdict> {
    return await this.#call("Cannot test the fencing of the broker", async () => {
      return await testFencing(this.#client, deadLetterTopic, this.#options.appId);
    });
  }

  // deno-lint-ignore require-await -- the port allows logs for which closing takes time
  async close(): Promise<void> {
    this.#client.closeLanes(PRODUCE_LANE);
  }

  async #findTopic(): Promise<TopicMetadata> {
    const { topic, missingTopicWaitMs = MISSING_TOPIC_WAIT_MS } = this.#options;
    const deadline = this.#client.clock.monotonicMs() + missingTopicWaitMs;
    return await untilAnswered(this.#client, `Cannot open output topic ${topic}`, async () => {
      try {
        return await findTopic(this.#client, topic);
      } catch (error) {
        const isMissing = error instanceof KafkaFault &&
          error.code === KAFKA_ERROR.unknownTopicOrPartition;
        if (!isMissing || this.#client.clock.monotonicMs() < deadline) throw error;
        throw new OutputLogError(
          `Output topic ${topic} does not exist: \`sessionwheel topics create\` makes it`,
          { code: "unfit_topic", retryable: false },
        );
      }
    });
  }

  async #describe(): Promise<TopicSettings | null> {
    const { topic } = this.#options;
    return await untilAnswered(this.#client, `Cannot look at topic ${topic}`, async () => {
      try {
        return await describeTopic(this.#client, topic);
      } catch (error) {
        if (error instanceof KafkaFault && error.kind === "refused" && error.accessDenied) {
          return null;
        }
        throw error;
      }
    });
  }

  async #acquireUnfenced(shard: number): Promise<ShardOwnership> {
    const identity = await untilAnswered(
      this.#client,
      `Cannot acquire shard ${shard}`,
      async () => {
        const nodeId = this.#client.leaderOf(this.#options.topic, shard);
        if (nodeId === -1) throw new KafkaFault("no leader", { kind: "unreachable" });
        return await initProducerId(this.#client, { nodeId }, null);
      },
    );
    const partition = { topic: this.#options.topic, partition: shard };
    const [logStart] = await listOffsets(this.#client, [partition], "log_start");
    const [end] = await listOffsets(this.#client, [partition], "end");
    return { ...identity, logStart: logStart!, end: end! };
  }

  #transactionalId(shard: number): string {
    return shardTransactionalId(this.#options.appId, this.#options.topic, shard);
  }

  async #call<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      throw outputLogError(what, error);
    }
  }
}

const MISSING_TOPIC_WAIT_MS = 10_000;

function outputLogError(what: string, error: unknown): unknown {
  if (!(error instanceof KafkaFault)) return error;
  const unreachable = error.kind === "unreachable" || error.kind === "timeout" ||
    error.kind === "closed";
  return new OutputLogError(`${what}: ${error.message}`, {
    code: error.accessDenied ? "access_denied" : unreachable ? "unreachable" : "other",
    retryable: error.retryable,
    cause: error,
  });
}
