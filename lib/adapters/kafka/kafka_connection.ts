import type { Clock } from "../../ports/clock.ts";
import { CORRELATION_ID_AT, KAFKA_API, type KafkaApi } from "./kafka_api.ts";
import { KafkaFault } from "./kafka_fault.ts";
import type { KafkajsDialer, RawConnection, StockProduceRequest } from "./kafkajs_internals.ts";
import { RequestsInFlight } from "./requests_in_flight.ts";

/**
 * One connection to one broker, from dialing to its end.
 *
 *     opening ──open() resolves──▶ open ──any fault, close()──▶ closed
 *        └───────────any fault, close()──────────────────────────┘
 *
 * A broker answers the requests of a connection in order, so one that is overdue holds up all behind
 * it: the connection is given up then, and everything in flight ends with the same fault. Deadlines
 * go by the monotonic clock. A closed connection is replaced, never reopened.
 */
export class KafkaConnection {
  readonly #raw: RawConnection;
  readonly #clock: Clock;
  readonly #address: string;
  #state: "opening" | "open" | "closed" = "opening";
  #fault: KafkaFault | null = null;
  #failOpening: ((fault: KafkaFault) => void) | null = null;
  #onClosed: KafkaConnectionOptions["onClosed"] = () => {};
  /** Deadline of each request in flight, oldest first, by correlation id. */
  readonly #deadlines = new RequestsInFlight<number>();
  #cancelWake: (() => void) | null = null;

  private constructor(raw: RawConnection, clock: Clock, address: string) {
    this.#raw = raw;
    this.#clock = clock;
    this.#address = address;
  }

  /**
   * Connects, authenticates and checks that the broker speaks what we need.
   * @throws KafkaFault
   */
  static async open(options: KafkaConnectionOptions): Promise<KafkaConnection> {
    const { dialer, clock, host, port } = options;
    const raw = await dialer.prepare(host, port);
    const connection = new KafkaConnection(raw, clock, `${host}:${port}`);
    connection.#onClosed = options.onClosed;
    options.onOpening?.(connection);
    await connection.#open(options.connectTimeoutMs);
    return connection;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Why the connection is closed; null while it is not. */
  get fault(): KafkaFault | null {
    return this.#fault;
  }

  get needsAuthentication(): boolean {
    return !this.#raw.authenticated;
  }

  /** Authenticates again on the open connection. Nothing else may be sent meanwhile. */
  async reauthenticate(timeoutMs: number): Promise<void> {
    const cancel = this.#clock.wakeAfter(timeoutMs, () => {
      this.#end(this.#timeoutFault("a new authentication"));
    });
    try {
      await this.#raw.authenticate();
    } catch (error) {
      this.#end(this.#faultOf(error));
      throw this.#fault;
    } finally {
      cancel();
    }
  }

  /**
   * Sends a whole frame. `onAnswer` is called exactly once, with the response's body or with the
   * fault that closed the connection, and never from inside this call. After an answer the frame's
   * bytes are free again; after a fault the socket may still hold them.
   */
  send(api: KafkaApi, frame: Uint8Array, timeoutMs: number, onAnswer: AnswerListener): void {
    if (this.#state !== "open") {
      const fault = this.#fault ?? this.#closedFault();
      queueMicrotask(() => onAnswer(fault, NO_BYTES));
      return;
    }
    const correlationId = this.#raw.nextCorrelationId();
    new DataView(frame.buffer, frame.byteOffset).setInt32(CORRELATION_ID_AT, correlationId);
    this.#watch(correlationId, timeoutMs);
    this.#raw.push(
      api,
      correlationId,
      frame,
      (payload) => {
        this.#deadlines.delete(correlationId);
        onAnswer(null, payload);
      },
      (error) => {
        this.#deadlines.delete(correlationId);
        onAnswer(this.#fault ?? this.#faultOf(error), NO_BYTES);
      },
    );
  }

  /** A produce request that kafkajs encodes. @throws KafkaFault, or kafkajs's protocol error */
  async produceStock(request: StockProduceRequest, timeoutMs: number): Promise<unknown> {
    // On a closed connection kafkajs would dial anew behind our back.
    if (this.#state !== "open") throw this.#fault ?? this.#closedFault();
    // Not a correlation id of the protocol: only a name for the deadline.
    this.#stockRequests -= 1;
    const name = this.#stockRequests;
    this.#watch(name, timeoutMs);
    try {
      return await this.#raw.produce(request);
    } catch (error) {
      throw isProtocolError(error) ? error : this.#fault ?? this.#faultOf(error);
    } finally {
      this.#deadlines.delete(name);
    }
  }
  #stockRequests = 0;

  /** Ends the connection at once; what is in flight ends with a fault. Idempotent. */
  close(): void {
    this.#end(this.#closedFault());
  }

  /** Closes the connection because of something the caller saw in an answer. */
  abandon(fault: KafkaFault): void {
    this.#end(fault);
  }

  async #open(timeoutMs: number): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#failOpening = reject;
    });
    const cancelTimeout = this.#clock.wakeAfter(timeoutMs, () => {
      this.#end(this.#timeoutFault("connection and authentication"));
    });
    const connecting = this.#raw.connect();
    // kafkajs creates the socket a few microtasks into connect().
    this.#watchSocketSoon();
    try {
      await Promise.race([connecting, failed]);
      this.#requireVersions();
      if (this.#fault !== null) throw this.#fault;
      this.#state = "open";
    } catch (error) {
      // The race is lost for good: whatever kafkajs still says about it is of no interest.
      connecting.catch(() => {});
      this.#end(error instanceof KafkaFault ? error : this.#faultOf(error));
      throw this.#fault;
    } finally {
      failed.catch(() => {});
      this.#failOpening = null;
      cancelTimeout();
    }
  }

  #watchSocketSoon(attempts = 100): void {
    const socket = this.#raw.socket;
    if (socket !== undefined) {
      if (this.#state === "closed") {
        socket.destroy();
        return;
      }
      // kafkajs's connect() never settles when the peer closes during a handshake, and a broken
      // connection does not always end with "end" or "error": "close" always comes.
      socket.on("error", (error: Error) => this.#end(this.#faultOf(error)));
      socket.on("close", () => this.#end(this.#brokenFault("the broker closed it")));
      return;
    }
    if (attempts > 0 && this.#state === "opening") {
      queueMicrotask(() => this.#watchSocketSoon(attempts - 1));
    }
  }

  #requireVersions(): void {
    const versions = this.#raw.versions;
    for (const api of Object.values(KAFKA_API)) {
      const range = versions[api.key];
      if (
        range !== undefined && range.minVersion <= api.version && range.maxVersion >= api.version
      ) {
        continue;
      }
      const offered = range === undefined ? "none" : `${range.minVersion} to ${range.maxVersion}`;
      throw new KafkaFault(
        `Cannot use broker ${this.#address}: it offers ${api.name} in version ${offered}, ` +
          `we need ${api.version}; Apache Kafka 2.4 or newer has all`,
        { kind: "unsupported" },
      );
    }
  }

  #watch(correlationId: number, timeoutMs: number): void {
    this.#deadlines.set(correlationId, this.#clock.monotonicMs() + timeoutMs);
    this.#cancelWake ??= this.#clock.wakeAfter(
      Math.min(timeoutMs, DEADLINE_CHECK_MS),
      () => this.#checkDeadlines(),
    );
  }

  #checkDeadlines(): void {
    this.#cancelWake = null;
    if (this.#deadlines.size === 0) return;
    const now = this.#clock.monotonicMs();
    for (const deadline of this.#deadlines.values()) {
      if (deadline > now) continue;
      this.#end(this.#timeoutFault("a response"));
      return;
    }
    this.#cancelWake = this.#clock.wakeAfter(DEADLINE_CHECK_MS, () => this.#checkDeadlines());
  }

  #end(fault: KafkaFault): void {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    const wasIdle = this.#deadlines.size === 0;
    this.#state = "closed";
    this.#fault = fault;
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#raw.socket?.destroy();
    this.#failOpening?.(fault);
    this.#raw.rejectAll(fault);
    if (wasOpen) this.#onClosed(fault, wasIdle);
  }

  #timeoutFault(what: string): KafkaFault {
    return new KafkaFault(`No answer from broker ${this.#address} in time: ${what}`, {
      kind: "timeout",
    });
  }

  #brokenFault(reason: string, cause?: unknown): KafkaFault {
    const text = this.#state === "opening"
      ? `Cannot connect to broker ${this.#address}: ${reason}`
      : `Connection to broker ${this.#address} broke: ${reason}`;
    return new KafkaFault(text, { kind: "unreachable", cause });
  }

  #closedFault(): KafkaFault {
    return new KafkaFault(`Connection to broker ${this.#address} was closed by us`, {
      kind: "closed",
    });
  }

  #faultOf(error: unknown): KafkaFault {
    if (error instanceof KafkaFault) return error;
    if (this.#isRefusedLogin(error)) {
      return new KafkaFault(
        `Broker ${this.#address} refuses the login: ${messageOf(error)}`,
        { kind: "authentication", cause: error },
      );
    }
    return this.#brokenFault(messageOf(error), error);
  }

  /** A login that failed because the connection broke on the way is not a refusal. */
  #isRefusedLogin(error: unknown): boolean {
    if (typeof error !== "object" || error === null || this.#state === "closed") return false;
    return (error as { name?: string }).name === "KafkaJSSASLAuthenticationError";
  }
}

export interface KafkaConnectionOptions {
  readonly dialer: KafkajsDialer;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  /**
   * Called once when a connection that was open ends, after its requests have. Brokers close
   * connections that were idle for ten minutes: nothing was lost with one.
   */
  readonly onClosed: (fault: KafkaFault, wasIdle: boolean) => void;
  /** Hands out the connection before it is open, so that it can be closed while it dials. */
  readonly onOpening?: (connection: KafkaConnection) => void;
}

export type AnswerListener = (fault: KafkaFault | null, payload: Uint8Array) => void;

const NO_BYTES = new Uint8Array(0);

/** Deadlines are tens of seconds; looking once a second costs nothing and is exact enough. */
const DEADLINE_CHECK_MS = 1_000;

function isProtocolError(error: unknown): boolean {
  return typeof error === "object" && error !== null &&
    (error as { name?: string }).name === "KafkaJSProtocolError";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
