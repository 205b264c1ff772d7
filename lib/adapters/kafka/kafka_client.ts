import type { Clock } from "../../ports/clock.ts";
import { KAFKA_API, type KafkaApi, requestFrame } from "./kafka_api.ts";
import { firstAnswer } from "./first_answer.ts";
import { KafkaFault, malformedAnswer } from "./kafka_fault.ts";
import { KafkajsDialer, type KafkaSasl, type KafkaTls } from "./kafkajs_internals.ts";
import { KafkaLane } from "./kafka_lane.ts";
import { CONTROL_LANE, KafkaNode, likeliestFirst } from "./kafka_node.ts";
import { kafkajsLogCreator, type KafkaLog, LogLimiter } from "./kafka_log.ts";
import {
  type ClusterMetadata,
  metadataFrame,
  readMetadata,
  type TopicMetadata,
} from "./metadata_request.ts";
import { parseHostPort } from "./broker_address.ts";
import type { WireWriter } from "./wire_writer.ts";

/** What it takes to reach a cluster. Nothing of it is ever logged but broker addresses. */
export interface KafkaClientOptions {
  readonly clientId: string;
  /** `host:port`, or `[v6 address]:port`. */
  readonly brokers: readonly string[];
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  readonly clock: Clock;
  readonly log: KafkaLog;
  /** Told once each time all brokers are lost, and once when one is back. */
  readonly onReachable?: (reachable: boolean, reason: string) => void;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** How long one broker is asked for metadata before another is asked as well. */
  readonly metadataPatienceMs?: number;
  /**
   * How often a login that the brokers refuse is tried before that is the answer. Default 3: a
   * broker that just started may not know its users yet. A service has no limit: it waits for
   * whoever mends the password, there or here.
   */
  readonly loginAttemptsMax?: number;
}

/**
 * The brokers of one cluster: who they are, who leads which partition, and lanes to each.
 *
 * One client serves source, output log and dead letters; the composition root closes it last. It
 * never retries a request, and never gives up on the cluster: callers ask again, lanes dial again,
 * and while no broker answers it looks for them itself, once a second.
 */
export class KafkaClient {
  readonly clientId: string;
  readonly clock: Clock;
  readonly limiter: LogLimiter;
  readonly log: KafkaLog;
  readonly requestTimeoutMs: number;
  readonly loginAttemptsMax: number;
  readonly #dialer: KafkajsDialer;
  readonly #seeds: readonly { host: string; port: number }[];
  readonly #connectTimeoutMs: number;
  readonly #metadataPatienceMs: number;
  readonly #onReachable: (reachable: boolean, reason: string) => void;
  readonly #nodes = new Map<number, KafkaNode>();
  readonly #seedLanes = new Map<string, KafkaLane>();
  /** Lanes on which a question for metadata has waited too long. */
  readonly #silentLanes = new Set<KafkaLane>();
  readonly #watchedTopics = new Set<string>();
  #topics: ReadonlyMap<string, TopicMetadata> = new Map();
  #controllerId = -1;
  #refreshing: Promise<KafkaFault | null> | null = null;
  #refreshNotBeforeMs = 0;
  #answerFreshUntilMs = 0;
  #reachable: boolean | null = null;
  #isLooking = false;
  #nextSeed = 0;
  #closed = false;

  /** Connects to nobody yet. @throws Error when an address is not one. */
  constructor(options: KafkaClientOptions) {
    this.clientId = options.clientId;
    this.clock = options.clock;
    this.log = options.log;
    this.limiter = new LogLimiter(options.log, () => options.clock.monotonicMs());
    this.requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.loginAttemptsMax = options.loginAttemptsMax ?? LOGIN_ATTEMPTS_MAX;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#metadataPatienceMs = options.metadataPatienceMs ?? METADATA_PATIENCE_MS;
    this.#seeds = options.brokers.map(parseHostPort);
    this.#onReachable = options.onReachable ?? (() => {});
    this.#dialer = new KafkajsDialer({
      clientId: options.clientId,
      connectTimeoutMs: this.#connectTimeoutMs,
      logCreator: kafkajsLogCreator(this.limiter),
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** From now on metadata tells about this topic too; ask for a refresh to have it at once. */
  watchTopic(topic: string): void {
    this.#watchedTopics.add(topic);
  }

  /** What the last refresh said about a watched topic; undefined before it was asked. */
  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  /** Node id of the partition's leader, or -1 where there is none or none is known. */
  leaderOf(topic: string, partition: number): number {
    const leader = this.#topics.get(topic)?.partitions[partition]?.leader ?? -1;
    return this.#nodes.has(leader) ? leader : -1;
  }

  get controllerId(): number {
    return this.#controllerId;
  }

  get nodeIds(): readonly number[] {
    return [...this.#nodes.keys()];
  }

  /**
   * The lane of that name to a broker, made when first asked for.
   * @throws KafkaFault when the broker is not (or no longer) part of the cluster.
   */
  lane(nodeId: number, name: string): KafkaLane {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || this.#closed) {
      throw this.#closed
        ? new KafkaFault("The Kafka client was closed", { kind: "closed" })
        : new KafkaFault(`Broker ${nodeId} is not among the brokers of the cluster`, {
          kind: "unreachable",
        });
    }
    let lane = node.lanes.get(name);
    if (lane === undefined) {
      lane = this.#newLane(node.address);
      node.lanes.set(name, lane);
    }
    return lane;
  }

  /** Closes the lanes of that name to all brokers, with what is in flight on them. */
  closeLanes(name: string): void {
    for (const node of this.#nodes.values()) {
      node.lanes.get(name)?.close();
      node.lanes.delete(name);
    }
  }

  /**
   * One request and its answer.
   * @throws KafkaFault transport faults, and `malformed` when `read` throws RangeError.
   */
  async request<T>(target: RequestTarget, body: RequestBody<T>): Promise<T> {
    const lane = this.lane(target.nodeId, target.lane ?? CONTROL_LANE);
    const frame = requestFrame(body.api, this.clientId, body.write);
    return await this.#exchange(lane, body.api, frame, body.read, body.timeoutMs);
  }

  /** A request that any broker can answer. @throws KafkaFault */
  async requestAny<T>(body: RequestBody<T>): Promise<T> {
    const nodeId = this.#anyNode();
    if (nodeId === -1) {
      const fault = await this.refreshMetadata();
      if (fault !== null) throw fault;
    }
    return await this.request({ nodeId: nodeId === -1 ? this.#anyNode() : nodeId }, body);
  }

  /**
   * Asks a broker who leads what. Calls that come while one is under way share it; two follow each
   * other by at least a tenth of a second, which also paces callers that retry after it.
   * @returns null, or the fault of the last broker tried when none answered.
   */
  refreshMetadata(): Promise<KafkaFault | null> {
    this.#refreshing ??= this.#refreshNow().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /**
   * Watches these topics. Where each was well a tenth of a second ago or less, that will do, so that
   * those who start together do not wait in turn; else it asks anew.
   * @returns as `refreshMetadata`
   */
  async lookUpTopics(names: readonly string[]): Promise<KafkaFault | null> {
    for (const name of names) this.watchTopic(name);
    const isFresh = this.clock.monotonicMs() < this.#answerFreshUntilMs;
    if (isFresh && names.every((name) => this.#topics.get(name)?.errorCode === 0)) return null;
    return await this.refreshMetadata();
  }

  /** Resolves after the time. For pauses between attempts; ends early when the client closes. */
  async pause(durationMs: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.clock.wakeAfter(durationMs, end);
      this.#pauses.add(end);
    });
  }
  readonly #pauses = new Set<() => void>();

  /** Closes every socket. Requests in flight end with a `closed` fault. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const node of this.#nodes.values()) node.close();
    for (const lane of this.#seedLanes.values()) lane.close();
    this.#nodes.clear();
    this.#seedLanes.clear();
    for (const end of [...this.#pauses]) end();
  }

  async #refreshNow(): Promise<KafkaFault | null> {
    const waitMs = this.#refreshNotBeforeMs - this.clock.monotonicMs();
    if (waitMs > 0) await this.pause(waitMs);
    let last = new KafkaFault("The Kafka client was closed", { kind: "closed" });
    try {
      const metadata = await firstAnswer({
        candidates: this.#metadataLanes(),
        ask: (lane) => this.#askMetadata(lane),
        patienceMs: this.#metadataPatienceMs,
        onSilent: (lane) => this.#silentLanes.add(lane),
        clock: this.clock,
      });
      this.#adopt(metadata);
      this.#refreshNotBeforeMs = this.clock.monotonicMs() + REFRESH_INTERVAL_MS;
      this.#answerFreshUntilMs = this.#refreshNotBeforeMs;
      this.#setReachable(true, "");
      return null;
    } catch (error) {
      // Null where the client was closed before anybody was asked.
      if (error !== null) last = error instanceof KafkaFault ? error : malformedAnswer(error);
    }
    this.#refreshNotBeforeMs = this.clock.monotonicMs() + REFRESH_INTERVAL_MS;
    if (!this.#closed) this.#setReachable(false, last.message);
    // A refused login is for the callers to repeat, at their pace: brokers lock users out.
    if (last.kind !== "authentication") void this.#look();
    return last;
  }

  /**
   * Fetches and batches find a broker that is back by themselves, and then nobody asks for metadata
   * until the next periodic look: that must not be what it takes until we say so. Never rejects.
   */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#reachable === false && !this.#closed) {
      await this.pause(LOOK_INTERVAL_MS);
      if (this.#reachable === false && !this.#closed) await this.refreshMetadata();
    }
    this.#isLooking = false;
  }

  async #askMetadata(lane: KafkaLane): Promise<ClusterMetadata> {
    try {
      const frame = metadataFrame(this.clientId, [...this.#watchedTopics]);
      return await this.#exchange(lane, KAFKA_API.metadata, frame, readMetadata);
    } finally {
      this.#silentLanes.delete(lane);
    }
  }

  /** Where to ask: brokers as they can be expected to answer, then the seeds. */
  *#metadataLanes(): Iterator<KafkaLane> {
    for (const { address: { nodeId } } of likeliestFirst(this.#nodes.values(), this.#silentLanes)) {
      if (this.#nodes.has(nodeId)) yield this.lane(nodeId, CONTROL_LANE);
    }
    const first = this.#nextSeed;
    this.#nextSeed = (first + 1) % this.#seeds.length;
    for (let index = 0; index < this.#seeds.length; index += 1) {
      if (!this.#closed) yield this.#seedLane(this.#seeds[(first + index) % this.#seeds.length]!);
    }
  }

  #seedLane(seed: { host: string; port: number }): KafkaLane {
    const key = `${seed.host}:${seed.port}`;
    let lane = this.#seedLanes.get(key);
    if (lane === undefined) {
      lane = this.#newLane(seed);
      this.#seedLanes.set(key, lane);
    }
    return lane;
  }

  #adopt(metadata: ClusterMetadata): void {
    if (this.#closed) return;
    for (const [nodeId, node] of this.#nodes) {
      const address = metadata.brokers.find((broker) => broker.nodeId === nodeId);
      if (address?.host === node.address.host && address.port === node.address.port) continue;
      // A broker that is down is missing in the metadata, too; it is known again when it is back.
      node.close();
      this.#nodes.delete(nodeId);
    }
    for (const address of metadata.brokers) {
      if (this.#nodes.has(address.nodeId)) continue;
      this.#nodes.set(address.nodeId, new KafkaNode(address));
    }
    // The seeds have done their work: from here on the brokers' own addresses are used.
    if (metadata.brokers.length > 0) {
      for (const lane of this.#seedLanes.values()) lane.close();
      this.#seedLanes.clear();
    }
    this.#controllerId = metadata.controllerId;
    this.#topics = new Map(metadata.topics.map((topic) => [topic.name, topic]));
  }

  async #exchange<T>(
    lane: KafkaLane,
    api: KafkaApi,
    frame: Uint8Array,
    read: (payload: Uint8Array) => T,
    timeoutMs = this.requestTimeoutMs,
  ): Promise<T> {
    const payload = await new Promise<Uint8Array>((resolve, reject) => {
      lane.send(api, frame, timeoutMs, (fault, bytes) => {
        if (fault === null) resolve(bytes);
        else reject(fault);
      });
    });
    lane.succeeded();
    try {
      return read(payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const fault = malformedAnswer(error);
      lane.abandon(fault);
      throw fault;
    }
  }

  #newLane(address: { host: string; port: number }): KafkaLane {
    return new KafkaLane({
      dialer: this.#dialer,
      clock: this.clock,
      host: address.host,
      port: address.port,
      connectTimeoutMs: this.#connectTimeoutMs,
      onState: (fault) => {
        if (fault === null) return;
        const level = fault.kind === "unreachable" ? "warn" : "error";
        this.limiter.write(level, `lane ${fault.message}`, fault.message);
      },
    });
  }

  #anyNode(): number {
    return likeliestFirst(this.#nodes.values(), this.#silentLanes)[0]?.address.nodeId ?? -1;
  }

  #setReachable(reachable: boolean, reason: string): void {
    if (!reachable) {
      const seeds = this.#seeds.map(({ host, port }) => `${host}:${port}`).join(", ");
      this.limiter.write("warn", "unreachable", `Waiting for Kafka at ${seeds}: ${reason}`);
    }
    if (this.#reachable === reachable) return;
    const wasLost = this.#reachable === false;
    this.#reachable = reachable;
    if (reachable && wasLost) this.log("info", "Kafka is reachable again");
    this.#onReachable(reachable, reason);
  }
}

export interface RequestTarget {
  readonly nodeId: number;
  /** Default: the lane for short requests. */
  readonly lane?: string;
}

export interface RequestBody<T> {
  readonly api: KafkaApi;
  readonly write: (writer: WireWriter) => void;
  readonly read: (payload: Uint8Array) => T;
  readonly timeoutMs?: number;
}

/** kafkajs's default of 1 s is too short for a busy broker's TLS and SASL handshakes. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Less than Kafka's default of 30 s: with its slack, a shard whose answer was lost on a connection
 * that goes on living writes again within half a minute.
 */
const REQUEST_TIMEOUT_MS = 20_000;
/**
 * A broker answers this within milliseconds. Who waits for a new leader has waited for the old one
 * already, up to the time of a request: both together have to be well below half a minute.
 */
const METADATA_PATIENCE_MS = 3_000;
const LOGIN_ATTEMPTS_MAX = 3;
const REFRESH_INTERVAL_MS = 100;
const LOOK_INTERVAL_MS = 1_000;
