import type { Clock } from "../../ports/clock.ts";
import type { KafkaApi } from "./kafka_api.ts";
import { type AnswerListener, KafkaConnection } from "./kafka_connection.ts";
import { KafkaFault } from "./kafka_fault.ts";
import type { KafkajsDialer, StockProduceRequest } from "./kafkajs_internals.ts";

/**
 * A queue of requests to one broker, in order, over whatever connection there is: it dials when
 * something is to be sent, waits out throttling and a new login, and dials again after a break.
 *
 * A broker works on one request of a connection at a time, so a long poll blocks what is behind it:
 * each kind of traffic has a lane of its own. Nothing is sent twice by a lane: what was in flight or
 * queued when a connection broke ends with the fault, in order.
 */
export class KafkaLane {
  readonly #options: KafkaLaneOptions;
  #connection: KafkaConnection | null = null;
  #opening: KafkaConnection | null = null;
  #waiting: WaitingRequest[] = [];
  #dialing = false;
  #authenticating = false;
  #failedDials = 0;
  /** Monotonic instants before which we neither dial nor send. */
  #dialNotBeforeMs = 0;
  #sendNotBeforeMs = 0;
  #cancelWake: (() => void) | null = null;
  #closed = false;

  constructor(options: KafkaLaneOptions) {
    this.#options = options;
  }

  /** Whether a request would be written to a socket at once. */
  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /** Like `KafkaConnection.send`; the deadline counts from when the request is written. */
  send(api: KafkaApi, frame: Uint8Array, timeoutMs: number, onAnswer: AnswerListener): void {
    if (this.#closed) {
      queueMicrotask(() => onAnswer(this.#closedFault(), new Uint8Array(0)));
      return;
    }
    const connection = this.#connection;
    if (connection !== null && this.#waiting.length === 0 && this.#maySend(connection)) {
      connection.send(api, frame, timeoutMs, onAnswer);
      return;
    }
    this.#waiting.push({ api, frame, timeoutMs, onAnswer });
    this.#flush();
  }

  /** A produce request encoded by kafkajs; waits for a connection, not for what is queued. */
  async produceStock(request: StockProduceRequest, timeoutMs: number): Promise<unknown> {
    if (this.#connection === null) await this.#connected();
    const connection = this.#connection;
    if (connection === null) throw this.#closedFault();
    return await connection.produceStock(request, timeoutMs);
  }

  /** The broker asked for a pause: nothing is sent for so long. */
  throttle(pauseMs: number): void {
    if (pauseMs <= 0) return;
    const until = this.#options.clock.monotonicMs() + pauseMs;
    this.#sendNotBeforeMs = Math.max(this.#sendNotBeforeMs, until);
  }

  /** A dial that fails is not repeated before a pause that grows; a success ends it. */
  succeeded(): void {
    this.#failedDials = 0;
  }

  /** Gives the connection up because its answers make no sense; the next request dials anew. */
  abandon(fault: KafkaFault): void {
    this.#connection?.abandon(fault);
  }

  /** Ends the connection and everything queued. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#opening?.close();
    this.#connection?.close();
    this.#failWaiting(this.#closedFault());
    this.#settleConnected();
  }

  #maySend(connection: KafkaConnection): boolean {
    if (this.#authenticating || !connection.isOpen || connection.needsAuthentication) return false;
    return this.#sendNotBeforeMs === 0 ||
      this.#sendNotBeforeMs <= this.#options.clock.monotonicMs();
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#closed) return;
    const connection = this.#connection;
    if (connection === null) {
      this.#dial();
      return;
    }
    if (this.#authenticating) return;
    if (connection.needsAuthentication) {
      this.#authenticate(connection);
      return;
    }
    const pauseMs = this.#sendNotBeforeMs - this.#options.clock.monotonicMs();
    if (pauseMs > 0) {
      this.#cancelWake ??= this.#options.clock.wakeAfter(pauseMs, () => {
        this.#cancelWake = null;
        this.#flush();
      });
      return;
    }
    this.#sendNotBeforeMs = 0;
    const requests = this.#waiting;
    this.#waiting = [];
    for (const { api, frame, timeoutMs, onAnswer } of requests) {
      connection.send(api, frame, timeoutMs, onAnswer);
    }
  }

  #dial(): void {
    if (this.#dialing) return;
    this.#dialing = true;
    const { clock, dialer, host, port, connectTimeoutMs } = this.#options;
    // While there is no connection nothing else waits for a wake.
    this.#cancelWake?.();
    const pauseMs = Math.max(0, this.#dialNotBeforeMs - clock.monotonicMs());
    this.#cancelWake = clock.wakeAfter(pauseMs, () => {
      this.#cancelWake = null;
      KafkaConnection.open({
        dialer,
        clock,
        host,
        port,
        connectTimeoutMs,
        onClosed: (fault, wasIdle) => this.#lost(fault, wasIdle),
        onOpening: (connection) => this.#opening = connection,
      }).then(
        (connection) => this.#dialed(connection),
        (error: unknown) => this.#dialFailed(asFault(error)),
      );
    });
  }

  #dialed(connection: KafkaConnection): void {
    this.#dialing = false;
    this.#opening = null;
    if (this.#closed || !connection.isOpen) {
      connection.close();
      this.#failWaiting(connection.fault ?? this.#closedFault());
      return;
    }
    this.#connection = connection;
    this.#sendNotBeforeMs = 0;
    this.#options.onState(null);
    this.#flush();
    this.#settleConnected();
  }

  #dialFailed(fault: KafkaFault): void {
    this.#dialing = false;
    this.#opening = null;
    this.#failedDials += 1;
    const pauseMs = Math.min(DIAL_PAUSE_MAX_MS, DIAL_PAUSE_MS * 2 ** (this.#failedDials - 1));
    // Spread, so that many instances do not all knock at a broker that has just come up.
    this.#dialNotBeforeMs = this.#options.clock.monotonicMs() +
      pauseMs * (0.75 + Math.random() / 2);
    if (!this.#closed) this.#options.onState(fault);
    this.#failWaiting(fault);
    this.#settleConnected();
  }

  #lost(fault: KafkaFault, wasIdle: boolean): void {
    this.#connection = null;
    this.#authenticating = false;
    if (!this.#closed && !wasIdle) this.#options.onState(fault);
    this.#failWaiting(fault);
  }

  #authenticate(connection: KafkaConnection): void {
    this.#authenticating = true;
    connection.reauthenticate(this.#options.connectTimeoutMs).then(
      () => {
        this.#authenticating = false;
        this.#flush();
      },
      // The connection is closed by now, and #lost has done the rest.
      () => {},
    );
  }

  #connectedListeners: (() => void)[] = [];

  async #connected(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#connectedListeners.push(resolve);
      this.#dial();
    });
  }

  #settleConnected(): void {
    const listeners = this.#connectedListeners;
    this.#connectedListeners = [];
    for (const listener of listeners) listener();
  }

  #failWaiting(fault: KafkaFault): void {
    const requests = this.#waiting;
    this.#waiting = [];
    for (const { onAnswer } of requests) onAnswer(fault, new Uint8Array(0));
  }

  #closedFault(): KafkaFault {
    const { host, port } = this.#options;
    return new KafkaFault(`Connection to broker ${host}:${port} was closed by us`, {
      kind: "closed",
    });
  }
}

export interface KafkaLaneOptions {
  readonly dialer: KafkajsDialer;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  /** Called with null when a connection stands, with the fault when one broke or failed. */
  readonly onState: (fault: KafkaFault | null) => void;
}

interface WaitingRequest {
  readonly api: KafkaApi;
  readonly frame: Uint8Array;
  readonly timeoutMs: number;
  readonly onAnswer: AnswerListener;
}

const DIAL_PAUSE_MS = 50;
const DIAL_PAUSE_MAX_MS = 2_000;

function asFault(error: unknown): KafkaFault {
  if (error instanceof KafkaFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new KafkaFault(message, { kind: "unreachable", cause: error });
}
