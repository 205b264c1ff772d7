/**
 * A plain connection to a broker that speaks single requests: what tests use to look at a broker
 * without the client that is under test, and without timers or sockets that outlive the test.
 */

import { WireReader, WireWriter } from "./wire_bytes.ts";

/** Numbers of the requests in Kafka's protocol. */
export const ApiKey = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  saslHandshake: 17,
  apiVersions: 18,
  createTopics: 19,
  deleteTopics: 20,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  endTxn: 26,
  saslAuthenticate: 36,
} as const;

export class WireClient implements AsyncDisposable {
  readonly #connection: Deno.TcpConn;
  #correlationId = 0;
  #closed = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** @param bootstrap `host:port` of a PLAINTEXT listener. */
  static async connect(bootstrap: string): Promise<WireClient> {
    const [hostname, port] = bootstrap.split(":");
    return new WireClient(await Deno.connect({ hostname: hostname!, port: Number(port) }));
  }

  /** Sends a request of a version that is not flexible; resolves with the body of the answer. */
  async request(apiKey: number, version: number, body: Uint8Array): Promise<WireReader> {
    const id = ++this.#correlationId;
    const message = new WireWriter().int16(apiKey).int16(version).int32(id)
      .string("sessionwheel-test").raw(body).done();
    await this.#write(new WireWriter().bytes(message).done());
    const size = new WireReader(await this.#read(4)).int32();
    const reader = new WireReader(await this.#read(size));
    const answered = reader.int32();
    if (answered !== id) throw new Error(`Answer to request ${answered}, expected ${id}`);
    return reader;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let received = 0; received < length;) {
      const count = await this.#connection.read(bytes.subarray(received));
      if (count === null) throw new Error("The broker closed the connection");
      received += count;
    }
    return bytes;
  }
}

/** Whether the broker answers a Metadata request and names a broker as alive. */
export async function answersMetadata(bootstrap: string): Promise<boolean> {
  let client: WireClient;
  try {
    client = await WireClient.connect(bootstrap);
  } catch {
    return false;
  }
  // A broker that accepts but does not answer yet must not hold us up.
  const timer = setTimeout(() => client.close(), 2000);
  try {
    const body = new WireWriter().int32(0).int8(0).done();
    const response = await client.request(ApiKey.metadata, 4, body);
    response.int32(); // throttle time
    return response.int32() > 0;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    client.close();
  }
}
