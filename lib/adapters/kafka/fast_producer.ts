import type { ProduceBatch, ProduceListener, ProduceResult } from "../../ports/output_log.ts";
import { callsForMetadata } from "./error_codes.ts";
import { FramePool } from "./frame_pool.ts";
import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { type KafkaFault, malformedAnswer } from "./kafka_fault.ts";
import type { KafkaLane } from "./kafka_lane.ts";
import { ProduceFrames, produceResult, readProduce } from "./produce_request.ts";
import type { ShardProducer } from "./shard_producer.ts";

/**
 * Sends batches as they are, in one request a broker, cut at a megabyte.
 *
 * Requests of one broker follow each other on one connection, so batches of a shard arrive in the
 * order they were handed in. A batch whose leader is unknown or has moved is answered only after the
 * metadata was asked again, which paces the caller's repeats.
 */
export class FastProducer implements ShardProducer {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #frames: ProduceFrames;
  readonly #lane: string;
  readonly #pool = new FramePool();

  constructor(client: KafkaClient, topic: string, lane = PRODUCE_LANE) {
    this.#client = client;
    this.#topic = topic;
    this.#lane = lane;
    this.#frames = new ProduceFrames(client.clientId, topic, client.requestTimeoutMs);
  }

  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    const open = new Map<number, OpenRequest>();
    for (const batch of batches) {
      const leader = this.#client.leaderOf(this.#topic, batch.shard);
      if (leader === -1) {
        this.#afterRefresh([batch], onResult, { kind: "retriable", reason: "no leader" });
        continue;
      }
      let request = open.get(leader);
      if (request !== undefined && !request.takes(batch)) {
        this.#send(leader, request.batches, onResult);
        request = undefined;
      }
      if (request === undefined) {
        request = new OpenRequest();
        open.set(leader, request);
      }
      request.add(batch);
    }
    for (const [leader, request] of open) this.#send(leader, request.batches, onResult);
  }

  #send(leader: number, batches: readonly ProduceBatch[], onResult: ProduceListener): void {
    const lane = this.#client.lane(leader, this.#lane);
    const buffer = this.#pool.take(this.#frames.size(batches));
    const frame = this.#frames.write(buffer, batches);
    // The broker itself answers within the time we name in the request; the rest is for the way.
    const timeoutMs = this.#client.requestTimeoutMs + ANSWER_SLACK_MS;
    lane.send(KAFKA_API.produce, frame, timeoutMs, (fault, payload) => {
      if (fault !== null) {
        // The socket may still hold the frame: it is left to the collector.
        this.#failed(batches, onResult, fault);
        return;
      }
      this.#pool.give(buffer);
      lane.succeeded();
      this.#answered(lane, batches, onResult, payload);
    });
  }

  #answered(
    lane: KafkaLane,
    batches: readonly ProduceBatch[],
    onResult: ProduceListener,
    payload: Uint8Array,
  ): void {
    let answer: ReturnType<typeof readProduce>;
    try {
      answer = readProduce(payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const fault = malformedAnswer(error);
      lane.abandon(fault);
      this.#failed(batches, onResult, fault);
      return;
    }
    lane.throttle(answer.throttleMs);
    const unanswered = new Map(batches.map((batch) => [batch.shard, batch]));
    for (const { partition, errorCode, baseOffset } of answer.answers) {
      const batch = unanswered.get(partition);
      if (batch === undefined) continue;
      unanswered.delete(partition);
      const result = produceResult(errorCode, baseOffset);
      if (callsForMetadata(errorCode)) this.#afterRefresh([batch], onResult, result);
      else onResult(partition, result);
    }
    for (const batch of unanswered.values()) {
      onResult(batch.shard, { kind: "retriable", reason: "missing in the answer" });
    }
  }

  #failed(batches: readonly ProduceBatch[], onResult: ProduceListener, fault: KafkaFault): void {
    this.#afterRefresh(batches, onResult, { kind: "retriable", reason: fault.message });
  }

  #afterRefresh(
    batches: readonly ProduceBatch[],
    onResult: ProduceListener,
    result: ProduceResult,
  ): void {
    // Never rejects: what is wrong with the cluster is its answer.
    this.#client.refreshMetadata().then(() => {
      for (const batch of batches) onResult(batch.shard, result);
    });
  }
}

/** Batches of one broker that go out together: one a shard, and not too many bytes. */
class OpenRequest {
  readonly batches: ProduceBatch[] = [];
  readonly #shards = new Set<number>();
  #bytes = 0;

  takes(batch: ProduceBatch): boolean {
    return !this.#shards.has(batch.shard) && this.#bytes + batch.bytes.length <= REQUEST_BYTES_MAX;
  }

  add(batch: ProduceBatch): void {
    this.batches.push(batch);
    this.#shards.add(batch.shard);
    this.#bytes += batch.bytes.length;
  }
}

export const PRODUCE_LANE = "produce";

/** A shard that catches up must not hold the others' heartbeats behind it. */
const REQUEST_BYTES_MAX = 1_000_000;

const ANSWER_SLACK_MS = 5_000;
