import { OutputLogError, type ShardOwnership } from "../../ports/output_log.ts";
import { ConcurrencyLimit } from "./concurrency_limit.ts";
import { findCoordinator } from "./coordinator.ts";
import { callsForCoordinator, KAFKA_ERROR } from "./error_codes.ts";
import { type FetchedPartition, fetchPartition } from "./fetch_request.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault, refusal } from "./kafka_fault.ts";
import { listOffsets } from "./partition_offsets.ts";
import * as recordSet from "./record_set.ts";
import {
  abortTransaction,
  addPartitionToTransaction,
  initProducerId,
  type ProducerIdentity,
} from "./transaction_requests.ts";
import { untilAnswered } from "./until_answered.ts";

/**
 * Fences the older writers of a partition with an empty transaction, and keeps the fence alive.
 *
 * The owner's transactional id gives it the producer id of its predecessors with a larger epoch. An
 * aborted transaction without records then puts a marker with that epoch into the partition, from
 * which on the broker refuses the smaller epochs (error 47). Readers never see markers.
 *
 * **The fence stands only once the owner has read its own marker**: the broker answers before it
 * writes markers, can lose them for good when it is killed in between, and lets old writers in until
 * then. So `acquire` reads on from the end of the log until the marker is there, and starts over
 * when it does not come.
 */
export class ShardFence {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #limit = new ConcurrencyLimit(ACQUIRES_AT_A_TIME_MAX);
  readonly #coordinators = new Map<string, number>();

  constructor(client: KafkaClient, topic: string) {
    this.#client = client;
    this.#topic = topic;
  }

  /**
   * Takes the partition over under this transactional id. Waits for brokers.
   * @throws OutputLogError `fenced` when another did the same meanwhile
   * @throws KafkaFault what nobody can wait out
   */
  async acquire(partition: number, transactionalId: string): Promise<ShardOwnership> {
    return await this.#limit.run(async () => {
      for (let attempt = 1;; attempt += 1) {
        const ownership = await this.#acquireOnce(partition, transactionalId);
        if (ownership !== null) return ownership;
        this.#client.log(
          "warn",
          `The fence of ${this.#topic}-${partition} did not reach the log, trying again`,
          { attempt },
        );
        // Each attempt raises the epoch, of which there are 32,766.
        await this.#client.pause(Math.min(10_000, 100 * 2 ** attempt));
      }
    });
  }

  /**
   * Another empty transaction with the same epoch, so that the broker does not forget the
   * transactional id (after 7 days without one by default).
   * @throws OutputLogError `fenced`
   * @throws KafkaFault
   */
  async refresh(
    partition: number,
    transactionalId: string,
    identity: ProducerIdentity,
  ): Promise<void> {
    await this.#limit.run(async () => {
      const written = await this.#writeMarker(partition, transactionalId, identity);
      if (written) return;
      throw new OutputLogError(
        `Cannot refresh the fence of ${this.#topic}-${partition}: the broker forgot its producer`,
        { code: "other", retryable: false },
      );
    });
  }

  async #acquireOnce(partition: number, transactionalId: string): Promise<ShardOwnership | null> {
    const topicPartition = { topic: this.#topic, partition };
    const identity = await this.#ask(
      partition,
      transactionalId,
      async (target) => await initProducerId(this.#client, target, transactionalId),
    );
    // Until the marker lies in the log, older writers still can write: read from here on.
    const [endBefore] = await listOffsets(this.#client, [topicPartition], "end");
    for (let round = 0; round < MARKER_ROUNDS; round += 1) {
      const written = await this.#writeMarker(partition, transactionalId, identity);
      if (!written) return null;
      const found = await this.#findMarker(partition, endBefore!, identity);
      if (found !== null) return { ...identity, logStart: found.logStart, end: found.end };
    }
    return null;
  }

  /** False when the broker knows nothing of the transaction: to be begun anew. */
  async #writeMarker(
    partition: number,
    transactionalId: string,
    identity: ProducerIdentity,
  ): Promise<boolean> {
    try {
      await this.#ask(
        partition,
        transactionalId,
        async (target) =>
          await addPartitionToTransaction(this.#client, target, transactionalId, identity, {
            topic: this.#topic,
            partition,
          }),
      );
      await this.#ask(
        partition,
        transactionalId,
        async (target) => await abortTransaction(this.#client, target, transactionalId, identity),
      );
      return true;
    } catch (error) {
      if (!(error instanceof KafkaFault)) throw error;
      if (FENCED.has(error.code)) {
        throw new OutputLogError(
          `A newer owner of ${this.#topic}-${partition} exists: ${error.message}`,
          { code: "fenced", retryable: false, cause: error },
        );
      }
      if (BEGIN_ANEW.has(error.code)) return false;
      throw error;
    }
  }

  async #findMarker(
    partition: number,
    from: number,
    identity: ProducerIdentity,
  ): Promise<{ readonly logStart: number; readonly end: number } | null> {
    const deadline = this.#client.clock.monotonicMs() + MARKER_WAIT_MS;
    let offset = from;
    while (this.#client.clock.monotonicMs() < deadline) {
      const answer = await this.#fetchOnce(partition, offset);
      const view = recordSet.viewOf(answer.records);
      for (let at = 0; at < answer.records.length; at += recordSet.batchBytes(view, at)) {
        if (
          recordSet.isControlBatch(view, at) &&
          recordSet.producerId(view, at) === identity.producerId &&
          recordSet.producerEpoch(view, at) === identity.epoch
        ) return { logStart: answer.logStart, end: recordSet.lastOffset(view, at) + 1 };
      }
      offset = Math.max(offset, answer.nextOffset, answer.logStart);
    }
    return null;
  }

  async #fetchOnce(
    partition: number,
    offset: number,
  ): Promise<FetchedPartition & { readonly nextOffset: number }> {
    const what = `Cannot read ${this.#topic}-${partition}`;
    return await untilAnswered(this.#client, what, async () => {
      const nodeId = this.#client.leaderOf(this.#topic, partition);
      if (nodeId === -1) throw refusal(what, KAFKA_ERROR.leaderNotAvailable);
      const fetched = await fetchPartition(
        this.#client,
        { nodeId, lane: laneOf(partition) },
        {
          waitMs: MARKER_POLL_MS,
          bytesMin: 1,
          bytesMax: FETCH_BYTES_MAX,
          isolation: "read_uncommitted",
          position: { topic: this.#topic, partition, offset, bytesMax: FETCH_BYTES_MAX },
        },
      );
      if (fetched.errorCode !== 0) throw refusal(what, fetched.errorCode);
      return fetched;
    });
  }

  /** Asks the coordinator of the transactional id, wherever it moves to. */
  async #ask<T>(
    partition: number,
    transactionalId: string,
    request: (target: { nodeId: number; lane: string }) => Promise<T>,
  ): Promise<T> {
    return await untilAnswered(
      this.#client,
      `Cannot fence ${this.#topic}-${partition}`,
      async () => {
        let nodeId = this.#coordinators.get(transactionalId);
        if (nodeId === undefined) {
          nodeId = await findCoordinator(this.#client, "transaction", transactionalId);
          this.#coordinators.set(transactionalId, nodeId);
        }
        try {
          return await request({ nodeId, lane: laneOf(partition) });
        } catch (error) {
          const moved = error instanceof KafkaFault &&
            (error.kind !== "refused" || callsForCoordinator(error.code));
          if (moved) this.#coordinators.delete(transactionalId);
          throw error;
        }
      },
    );
  }
}

/** The transactional id of a shard: one each, since a new owner of an id fences all it wrote. */
export function shardTransactionalId(appId: string, topic: string, partition: number): string {
  return `${appId}-${topic}-${partition}`;
}

/**
 * A broker works on one request of a connection at a time: 64 shards took 138 ms over one
 * connection and 77 ms over four.
 */
function laneOf(partition: number): string {
  return `fence${partition % LANES}`;
}

const LANES = 4;
const ACQUIRES_AT_A_TIME_MAX = 16;
const MARKER_ROUNDS = 2;
const MARKER_WAIT_MS = 2_000;
/** The marker follows the answer by milliseconds, and other shards wait on the same connection. */
const MARKER_POLL_MS = 10;
const FETCH_BYTES_MAX = 1024 * 1024;

const FENCED: ReadonlySet<number> = new Set([
  KAFKA_ERROR.invalidProducerEpoch,
  KAFKA_ERROR.producerFenced,
]);

const BEGIN_ANEW: ReadonlySet<number> = new Set([
  KAFKA_ERROR.invalidTxnState,
  KAFKA_ERROR.invalidProducerIdMapping,
]);
