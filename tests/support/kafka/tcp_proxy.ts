/**
 * A TCP proxy before a broker that understands Kafka's framing: it can hold back, swallow or cut
 * a single request or response, chosen by its api key, and freeze or end connections.
 */

import { FrameBuffer } from "./frame_buffer.ts";

export type ProxyDirection = "request" | "response";

export interface ProxiedMessage {
  readonly direction: ProxyDirection;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** Number of the connection, from 0 in the order of their coming. */
  readonly connection: number;
  /** The whole message, its size field first. */
  readonly bytes: Uint8Array;
}

/**
 * What becomes of a message: `pass` it on; `drop` it and keep the connection; `cut`: pass half of
 * its bytes on, then close the connection; `close` the connection instead of passing it on.
 */
export type ProxyVerdict = "pass" | "drop" | "cut" | "close";

export interface ProxyRule {
  readonly direction: ProxyDirection;
  /** Every message of that direction, when left out. */
  readonly apiKey?: number;
  /** How many messages the rule is for, after which it is spent. Default: all. */
  readonly times?: number;
  /**
   * Decides, at once or later. Until then the messages behind on the same connection and in the
   * same direction wait too, as TCP keeps their order.
   */
  readonly decide: (message: ProxiedMessage) => ProxyVerdict | Promise<ProxyVerdict>;
}

export interface ProxyRuleHandle {
  /** How many messages the rule has met. */
  readonly hits: number;
  /** Resolves when the rule meets its next message. */
  nextHit(): Promise<ProxiedMessage>;
  remove(): void;
}

export interface TcpProxy {
  readonly port: number;
  readonly bootstrap: string;
  /** Connections that came so far, and those open now. */
  readonly connectionsTotal: number;
  readonly connectionsOpen: number;
  /** Where new connections lead: `host:port`. To be set before the first one comes. */
  connectTo(target: string): void;
  /** The first rule that fits a message decides; no rule: pass. */
  addRule(rule: ProxyRule): ProxyRuleHandle;
  clearRules(): void;
  /** From now on no byte passes in that direction, on any connection, until `thaw`. */
  freeze(direction: ProxyDirection): void;
  thaw(): void;
  /** Closes every connection. New ones are welcome. */
  closeConnections(): void;
  /** Closes every connection and refuses new ones until `up`. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

/**
 * Starts a proxy on a free port, before its target need exist, so that its port can be the one
 * that the broker advertises:
 *
 * ```ts
 * const proxy = startTcpProxy();
 * const broker = await startBroker({ advertisedPorts: { PLAINTEXT: proxy.port } });
 * proxy.connectTo(broker.bootstrap);
 * ```
 *
 * @param options.opaque do not look at messages (TLS): rules meet nothing then
 */
export function startTcpProxy(
  options: { readonly target?: string; readonly opaque?: boolean } = {},
): TcpProxy {
  const proxy = new KafkaProxy(options.opaque ?? false);
  if (options.target !== undefined) proxy.connectTo(options.target);
  return proxy;
}

class KafkaProxy implements TcpProxy {
  readonly port: number;
  readonly bootstrap: string;
  connectionsTotal = 0;
  readonly #opaque: boolean;
  readonly #open = new Set<ProxiedConnection>();
  readonly #running = new Set<Promise<void>>();
  readonly #frozen = new Map<ProxyDirection, PromiseWithResolvers<void>>();
  #rules: ActiveRule[] = [];
  #listener: Deno.TcpListener | undefined;
  #target: string | undefined;

  constructor(opaque: boolean) {
    this.#opaque = opaque;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.bootstrap = `127.0.0.1:${this.port}`;
    this.#run(this.#accept(this.#listener));
  }

  get connectionsOpen(): number {
    return this.#open.size;
  }

  connectTo(target: string): void {
    this.#target = target;
  }

  addRule(rule: ProxyRule): ProxyRuleHandle {
    const active = new ActiveRule(rule, () => {
      this.#rules = this.#rules.filter((other) => other !== active);
    });
    this.#rules.push(active);
    return active;
  }

  clearRules(): void {
    this.#rules = [];
  }

  freeze(direction: ProxyDirection): void {
    if (!this.#frozen.has(direction)) this.#frozen.set(direction, Promise.withResolvers());
  }

  thaw(): void {
    for (const gate of this.#frozen.values()) gate.resolve();
    this.#frozen.clear();
  }

  closeConnections(): void {
    for (const connection of this.#open) connection.close();
  }

  down(): void {
    this.#listener?.close();
    this.#listener = undefined;
    this.closeConnections();
  }

  up(): void {
    if (this.#listener !== undefined) return;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    this.#run(this.#accept(this.#listener));
  }

  async close(): Promise<void> {
    this.clearRules();
    this.down();
    this.thaw();
    await Promise.all(this.#running);
  }

  /** What becomes of the message; waits while its direction is frozen. */
  async decide(message: ProxiedMessage): Promise<ProxyVerdict> {
    const rule = this.#rules.find((candidate) => candidate.fits(message));
    const verdict = rule === undefined ? "pass" : await rule.meet(message);
    await this.#frozen.get(message.direction)?.promise;
    return verdict;
  }

  async passage(direction: ProxyDirection): Promise<void> {
    await this.#frozen.get(direction)?.promise;
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for (;;) {
      let client: Deno.TcpConn;
      try {
        client = await listener.accept();
      } catch {
        return; // the listener was closed
      }
      this.#run(this.#serve(client));
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const number = this.connectionsTotal++;
    let broker: Deno.TcpConn;
    try {
      const [hostname, port] = (this.#target ?? "").split(":");
      broker = await Deno.connect({ hostname: hostname!, port: Number(port) });
    } catch {
      client.close();
      return;
    }
    if (this.#listener === undefined) {
      client.close();
      broker.close();
      return;
    }
    client.setNoDelay(true);
    broker.setNoDelay(true);
    const connection = new ProxiedConnection(this, number, client, broker);
    this.#open.add(connection);
    await connection.run(this.#opaque);
    this.#open.delete(connection);
  }

  #run(task: Promise<void>): void {
    this.#running.add(task);
    task.finally(() => this.#running.delete(task));
  }
}

class ProxiedConnection {
  readonly #proxy: KafkaProxy;
  readonly #number: number;
  readonly #client: Deno.TcpConn;
  readonly #broker: Deno.TcpConn;
  readonly #pending = new Map<number, { readonly apiKey: number; readonly apiVersion: number }>();
  readonly #closing = Promise.withResolvers<"close">();
  #closed = false;

  constructor(proxy: KafkaProxy, number: number, client: Deno.TcpConn, broker: Deno.TcpConn) {
    this.#proxy = proxy;
    this.#number = number;
    this.#client = client;
    this.#broker = broker;
  }

  async run(opaque: boolean): Promise<void> {
    await Promise.all(
      opaque
        ? [
          this.#pumpBytes(this.#client, this.#broker, "request"),
          this.#pumpBytes(this.#broker, this.#client, "response"),
        ]
        : [
          this.#pumpMessages(this.#client, this.#broker, "request"),
          this.#pumpMessages(this.#broker, this.#client, "response"),
        ],
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.resolve("close");
    this.#client.close();
    this.#broker.close();
  }

  async #pumpBytes(from: Deno.TcpConn, to: Deno.TcpConn, direction: ProxyDirection): Promise<void> {
    const chunk = new Uint8Array(65_536);
    try {
      for (let count = await from.read(chunk); count !== null; count = await from.read(chunk)) {
        await Promise.race([this.#proxy.passage(direction), this.#closing.promise]);
        await writeAll(to, chunk.subarray(0, count));
      }
    } catch {
      // One side is gone: so is the other, below.
    }
    this.close();
  }

  async #pumpMessages(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    direction: ProxyDirection,
  ): Promise<void> {
    const frames = new FrameBuffer();
    const chunk = new Uint8Array(65_536);
    try {
      for (let count = await from.read(chunk); count !== null; count = await from.read(chunk)) {
        frames.add(chunk.subarray(0, count));
        for (let frame = frames.take(); frame !== undefined; frame = frames.take()) {
          const message = this.#messageOf(frame, direction);
          const verdict = await Promise.race([this.#proxy.decide(message), this.#closing.promise]);
          if (verdict === "drop") continue;
          if (verdict === "close") return this.close();
          if (verdict === "cut") {
            await writeAll(to, frame.subarray(0, frame.length >>> 1));
            return this.close();
          }
          await writeAll(to, frame);
        }
      }
    } catch {
      // As above.
    }
    this.close();
  }

  #messageOf(bytes: Uint8Array, direction: ProxyDirection): ProxiedMessage {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (direction === "request") {
      const request = { apiKey: view.getInt16(4), apiVersion: view.getInt16(6) };
      const correlationId = view.getInt32(8);
      this.#pending.set(correlationId, request);
      return { ...request, direction, correlationId, connection: this.#number, bytes };
    }
    const correlationId = view.getInt32(4);
    const request = this.#pending.get(correlationId) ?? { apiKey: -1, apiVersion: -1 };
    this.#pending.delete(correlationId);
    return { ...request, direction, correlationId, connection: this.#number, bytes };
  }
}

class ActiveRule implements ProxyRuleHandle {
  hits = 0;
  readonly #rule: ProxyRule;
  readonly #remove: () => void;
  #waiting: ((message: ProxiedMessage) => void)[] = [];

  constructor(rule: ProxyRule, remove: () => void) {
    this.#rule = rule;
    this.#remove = remove;
  }

  fits(message: ProxiedMessage): boolean {
    const { direction, apiKey, times = Infinity } = this.#rule;
    return message.direction === direction && this.hits < times &&
      (apiKey === undefined || apiKey === message.apiKey);
  }

  async meet(message: ProxiedMessage): Promise<ProxyVerdict> {
    this.hits++;
    for (const resolve of this.#waiting.splice(0)) resolve(message);
    return await this.#rule.decide(message);
  }

  nextHit(): Promise<ProxiedMessage> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  remove(): void {
    this.#remove();
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}
