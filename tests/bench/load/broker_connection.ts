/**
 * A plain connection to one broker that never waits: requests go out in order as fast as the
 * socket takes them, answers come to a listener in the same order.
 *
 * It writes at once when nothing is under way, in the caller's turn, so that a paced sender is as
 * punctual as its caller.
 */
export class BrokerConnection {
  readonly #connection: Deno.TcpConn;
  readonly #onAnswer: (answer: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing = false;
  #closed = false;
  #buffer = new Uint8Array(1 << 18);
  /** Fails when the connection does. */
  readonly failed: Promise<never>;
  #fail: (error: Error) => void = () => {};

  private constructor(connection: Deno.TcpConn, onAnswer: (answer: Uint8Array) => void) {
    this.#connection = connection;
    this.#onAnswer = onAnswer;
    this.failed = new Promise((_, reject) => this.#fail = reject);
    this.failed.catch(() => {});
    this.#read().catch((error) => this.#fail(asError(error)));
  }

  /**
   * @param onAnswer gets each answer without its length: correlation id and body. The bytes are the
   * connection's again when it returns.
   */
  static async connect(
    address: string,
    onAnswer: (answer: Uint8Array) => void,
  ): Promise<BrokerConnection> {
    const colon = address.lastIndexOf(":");
    const connection = await Deno.connect({
      hostname: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
    });
    connection.setNoDelay(true);
    return new BrokerConnection(connection, onAnswer);
  }

  /** Bytes that the socket has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Sends a frame, complete with its length; the bytes stay as they are from here on. */
  send(frame: Uint8Array): void {
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    if (this.#writing) return;
    this.#writing = true;
    this.#write().catch((error) => this.#fail(asError(error)));
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  async #write(): Promise<void> {
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      for (let sent = 0; sent < frame.length;) {
        const taken = await this.#connection.write(sent === 0 ? frame : frame.subarray(sent));
        sent += taken;
        this.#waitingBytes -= taken;
      }
    }
    this.#writing = false;
  }

  async #read(): Promise<void> {
    let from = 0;
    let to = 0;
    while (true) {
      if (to === this.#buffer.length) {
        // Whole answers never get here; what is left of one moves to the front, or gets room.
        const size = to - from >= 4 ? sizeAt(this.#buffer, from) + 4 : 4;
        const grown = size > this.#buffer.length ? new Uint8Array(size * 2) : this.#buffer;
        grown.set(this.#buffer.subarray(from, to));
        this.#buffer = grown;
        to -= from;
        from = 0;
      }
      const read = await this.#connection.read(this.#buffer.subarray(to));
      if (this.#closed) return;
      if (read === null) throw new Error("The broker closed the connection");
      to += read;
      while (to - from >= 4) {
        const size = sizeAt(this.#buffer, from);
        if (to - from < 4 + size) break;
        this.#onAnswer(this.#buffer.subarray(from + 4, from + 4 + size));
        from += 4 + size;
      }
      if (from === to) from = to = 0;
    }
  }
}

function sizeAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
