import type { Clock } from "../../ports/clock.ts";
import { ConnectionInput, type InputSource } from "./connection_input.ts";
import type { HttpLimits } from "./http_limits.ts";
import { RequestBody } from "./request_body.ts";
import {
  BadRequestError,
  findHeadEnd,
  parseRequestHead,
  type RequestHead,
} from "./request_head.ts";
import { refusalBytes, responseBytes } from "./response_bytes.ts";

/** As of a `Deno.Conn`. */
export interface ByteConnection extends InputSource {
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

export interface ConnectionDeps {
  readonly answer: (request: Request) => Response | Promise<Response>;
  readonly limits: HttpLimits;
  readonly clock: Clock;
}

/**
 * ```
 *   idle ──first byte──► head ──► handling ──answer──► writing ──► idle, or closing ──► closed
 *     │                   │           │
 *     └──deadline: closed └─deadline──┴──► 408, closing
 * ```
 */
type Phase = "idle" | "head" | "handling" | "writing" | "closing" | "closed";

/**
 * One connection and its requests, one after the other. It has no timer: whoever holds it calls
 * `expire` once its `deadlineMs` is over.
 */
export class HttpConnection {
  readonly #connection: ByteConnection;
  readonly #deps: ConnectionDeps;
  readonly #input: ConnectionInput;
  #phase: Phase = "idle";
  #phaseSinceMs: number;
  #deadlineMs: number;
  #isLast = false;

  constructor(connection: ByteConnection, deps: ConnectionDeps) {
    this.#connection = connection;
    this.#deps = deps;
    this.#input = new ConnectionInput(connection, deps.limits.headerBytesMax);
    this.#phaseSinceMs = deps.clock.monotonicMs();
    this.#deadlineMs = this.#phaseSinceMs + deps.limits.keepAliveTimeoutMs;
  }

  /** Monotonic. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Since when it waits for its client, monotonic; null while it is we who work. */
  get waitingSinceMs(): number | null {
    return this.#isIn("handling") ? null : this.#phaseSinceMs;
  }

  /** Resolves when it is closed; never rejects. */
  async serve(): Promise<void> {
    try {
      while (await this.#exchange());
      if (this.#isIn("closing")) await this.#linger();
    } catch {
      // Broken by the client, or closed by us while it was waited for.
    } finally {
      this.close();
    }
  }

  /** Its deadline is over. */
  expire(): void {
    const isRequestOpen = this.#isIn("head") || this.#isIn("handling");
    if (!isRequestOpen) return this.close();
    // Who waits for bytes of it goes on waiting, for a while, and finds the phase changed.
    void this.#refuse(408, "The request took too long to arrive")
      .then(() => this.#connection.closeWrite())
      .catch(() => this.close());
  }

  /** No request after the one that is open; at once if none is. */
  finish(): void {
    this.#isLast = true;
    if (this.#isIn("idle") || this.#isIn("head")) this.close();
  }

  close(): void {
    if (this.#isIn("closed")) return;
    this.#phase = "closed";
    this.#deadlineMs = Infinity;
    try {
      this.#connection.close();
    } catch {
      // The client has closed it.
    }
  }

  /** One request and its answer; false when there will be no other. */
  async #exchange(): Promise<boolean> {
    const { limits, clock } = this.#deps;
    if (this.#isLast) return false;
    this.#enter("idle", limits.keepAliveTimeoutMs);
    if (this.#input.length === 0 && !await this.#input.fill()) return false;
    const sinceMs = clock.monotonicMs();
    this.#enter("head", limits.headersTimeoutMs);
    let head: RequestHead;
    let request: Request;
    let body: RequestBody;
    try {
      const bytes = await this.#head();
      if (bytes === null || !this.#isIn("head")) return false;
      head = parseRequestHead(bytes);
      body = new RequestBody(this.#input, head.body);
      request = this.#request(head, body);
    } catch (error) {
      if (!(error instanceof BadRequestError) || !this.#isIn("head")) throw error;
      await this.#refuse(error.status, error.message);
      return false;
    }
    this.#enter("handling", sinceMs + limits.requestTimeoutMs - clock.monotonicMs());
    if (body.isWhole) this.#deadlineMs = Infinity;
    const response = await this.#deps.answer(request);
    if (!this.#isIn("handling")) return false;
    // What is left of a body is not worth reading.
    const keepsAlive = head.keepsAlive && body.isWhole && !this.#isLast &&
      response.headers.get("connection") !== "close";
    await this.#write(response, { keepsAlive, hasBody: head.method !== "HEAD" });
    // Nothing is unread, so nothing keeps the answer from arriving.
    if (!keepsAlive && body.isWhole && this.#input.length === 0) this.close();
    return keepsAlive;
  }

  /** The bytes of the next head; null when the connection ends before it does. */
  async #head(): Promise<Uint8Array | null> {
    const input = this.#input;
    let scanned = 0;
    // RFC 9112, 2.2: some clients send an empty line after a body.
    while (input.length < 2) if (!await input.fill()) return null;
    if (input.bytes[input.from] === 0x0d && input.bytes[input.from + 1] === 0x0a) input.from += 2;
    while (true) {
      const { bytes, from, to } = input;
      const end = findHeadEnd(bytes, { from, scannedTo: from + scanned, to });
      if (end >= 0) return input.take(end - from);
      scanned = to - from;
      if (input.isFull) throw new BadRequestError(431, "The headers are too large");
      if (!await input.fill()) return null;
    }
  }

  #request(head: RequestHead, body: RequestBody): Request {
    const { method, target, host } = head;
    const headers = head.headers as [string, string][];
    const hasBody = !body.isWhole && method !== "GET" && method !== "HEAD";
    try {
      return new Request(`http://${host}${target}`, {
        method,
        headers,
        ...(hasBody ? { body: this.#stream(head, body), duplex: "half" } : {}),
      } as RequestInit);
    } catch {
      throw new BadRequestError(400, "The host or the target cannot be understood");
    }
  }

  /** The body as it is asked for: what nobody reads is not taken from the connection. */
  #stream(head: RequestHead, body: RequestBody): ReadableStream<Uint8Array> {
    let isAwaited = head.expectsContinue;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (isAwaited) await this.#send(CONTINUE);
        isAwaited = false;
        const piece = await body.next();
        if (!this.#isIn("handling")) throw new ConnectionClosedError("The request is answered");
        if (body.isWhole) this.#deadlineMs = Infinity;
        if (piece === null) controller.close();
        else controller.enqueue(piece);
      },
    }, { highWaterMark: 0 });
  }

  /** The last words on this connection. */
  async #refuse(status: number, detail: string): Promise<void> {
    const { limits, clock } = this.#deps;
    this.#enter("writing", limits.responseTimeoutMs);
    await this.#send(refusalBytes(status, detail, clock.wallMs()));
    this.#enter("closing", limits.lingerMs);
  }

  async #write(
    response: Response,
    options: { readonly keepsAlive: boolean; readonly hasBody: boolean },
  ): Promise<void> {
    const { limits, clock } = this.#deps;
    this.#enter("writing", limits.responseTimeoutMs);
    await this.#send(await responseBytes(response, { ...options, wallMs: clock.wallMs() }));
    if (!options.keepsAlive) this.#enter("closing", limits.lingerMs);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /**
   * Reads on after the last answer until the client has closed too: to close with bytes unread
   * would reset the connection, and the client might never see the answer.
   */
  async #linger(): Promise<void> {
    await this.#connection.closeWrite();
    const input = this.#input;
    for (let bytes = 0; bytes < LINGER_BYTES_MAX; bytes += input.length) {
      input.from = input.to = 0;
      if (!await input.fill()) return;
    }
  }

  /** A method, since it may change while something is awaited. */
  #isIn(phase: Phase): boolean {
    return this.#phase === phase;
  }

  #enter(phase: Phase, timeoutMs: number): void {
    if (this.#isIn("closed")) throw new ConnectionClosedError("The connection is closed");
    this.#phase = phase;
    this.#phaseSinceMs = this.#deps.clock.monotonicMs();
    this.#deadlineMs = this.#phaseSinceMs + timeoutMs;
  }
}

class ConnectionClosedError extends Error {
  override readonly name = "ConnectionClosedError";
}

const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");
/** Of a body that was refused; who sends more gets a reset. */
const LINGER_BYTES_MAX = 1024 * 1024;
