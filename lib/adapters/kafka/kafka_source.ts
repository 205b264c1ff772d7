import {
  type FetchedRecords,
  type InputPartition,
  type InputRange,
  type Source,
  type SourceError,
  type SourceListener,
} from "../../ports/source.ts";
import { emptyAborted } from "./aborted_batches.ts";
import { callsForMetadata, isAccessDenied, KAFKA_ERROR, kafkaErrorName } from "./error_codes.ts";
import { type FetchedPartition, fetchFrame, readFetch } from "./fetch_request.ts";
import { GroupOffsets } from "./group_offsets.ts";
import { InputTopicWatch } from "./input_topic_watch.ts";
import { KAFKA_API } from "./kafka_api.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { KafkaFault, malformedAnswer } from "./kafka_fault.ts";
import type { KafkaLane } from "./kafka_lane.ts";
import { listOffsets } from "./partition_offsets.ts";
import { PartitionFetch } from "./partition_fetch.ts";
import { scanBatches } from "./record_set.ts";
import { accessDeniedError, outOfRangeError, sourceError } from "./source_errors.ts";
import { presentTopic } from "./topic_presence.ts";
import { untilAnswered } from "./until_answered.ts";

export interface KafkaSourceOptions {
  readonly client: KafkaClient;
  readonly topics: readonly string[];
  /** Under this id the offsets are published; nobody joins it. */
  readonly groupId: string;
  /** How long a fetch waits for something to come. Also how late an unpaused partition may be. */
  readonly fetchWaitMs?: number;
  /** Of one partition in one answer. A batch that is larger comes whole all the same. */
  readonly partitionBytesMax?: number;
  /** Of one answer. One answer a broker is under way, and one may wait for the listener. */
  readonly fetchBytesMax?: number;
  /** How often the topics are looked at for new partitions. */
  readonly metadataAgeMaxMs?: number;
  /** How long a topic has to be gone until it counts as deleted. */
  readonly topicMissingMaxMs?: number;
}

/**
 * The input topics, all partitions of them, without a consumer group.
 *
 * To each broker that leads some of the partitions goes one fetch at a time, over a connection of
 * its own; the next one leaves before the listener hears of the last. Records are handed out as
 * they lie on the broker's disk. They are read committed: an aborted transaction's batches come as
 * empty ones, and `highWatermark` is the end of what is decided (without transactions the same).
 *
 * An offset out of range is looked at twice, since a new leader may be behind for a moment; then it
 * is an error, never a reset.
 */
export class KafkaSource implements Source {
  readonly #client: KafkaClient;
  readonly #topics: readonly string[];
  readonly #groupId: string;
  readonly #fetchWaitMs: number;
  readonly #partitionBytesMax: number;
  readonly #fetchBytesMax: number;
  readonly #metadataAgeMaxMs: number;
  readonly #topicMissingMaxMs: number;
  #partitions: PartitionFetch[] = [];
  #byName = new Map<string, PartitionFetch>();
  #groupOffsets: GroupOffsets | null = null;
  #topicWatch: InputTopicWatch | null = null;
  #listener: SourceListener | null = null;
  /** Brokers with a fetch under way. */
  readonly #busyNodes = new Set<number>();
  #rotation = 0;
  #refreshing = false;
  /** Counts starts and stops: what belongs to an earlier one is of no interest any more. */
  #run = 0;
  #stopped = true;
  #cancelPeriodic: () => void = () => {};
  #cancelRetry: (() => void) | null = null;
  #retryAtMs = 0;

  constructor(options: KafkaSourceOptions) {
    this.#client = options.client;
    this.#topics = options.topics;
    this.#groupId = options.groupId;
    this.#fetchWaitMs = options.fetchWaitMs ?? FETCH_WAIT_MS;
    this.#partitionBytesMax = options.partitionBytesMax ?? PARTITION_BYTES_MAX;
    this.#fetchBytesMax = options.fetchBytesMax ?? FETCH_BYTES_MAX;
    this.#metadataAgeMaxMs = options.metadataAgeMaxMs ?? METADATA_AGE_MAX_MS;
    this.#topicMissingMaxMs = options.topicMissingMaxMs ?? TOPIC_MISSING_MAX_MS;
  }

  async open(): Promise<readonly InputPartition[]> {
    await this.#call("Cannot find the input topics", async () => {
      const fault = await this.#client.lookUpTopics(this.#topics);
      if (fault !== null) throw fault;
      for (const topic of this.#topics) presentTopic(this.#client, topic);
    });
    this.#partitions = this.#topics.flatMap((topic) =>
      this.#client.topic(topic)!.partitions.map(({ partition }) => ({ topic, partition }))
    ).map((name, index) => new PartitionFetch(name.topic, name.partition, index));
    this.#byName = new Map(
      this.#partitions.map((it) => [partitionKey(it.topic, it.partition), it]),
    );
    this.#groupOffsets = new GroupOffsets(this.#client, this.#groupId, this.#partitions);
    this.#topicWatch = new InputTopicWatch({
      client: this.#client,
      topics: this.#topics,
      partitions: this.#partitions,
      missingMaxMs: this.#topicMissingMaxMs,
    });
    return this.#partitions.map(({ topic, partition }) => ({ topic, partition }));
  }

  async ranges(): Promise<readonly InputRange[]> {
    return await this.#call("Cannot list the offsets of the input", async () => {
      const [starts, ends] = await Promise.all([
        listOffsets(this.#client, this.#partitions, "log_start"),
        listOffsets(this.#client, this.#partitions, "stable_end"),
      ]);
      return starts.map((logStart, index) => ({ logStart, end: ends[index]! }));
    });
  }

  async committedOffsets(): Promise<readonly number[]> {
    return await this.#call(
      `Cannot fetch the offsets of group ${this.#groupId}`,
      async () => await this.#groupOffsets!.fetch(),
    );
  }

  async commitOffsets(offsets: readonly number[]): Promise<void> {
    try {
      await this.#groupOffsets!.commit(offsets);
    } catch (error) {
      throw sourceError(`Cannot commit the offsets of group ${this.#groupId}`, error);
    }
  }

  start(offsets: readonly number[], listener: SourceListener): void {
    this.#run += 1;
    this.#stopped = false;
    this.#listener = listener;
    for (const [index, offset] of offsets.entries()) this.#partitions[index]!.restart(offset);
    this.#refreshPeriodically();
    this.#pumpSoon(0);
  }

  setPaused(partition: number, paused: boolean): void {
    const fetch = this.#partitions[partition]!;
    if (fetch.paused === paused) return;
    fetch.paused = paused;
    if (!paused) this.#pumpSoon(0);
  }

  // deno-lint-ignore require-await -- the port allows sources for which stopping takes time
  async stop(): Promise<void> {
    this.#run += 1;
    this.#stopped = true;
    this.#listener = null;
    this.#cancelPeriodic();
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#busyNodes.clear();
    this.#client.closeLanes(FETCH_LANE);
  }

  /** Sends a fetch to each broker that has none under way and leads something we want. */
  #pump(): void {
    if (this.#stopped || this.#listener === null) return;
    const now = this.#client.clock.monotonicMs();
    const wanted = new Map<number, PartitionFetch[]>();
    let wakeInMs = Infinity;
    let leaderless = false;
    // Each fetch begins with another partition: the first one's batch comes whole however large,
    // and the first ones have the better part of an answer that is full.
    this.#rotation += 1;
    const count = this.#partitions.length;
    for (let step = 0; step < count; step += 1) {
      const fetch = this.#partitions[(step + this.#rotation) % count]!;
      if (fetch.paused || fetch.ended || fetch.underWay) continue;
      if (fetch.notBeforeMs > now) {
        wakeInMs = Math.min(wakeInMs, fetch.notBeforeMs - now);
        continue;
      }
      const leader = this.#client.leaderOf(fetch.topic, fetch.partition);
      if (leader === -1) {
        leaderless = true;
        this.#setReachable(fetch, false);
        continue;
      }
      if (this.#busyNodes.has(leader)) continue;
      const ofLeader = wanted.get(leader);
      if (ofLeader === undefined) wanted.set(leader, [fetch]);
      else ofLeader.push(fetch);
    }
    for (const [leader, fetches] of wanted) this.#fetch(leader, fetches);
    if (leaderless) this.#refresh();
    if (wakeInMs !== Infinity) this.#pumpSoon(wakeInMs);
  }

  #pumpSoon(delayMs: number): void {
    if (this.#stopped || this.#client.isClosed) return;
    const atMs = this.#client.clock.monotonicMs() + delayMs;
    if (this.#cancelRetry !== null) {
      if (this.#retryAtMs <= atMs) return;
      this.#cancelRetry();
    }
    this.#retryAtMs = atMs;
    this.#cancelRetry = this.#client.clock.wakeAfter(delayMs, () => {
      this.#cancelRetry = null;
      this.#pump();
    });
  }

  #fetch(nodeId: number, fetches: readonly PartitionFetch[]): void {
    const bytesMax = this.#partitionBytesMax;
    const frame = fetchFrame(this.#client.clientId, {
      waitMs: this.#fetchWaitMs,
      bytesMin: 1,
      bytesMax: this.#fetchBytesMax,
      isolation: "read_committed",
      partitions: fetches.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset,
        bytesMax,
      })),
    });
    for (const fetch of fetches) fetch.underWay = true;
    this.#busyNodes.add(nodeId);
    const lane = this.#client.lane(nodeId, FETCH_LANE);
    const timeoutMs = this.#client.requestTimeoutMs + this.#fetchWaitMs;
    const run = this.#run;
    lane.send(KAFKA_API.fetch, frame, timeoutMs, (fault, payload) => {
      if (run !== this.#run) return;
      this.#busyNodes.delete(nodeId);
      for (const fetch of fetches) fetch.underWay = false;
      if (fault === null) this.#answered(lane, fetches, payload);
      else this.#failed(fetches, fault);
    });
  }

  #answered(lane: KafkaLane, fetches: readonly PartitionFetch[], payload: Uint8Array): void {
    lane.succeeded();
    let deliveries: FetchedRecords[];
    try {
      const answer = readFetch(payload);
      lane.throttle(answer.throttleMs);
      if (answer.errorCode !== 0) throw new RangeError(kafkaErrorName(answer.errorCode));
      deliveries = this.#take(answer.partitions);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const fault = malformedAnswer(error);
      lane.abandon(fault);
      this.#failed(fetches, fault);
      return;
    }
    // The broker works on the next fetch while the listener works on this one.
    this.#pump();
    const run = this.#run;
    for (const delivery of deliveries) {
      if (run !== this.#run) return;
      const fetch = this.#partitions[delivery.partition]!;
      this.#setReachable(fetch, true);
      this.#listener!.onFetch(delivery);
    }
  }

  /** Moves the positions on. @throws RangeError when records make no sense; nothing moved then. */
  #take(answers: readonly FetchedPartition[]): FetchedRecords[] {
    const scanned = answers.map((answer) => ({ answer, whole: scanBatches(answer.records) }));
    const deliveries: FetchedRecords[] = [];
    for (const { answer, whole } of scanned) {
      const fetch = this.#byName.get(partitionKey(answer.topic, answer.partition));
      if (fetch === undefined) continue;
      if (answer.errorCode !== 0) {
        this.#refused(fetch, answer);
        continue;
      }
      const fetchOffset = fetch.offset;
      const delivery = {
        partition: fetch.index,
        fetchOffset,
        records: emptyAborted(answer.records.subarray(0, whole.bytes), answer.aborted),
        highWatermark: answer.lastStableOffset,
        logStart: answer.logStart,
      };
      if (fetch.accepted(delivery, whole.nextOffset)) deliveries.push(delivery);
    }
    return deliveries;
  }

  #failed(fetches: readonly PartitionFetch[], fault: KafkaFault): void {
    const now = this.#client.clock.monotonicMs();
    for (const fetch of fetches) {
      fetch.postpone(now);
      this.#setReachable(fetch, false);
    }
    if (fault.kind !== "closed") {
      this.#client.limiter.write(
        "warn",
        `fetch ${fault.message}`,
        `Cannot fetch: ${fault.message}`,
      );
    }
    this.#refresh();
  }

  #refused(fetch: PartitionFetch, answer: FetchedPartition): void {
    const code = answer.errorCode;
    const name = `${fetch.topic}-${fetch.partition}`;
    if (code === KAFKA_ERROR.offsetOutOfRange) {
      fetch.outOfRangeCount += 1;
      if (fetch.outOfRangeCount >= OUT_OF_RANGE_ANSWERS) {
        fetch.ended = true;
        this.#reportOutOfRange(fetch);
        return;
      }
    }
    if (isAccessDenied(code)) {
      fetch.ended = true;
      this.#report(accessDeniedError(fetch, code));
      return;
    }
    fetch.postpone(this.#client.clock.monotonicMs());
    if (code !== KAFKA_ERROR.offsetOutOfRange) this.#setReachable(fetch, false);
    const text = `Cannot fetch ${name} for now: ${kafkaErrorName(code)}`;
    this.#client.limiter.write("warn", text, text);
    if (callsForMetadata(code) || code === KAFKA_ERROR.offsetOutOfRange) this.#refresh();
  }

  #reportOutOfRange(fetch: PartitionFetch): void {
    const run = this.#run;
    // Never rejects.
    outOfRangeError(this.#client, fetch).then((error) => {
      if (run === this.#run) this.#report(error);
    });
  }

  #refresh(): void {
    if (this.#refreshing || this.#stopped) return;
    this.#refreshing = true;
    this.#client.refreshMetadata().then((fault) => {
      // Belongs to no start: whoever runs by now can use it.
      this.#refreshing = false;
      if (this.#stopped) return;
      if (fault === null) {
        for (const error of this.#topicWatch!.look()) this.#report(error);
      }
      // A cluster that is away is asked again once a second, as dials to it are paced anyway.
      this.#pumpSoon(fault === null ? 0 : AWAY_PAUSE_MS);
    });
  }

  #refreshPeriodically(): void {
    this.#cancelPeriodic = this.#client.clock.wakeAfter(this.#metadataAgeMaxMs, () => {
      if (this.#stopped) return;
      this.#refresh();
      this.#refreshPeriodically();
    });
  }

  #setReachable(fetch: PartitionFetch, reachable: boolean): void {
    if (fetch.reachable === reachable) return;
    fetch.reachable = reachable;
    // Known to be away may become known inside a call of ours: the listener hears of it later.
    const { index } = fetch;
    const run = this.#run;
    queueMicrotask(() => {
      if (run === this.#run) this.#listener?.onPartitionState(index, reachable);
    });
  }

  #report(error: SourceError): void {
    this.#client.log("error", error.message);
    this.#listener?.onError(error);
  }

  async #call<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    try {
      return await untilAnswered(this.#client, what, attempt);
    } catch (error) {
      throw sourceError(what, error);
    }
  }
}

const FETCH_LANE = "input";
const FETCH_WAIT_MS = 250;
const PARTITION_BYTES_MAX = 1024 * 1024;
const FETCH_BYTES_MAX = 8 * 1024 * 1024;
const AWAY_PAUSE_MS = 1_000;
const METADATA_AGE_MAX_MS = 60_000;
/** Brokers that just started may not know a topic yet. */
const TOPIC_MISSING_MAX_MS = 30_000;
const OUT_OF_RANGE_ANSWERS = 3;

function partitionKey(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
