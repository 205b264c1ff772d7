/**
 * A broker that says what a test wants: one node on loopback that speaks the requests of the
 * adapters, with an answer of the test's own for some of them. For what a real broker does not do on
 * demand: errors, pauses, nonsense.
 */

import { KAFKA_API } from "../../../lib/adapters/kafka/kafka_api.ts";
import { FrameBuffer } from "../../support/kafka/frame_buffer.ts";
import { WireReader, WireWriter } from "../../support/kafka/wire_bytes.ts";

export interface ScriptedRequest {
  readonly apiKey: number;
  readonly connection: number;
  /** At the body, after the header. */
  readonly body: WireReader;
}

/** The body of the answer; null: none, ever; "close": the end of the connection instead. */
export type ScriptedAnswer = Uint8Array | null | "close";
export type ScriptedHandler = (request: ScriptedRequest) => ScriptedAnswer;

export class ScriptedBroker implements AsyncDisposable {
  readonly handlers = new Map<number, ScriptedHandler>();
  readonly requests: number[] = [];
  /** Partitions of each topic; a leader of -1 means none. */
  topics: Record<string, readonly number[]> = {};
  /** The other brokers of its cluster, as metadata tells. */
  peers: readonly ScriptedBroker[] = [];
  readonly nodeId: number;
  /** What ApiVersions tells about Fetch. */
  fetchVersionMax = 11;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];
  #count = 0;

  constructor(nodeId = NODE_ID) {
    this.nodeId = nodeId;
    this.#running.push(this.#accept());
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  countOf(apiKey: number): number {
    return this.requests.filter((key) => key === apiKey).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let connection: Deno.TcpConn;
      try {
        connection = await this.#listener.accept();
      } catch {
        return;
      }
      this.#connections.add(connection);
      this.#running.push(this.#serve(connection, this.#count++));
    }
  }

  async #serve(connection: Deno.TcpConn, number: number): Promise<void> {
    const frames = new FrameBuffer();
    const chunk = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await connection.read(chunk);
        if (count === null) break;
        frames.add(chunk.subarray(0, count));
        for (let frame = frames.take(); frame !== undefined; frame = frames.take()) {
          const answer = this.#answer(frame, number);
          if (answer === "close") throw new Error("closed by script");
          if (answer !== null) await writeAll(connection, answer);
        }
      }
    } catch {
      // The client went away, or the script says so.
    }
    if (this.#connections.delete(connection)) connection.close();
  }

  #answer(frame: Uint8Array, connection: number): ScriptedAnswer {
    const body = new WireReader(frame);
    body.int32(); // size
    const apiKey = body.int16();
    body.int16(); // version
    const correlationId = body.int32();
    body.string(); // client id
    this.requests.push(apiKey);
    const handler = this.handlers.get(apiKey);
    const answer = handler === undefined
      ? this.#usual(apiKey)
      : handler({ apiKey, connection, body });
    if (!(answer instanceof Uint8Array)) return answer;
    return new WireWriter().int32(answer.length + 4).int32(correlationId).raw(answer).done();
  }

  #usual(apiKey: number): ScriptedAnswer {
    if (apiKey === API_VERSIONS) return this.#apiVersions();
    if (apiKey === KAFKA_API.metadata.key) return this.#metadata();
    return "close";
  }

  #apiVersions(): Uint8Array {
    const apis = Object.values(KAFKA_API);
    return new WireWriter().int16(0).array(apis, (w, { key, version }) => {
      w.int16(key).int16(0).int16(key === KAFKA_API.fetch.key ? this.fetchVersionMax : version);
    }).int32(0).done();
  }

  #metadata(): Uint8Array {
    const writer = new WireWriter().int32(0).array([this, ...this.peers], (w, broker) => {
      w.int32(broker.nodeId).string("127.0.0.1").int32(broker.#listener.addr.port).string(null);
    });
    writer.string("scripted").int32(this.nodeId);
    return writer.array(Object.entries(this.topics), (w, [name, leaders]) => {
      w.int16(leaders.length === 0 ? 3 : 0).string(name).int8(0);
      w.array([...leaders.entries()], (w, [partition, leader]) => {
        w.int16(leader === -1 ? 5 : 0).int32(partition).int32(leader);
        w.int32(1).int32(this.nodeId).int32(1).int32(this.nodeId).int32(0);
      });
    }).done();
  }
}

export const NODE_ID = 5;
const API_VERSIONS = 18;

/** A fetch answer for one partition of one topic. */
export function fetchAnswer(topic: string, partition: {
  readonly partition: number;
  readonly errorCode?: number;
  readonly end?: number;
  readonly records?: Uint8Array;
  readonly throttleMs?: number;
}): Uint8Array {
  const { end = 0, records = new Uint8Array(0) } = partition;
  return new WireWriter().int32(partition.throttleMs ?? 0).int16(0).int32(0)
    .int32(1).string(topic).int32(1)
    .int32(partition.partition).int16(partition.errorCode ?? 0).int64(end).int64(end).int64(0)
    .int32(0).int32(-1).bytes(records).done();
}

/** A produce answer for partitions of one topic. */
export function produceAnswer(
  topic: string,
  answers: readonly { partition: number; errorCode?: number; baseOffset?: number }[],
  throttleMs = 0,
): Uint8Array {
  return new WireWriter().int32(1).string(topic).array(answers, (w, answer) => {
    w.int32(answer.partition).int16(answer.errorCode ?? 0).int64(answer.baseOffset ?? -1);
    w.int64(-1).int64(0);
  }).int32(throttleMs).done();
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}
