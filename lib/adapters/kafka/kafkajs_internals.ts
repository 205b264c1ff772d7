/**
 * The one place that touches private parts of kafkajs 2.2.4.
 *
 * kafkajs gives us connected, authenticated sockets (TCP, TLS, SASL) with correlation ids; requests,
 * responses, timeouts, metadata and retries are ours. Used of it:
 *
 * - `Kafka[private:Kafka:createCluster]` → `connectionPoolBuilder.build`, `brokerPool.createBroker`
 * - `Broker.connect` (versions, authentication), `.versions`, `.produce` (`kafka.producer: stock`)
 * - `Connection.requestQueue.push`, `.nextCorrelationId`, `.socket`, `.authenticate`
 *
 * Everything used is checked when it is taken, and a kafkajs of another shape is refused by name.
 */
import { Kafka } from "kafkajs";
import net from "node:net";
import tls from "node:tls";
import type { KafkaApi } from "./kafka_api.ts";
import { KAFKAJS_LEVEL_WARN, type KafkajsLogEntry } from "./kafka_log.ts";
import { RequestsInFlight } from "./requests_in_flight.ts";

/** Credentials and trust, as PEM texts: reading files is the caller's business. */
export interface KafkaTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name to expect in the broker's certificate instead of the host's. */
  readonly serverName?: string;
}

export interface KafkaSasl {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
}

export interface KafkajsDialerOptions {
  readonly clientId: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  readonly connectTimeoutMs: number;
  readonly logCreator: () => (entry: KafkajsLogEntry) => void;
}

/** Makes connections; one cluster object of kafkajs stands behind all of them. */
export class KafkajsDialer {
  readonly #cluster: PrivateCluster;
  readonly #logger: unknown;

  /** @throws Error when kafkajs is not the version this file was written for. */
  constructor(options: KafkajsDialerOptions) {
    const kafka = new Kafka({
      clientId: options.clientId,
      // Addresses are given to each dial; kafkajs only wants the list not to be empty.
      brokers: ["unused.invalid:1"],
      connectionTimeout: options.connectTimeoutMs,
      authenticationTimeout: options.connectTimeoutMs,
      // kafkajs measures requests with the wall clock, which jumps: a forward jump would time out
      // all of them. Deadlines are kept in kafka_connection.ts by the monotonic clock.
      enforceRequestTimeout: false,
      retry: { retries: 0 },
      logLevel: KAFKAJS_LEVEL_WARN,
      // kafkajs's types name their own log levels; the numbers are the same.
      logCreator: options.logCreator as never,
      socketFactory: openSocket as never,
      ...(options.tls === undefined ? {} : { ssl: sslOptions(options.tls) }),
      ...(options.sasl === undefined ? {} : { sasl: { ...options.sasl } as never }),
    });
    const createCluster = Object.getOwnPropertySymbols(kafka).find((symbol) =>
      symbol.description === "private:Kafka:createCluster"
    );
    const make = createCluster && (kafka as unknown as PrivateKafka)[createCluster];
    if (typeof make !== "function") throw unknownShape("the cluster factory");
    this.#cluster = make({ allowAutoTopicCreation: false, maxInFlightRequests: null });
    if (
      typeof this.#cluster.connectionPoolBuilder?.build !== "function" ||
      typeof this.#cluster.brokerPool?.createBroker !== "function"
    ) throw unknownShape("the connection pool builder");
    this.#logger = kafka.logger();
  }

  /** A connection that is not yet connected. Each is used once and thrown away when it breaks. */
  async prepare(host: string, port: number): Promise<RawConnection> {
    const connectionPool = await this.#cluster.connectionPoolBuilder.build({ host, port });
    const broker = this.#cluster.brokerPool.createBroker({
      connectionPool,
      logger: this.#logger,
    });
    return new RawConnection(broker);
  }
}

/** One socket with kafkajs's request queue before it. */
export class RawConnection {
  readonly #broker: PrivateBroker;
  readonly #connection: PrivateConnection;

  constructor(broker: PrivateBroker) {
    this.#broker = broker;
    const connection = broker.connectionPool?.pool?.[0];
    const queue = connection?.requestQueue;
    if (
      connection === undefined || typeof queue?.push !== "function" ||
      !(queue.inflight instanceof Map) ||
      typeof queue.rejectAll !== "function" || typeof connection.authenticate !== "function" ||
      typeof connection.nextCorrelationId !== "function" || typeof broker.connect !== "function"
    ) throw unknownShape("connection and request queue");
    this.#connection = connection;
    // Nothing ever waits in kafkajs's queue (no limit in flight, throttling is ours), but its check
    // for waiting requests re-arms a timer of 1 ms for ever: 4 % of a core for each connection.
    queue.scheduleCheckPendingRequests = () => {};
    // By the wall clock; a jump backwards would throttle for as long as the jump was wide.
    queue.maybeThrottle = () => {};
    queue.inflight = new RequestsInFlight<unknown>();
  }

  /** Connects, agrees on versions and authenticates. May never settle when the socket breaks. */
  async connect(): Promise<void> {
    await this.#broker.connect();
  }

  /** The socket once `connect` was called; it is replaced by no other. */
  get socket(): net.Socket | undefined {
    return this.#connection.socket;
  }

  /** Lowest and highest version of each API key, as the broker told. */
  get versions(): Readonly<Record<number, { minVersion: number; maxVersion: number }>> {
    return this.#broker.versions ?? {};
  }

  /** False when the session that SASL gave ends soon: `authenticate` before the next request. */
  get authenticated(): boolean {
    return this.#connection.sasl === null || this.#connection.sasl === undefined ||
      this.#connection.isAuthenticated();
  }

  async authenticate(): Promise<void> {
    await this.#connection.authenticate();
  }

  nextCorrelationId(): number {
    return this.#connection.nextCorrelationId();
  }

  /**
   * Writes the frame and calls one of the two when its response came or the socket broke. `resolve`
   * gets the response after the correlation id. This is what kafkajs's own `send` does once it has
   * encoded a request, without the two copies that its encoder makes of one.
   */
  push(
    api: KafkaApi,
    correlationId: number,
    frame: Uint8Array,
    resolve: (payload: Uint8Array) => void,
    reject: (error: unknown) => void,
  ): void {
    const connection = this.#connection;
    connection.requestQueue.push({
      entry: {
        apiKey: api.key,
        apiName: api.name,
        apiVersion: api.version,
        correlationId,
        resolve: (answer) => resolve(answer.payload),
        reject,
      },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => {
        connection.socket?.write(frame);
      },
    });
  }

  rejectAll(error: Error): void {
    this.#connection.requestQueue.rejectAll(error);
  }

  /** kafkajs's own producer request, records encoded by kafkajs. */
  async produce(request: StockProduceRequest): Promise<unknown> {
    return await this.#broker.produce(request);
  }
}

export interface StockProduceRequest {
  readonly acks: -1;
  readonly timeout: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence: number;
      readonly messages: readonly unknown[];
    }[];
  }[];
}

interface SocketFactoryInput {
  readonly host: string;
  readonly port: number;
  readonly ssl: tls.ConnectionOptions | null | undefined;
  readonly onConnect: () => void;
}

function openSocket({ host, port, ssl, onConnect }: SocketFactoryInput): net.Socket {
  const socket = ssl
    ? tls.connect(
      { host, port, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...ssl },
      onConnect,
    )
    : net.connect({ host, port }, onConnect);
  // A produce request is small and waited for: Nagle's algorithm would hold its tail back.
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  return socket;
}

const KEEP_ALIVE_DELAY_MS = 30_000;

function sslOptions(options: KafkaTls): tls.ConnectionOptions {
  return {
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
  };
}

function unknownShape(what: string): Error {
  return new Error(
    `Cannot use this kafkajs: ${what} is not where version 2.2.4 has it; pin kafkajs 2.2.4`,
  );
}

// What is used of kafkajs's classes, which its public types do not show.

interface PrivateKafka {
  [createCluster: symbol]: ((options: Record<string, unknown>) => PrivateCluster) | undefined;
}

interface PrivateCluster {
  readonly connectionPoolBuilder: {
    build(target: { host: string; port: number }): Promise<PrivateConnectionPool>;
  };
  readonly brokerPool: { createBroker(options: Record<string, unknown>): PrivateBroker };
}

interface PrivateConnectionPool {
  readonly pool: readonly PrivateConnection[];
}

interface PrivateBroker {
  readonly connectionPool: PrivateConnectionPool;
  readonly versions: Record<number, { minVersion: number; maxVersion: number }> | null;
  connect(): Promise<void>;
  produce(request: StockProduceRequest): Promise<unknown>;
}

interface PrivateConnection {
  readonly socket?: net.Socket;
  readonly sasl?: unknown;
  readonly requestQueue: PrivateRequestQueue;
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
}

interface PrivateRequestQueue {
  inflight: Map<number, unknown> | RequestsInFlight<unknown>;
  scheduleCheckPendingRequests: () => void;
  maybeThrottle: (ms: number) => void;
  push(request: {
    entry: {
      apiKey: number;
      apiName: string;
      apiVersion: number;
      correlationId: number;
      resolve: (answer: { payload: Uint8Array }) => void;
      reject: (error: unknown) => void;
    };
    expectResponse: boolean;
    requestTimeout: number | null;
    sendRequest: () => void;
  }): void;
  rejectAll(error: Error): void;
}
