import type { ProduceBatch, ProduceListener, ProduceResult } from "../../ports/output_log.ts";
import { RecordBatchReader } from "../../core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../core/record_header_reader.ts";
import { Buffer } from "node:buffer";
import { callsForMetadata } from "./error_codes.ts";
import { PRODUCE_LANE } from "./fast_producer.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault } from "./kafka_fault.ts";
import { produceResult } from "./produce_request.ts";
import type { ShardProducer } from "./shard_producer.ts";

/**
 * `kafka.producer: stock`: kafkajs encodes the records and sends them, one request a shard and one in
 * flight for each. The same producer ids, sequences and bytes in the topic as the fast way, for about
 * forty times its processor time; it is there to tell whose fault something is.
 */
export class StockProducer implements ShardProducer {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #queues = new Map<number, QueuedBatch[]>();

  constructor(client: KafkaClient, topic: string) {
    this.#client = client;
    this.#topic = topic;
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    for (const batch of batches) {
      const queue = this.#queues.get(batch.shard);
      if (queue !== undefined) {
        queue.push({ batch, onResult });
        continue;
      }
      this.#queues.set(batch.shard, [{ batch, onResult }]);
      this.#drain(batch.shard).catch((error: unknown) => {
        // Only a bug of ours gets here: it must end the process, not a promise.
        queueMicrotask(() => {
          throw error;
        });
      });
    }
  }

  async #drain(shard: number): Promise<void> {
    const queue = this.#queues.get(shard)!;
    let result: ProduceResult = { kind: "acknowledged", baseOffset: -1 };
    while (queue.length > 0) {
      const { batch, onResult } = queue[0]!;
      // What follows a batch that failed would leave a gap in the sequence.
      if (result.kind === "acknowledged") result = await this.#send(batch);
      else await Promise.resolve();
      queue.shift();
      if (queue.length === 0) this.#queues.delete(shard);
      onResult(shard, result);
    }
  }

  async #send({ shard, bytes }: ProduceBatch): Promise<ProduceResult> {
    try {
      const leader = this.#client.leaderOf(this.#topic, shard);
      if (leader === -1) throw new KafkaFault("no leader", { kind: "unreachable" });
      const answer = await this.#client.lane(leader, PRODUCE_LANE).produceStock({
        acks: -1,
        timeout: this.#client.requestTimeoutMs,
        ...decodeBatch(this.#topic, shard, bytes),
      }, this.#client.requestTimeoutMs + ANSWER_SLACK_MS);
      const { baseOffset } = (answer as StockAnswer).topics[0]!.partitions[0]!;
      return { kind: "acknowledged", baseOffset: Number(baseOffset) };
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const isRefusal = !(error instanceof KafkaFault) && typeof code === "number";
      if (!isRefusal && !(error instanceof KafkaFault)) throw error;
      if (!isRefusal || callsForMetadata(code)) await this.#client.refreshMetadata();
      if (isRefusal) return produceResult(code, -1);
      return { kind: "retriable", reason: (error as Error).message };
    }
  }
}

interface QueuedBatch {
  readonly batch: ProduceBatch;
  readonly onResult: ProduceListener;
}

/** What kafkajs makes of a produce response. */
interface StockAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly baseOffset: string }[];
  }[];
}

const ANSWER_SLACK_MS = 5_000;

/** Our batch as kafkajs wants it. */
function decodeBatch(
  topic: string,
  shard: number,
  bytes: Uint8Array,
): Pick<
  import("./kafkajs_internals.ts").StockProduceRequest,
  "producerId" | "producerEpoch" | "topicData"
> {
  const reader = new RecordBatchReader({
    decompress: () => {
      throw new Error("Our own batches are not compressed");
    },
    decompressedBytesMax: 0,
  });
  reader.reset(bytes);
  if (!reader.nextBatch() || reader.undecodable !== null) {
    throw new Error(`Cannot decode our own batch of shard ${shard}: ${reader.undecodable}`);
  }
  const messages: StockMessage[] = [];
  while (reader.nextRecord()) messages.push(readMessage(reader));
  const { producerId, producerEpoch, baseSequence } = reader;
  return {
    producerId,
    producerEpoch,
    topicData: [{
      topic,
      partitions: [{ partition: shard, firstSequence: baseSequence, messages }],
    }],
  };
}

interface StockMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers: Readonly<Record<string, Buffer | null>>;
}

function readMessage(reader: RecordBatchReader): StockMessage {
  const headers: Record<string, Buffer | null> = {};
  const headerReader = new RecordHeaderReader();
  headerReader.reset(reader.bytes, reader.headersFrom, reader.headersTo, reader.headerCount);
  while (headerReader.next()) {
    const name = field(headerReader.bytes, headerReader.keyFrom, headerReader.keyTo);
    headers[name!.toString("utf8")] = field(
      headerReader.bytes,
      headerReader.valueFrom,
      headerReader.valueTo,
    );
  }
  return {
    key: field(reader.bytes, reader.keyFrom, reader.keyTo),
    value: field(reader.bytes, reader.valueFrom, reader.valueTo),
    timestamp: reader.timestampMs,
    headers,
  };
}

function field(bytes: Uint8Array, from: number, to: number): Buffer | null {
  return from < 0 ? null : Buffer.from(bytes.subarray(from, to));
}
