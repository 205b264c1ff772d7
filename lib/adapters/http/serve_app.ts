import { setImmediate } from "node:timers";
import type { Hono } from "hono";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { type ByteConnection, type ConnectionDeps, HttpConnection } from "./http_connection.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http_limits.ts";
import { HttpServerError, type ListenAddress } from "./listen_address.ts";

export interface ServeOptions {
  readonly address: ListenAddress;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: HttpLimits;
  /** For tests. */
  readonly listen?: (address: ListenAddress) => ConnectionListener;
}

/** As of a `Deno.TcpListener`. */
export interface ConnectionListener {
  readonly addr: { readonly port: number };
  accept(): Promise<ByteConnection>;
  close(): void;
}

export interface HttpServer {
  readonly hostname: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /**
   * Takes no new connections, lets open requests end for at most `timeoutMs`, then cuts them off.
   * Calling it again gives the same promise.
   */
  close(timeoutMs: number): Promise<void>;
}

/**
 * Serves the app over HTTP/1.1. Neither server of Deno is used: `Deno.serve` has no limits at all,
 * and `node:http` had none either before Deno 2.9, where a thousand connections (or whatever the
 * limit on open files is) ended the process.
 *
 * @throws HttpServerError
 */
export function serveApp(app: Hono, options: ServeOptions): HttpServer {
  const { address, listen = listenTcp } = options;
  let listener: ConnectionListener;
  try {
    listener = listen(address);
  } catch (error) {
    const inUse = error instanceof Deno.errors.AddrInUse;
    const reason = inUse ? "the port is in use" : error instanceof Error ? error.message : error;
    throw new HttpServerError(
      `Cannot serve HTTP on ${address.hostname}:${address.port}: ${reason}`,
      { code: inUse ? "address_in_use" : "other", cause: error },
    );
  }
  const connections = new Connections(listener, app, options);
  void connections.acceptAll();
  let closing: Promise<void> | null = null;
  return {
    hostname: address.hostname,
    port: listener.addr.port,
    close: (timeoutMs) => closing ??= connections.close(timeoutMs),
  };
}

function listenTcp({ hostname, port }: ListenAddress): ConnectionListener {
  return Deno.listen({ hostname, port, tcpBacklog: BACKLOG });
}

/** All that are open, never more than the limit, and what is left of those that were closed. */
class Connections {
  readonly #listener: ConnectionListener;
  readonly #deps: ConnectionDeps;
  readonly #limits: HttpLimits;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open = new Set<HttpConnection>();
  /**
   * Closed, and not ended yet. Mostly for a moment; before Deno 2.9 a write that a client does not
   * take is not ended by closing, and holds its file until the client goes.
   */
  readonly #ending = new Set<HttpConnection>();
  #isClosing = false;
  #cancelSweep = (): void => {};
  #onNoneOpen = (): void => {};

  constructor(listener: ConnectionListener, app: Hono, options: ServeOptions) {
    const { clock, log, limits = HTTP_LIMITS } = options;
    this.#listener = listener;
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    this.#deps = { answer: (request) => app.fetch(request), limits, clock };
    this.#sweepLater();
  }

  /** Never rejects, and ends only when the listener is closed. */
  async acceptAll(): Promise<void> {
    for (let accepted = 1; !this.#isClosing; accepted++) {
      // What waits in the backlog is accepted without a turn of the event loop: in a flood, a client
      // that sent its request at once would be closed for idling before anybody had read it.
      if (accepted % ACCEPTS_A_TURN === 0) await new Promise<void>((done) => setImmediate(done));
      try {
        const connection = await this.#listener.accept();
        if (this.#makeRoom()) this.#serve(connection);
        else connection.close();
      } catch (error) {
        if (this.#isClosing) return;
        // A client that is gone again, or no file is left to open: the next one may do better.
        const message = "an HTTP connection could not be taken";
        this.#log.warn(message, { error }, { everyMs: LOG_EVERY_MS });
        await new Promise<void>((resolve) => this.#clock.wakeAfter(ACCEPT_PAUSE_MS, resolve));
      }
    }
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    this.#listener.close();
    this.#cancelSweep();
    for (const connection of this.#open) connection.finish();
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.wakeAfter(timeoutMs, () => {
        for (const connection of this.#open) connection.close();
        resolve();
      });
      this.#onNoneOpen = () => {
        cancel();
        resolve();
      };
    });
  }

  #serve(connection: ByteConnection): void {
    const served = new HttpConnection(connection, this.#deps);
    this.#open.add(served);
    void served.serve().then(() => {
      this.#open.delete(served);
      this.#ending.delete(served);
      if (this.#open.size === 0) this.#onNoneOpen();
    });
  }

  /**
   * At the limit the connection goes whose client has kept us waiting longest, so that who holds
   * connections open keeps nobody out; false when we are at work for all of them, or those that
   * were closed do not end.
   */
  #makeRoom(): boolean {
    if (this.#open.size < this.#limits.connectionsMax) return true;
    this.#log.warn("HTTP connections are at their limit: the one that idles longest is closed", {
      limit: this.#limits.connectionsMax,
    }, { everyMs: LOG_EVERY_MS });
    let longest: HttpConnection | null = null;
    for (const connection of this.#open) {
      const sinceMs = connection.waitingSinceMs;
      if (sinceMs !== null && sinceMs < (longest?.waitingSinceMs ?? Infinity)) longest = connection;
    }
    if (longest === null || this.#ending.size >= this.#limits.connectionsMax) return false;
    longest.close();
    this.#open.delete(longest);
    this.#ending.add(longest);
    return true;
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#clock.wakeAfter(this.#limits.timeoutCheckMs, () => {
      const nowMs = this.#clock.monotonicMs();
      for (const connection of this.#open) {
        if (connection.deadlineMs <= nowMs) connection.expire();
      }
      this.#sweepLater();
    });
  }
}

/**
 * Connections that wait to be accepted; one that finds no place tries again a second later, at best.
 * All of these are taken within half a second. The system may allow fewer.
 */
const BACKLOG = 4_096;
/**
 * While there is work the runtime looks at sockets only every 61 turns, so in that time about half
 * of the connections may be new ones. With 8 a turn one in thirty requests got no answer in a flood.
 */
const ACCEPTS_A_TURN = 2;
/** Also how long a full table of open files is left to empty. */
const ACCEPT_PAUSE_MS = 100;
const LOG_EVERY_MS = 10_000;
