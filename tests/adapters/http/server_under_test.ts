import { delay } from "@std/async";
import type { Hono } from "hono";
import { HTTP_LIMITS, type HttpLimits } from "../../../lib/adapters/http/http_limits.ts";
import { parseListenAddress } from "../../../lib/adapters/http/listen_address.ts";
import {
  type ConnectionListener,
  type HttpServer,
  serveApp,
} from "../../../lib/adapters/http/serve_app.ts";
import type { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import { createLogger } from "../../../lib/telemetry/logger.ts";
import { FakeIngestEngine } from "../../support/fake_engine.ts";
import { appUnderTest } from "./app_under_test.ts";

export interface ServerUnderTest extends AsyncDisposable {
  readonly server: HttpServer;
  readonly port: number;
  readonly engine: FakeIngestEngine;
  readonly clock: ManualClock;
  readonly logLines: string[];
}

export interface ServerUnderTestOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly token?: string;
  readonly app?: Hono;
  readonly listen?: () => ConnectionListener;
}

/** The real server on a port of its own, with a fake engine and a clock that stands still. */
export function serverUnderTest(options: ServerUnderTestOptions = {}): ServerUnderTest {
  const { limits = {}, token } = options;
  const under = appUnderTest(
    { limits, ...(token === undefined ? {} : { token }) },
    FakeIngestEngine,
  );
  const logLines: string[] = [];
  const server = serveApp(options.app ?? under.app, {
    address: parseListenAddress("127.0.0.1:0"),
    clock: under.clock,
    log: createLogger({
      level: "info",
      format: "json",
      write: (line) => logLines.push(line),
      wallMs: () => under.clock.wallMs(),
    }),
    limits: { ...HTTP_LIMITS, ...limits },
    ...(options.listen === undefined ? {} : { listen: options.listen }),
  });
  return {
    server,
    port: server.port,
    engine: under.engine,
    clock: under.clock,
    logLines,
    async [Symbol.asyncDispose]() {
      const closed = server.close(0);
      under.clock.advance(1);
      await closed;
    },
  };
}

/** A client that sends bytes as they are, and keeps what it is sent. */
export class RawClient {
  /** Resolves at the end of the connection, however it ends. */
  readonly closed: Promise<void>;
  readonly #connection: Deno.TcpConn;
  #received = "";
  #isClosed = false;

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.closed = this.#read();
  }

  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Of each answer, in their order. */
  get statuses(): number[] {
    const lines = this.#received.matchAll(/HTTP\/1\.1 (\d{3}) /g);
    return Array.from(lines, ([, status]) => Number(status));
  }

  /** What the server no longer takes is no error. */
  async send(...parts: (string | Uint8Array)[]): Promise<void> {
    try {
      for (const part of parts) {
        const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
        for (let sent = 0; sent < bytes.length;) {
          sent += await this.#connection.write(bytes.subarray(sent));
        }
      }
    } catch {
      await this.closed;
    }
  }

  /** Sends no more and goes on reading. */
  async finish(): Promise<void> {
    await this.#connection.closeWrite().catch(() => {});
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // At its end it closes itself.
    }
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await delay(1);
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    const decoder = new TextDecoder();
    try {
      while (true) {
        const length = await this.#connection.read(buffer);
        if (length === null) break;
        this.#received += decoder.decode(buffer.subarray(0, length), { stream: true });
      }
    } catch {
      // A reset is an end as well.
    }
    this.#isClosed = true;
    this.close();
  }
}

/** Sends the parts and reads until the server closes the connection. */
export async function exchange(port: number, ...parts: (string | Uint8Array)[]): Promise<string> {
  const client = await RawClient.connect(port);
  await client.send(...parts);
  await client.closed;
  return client.received;
}

/**
 * Lets a second pass, and again, until the server has closed the connection.
 *
 * @returns how many passed
 */
export async function secondsUntilClosed(
  clock: ManualClock,
  client: RawClient,
  onSecond: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  let seconds = 0;
  while (!client.isClosed) {
    clock.advance(1_000);
    seconds++;
    await onSecond();
    await delay(5);
  }
  return seconds;
}

export const GET_LIVEZ = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
