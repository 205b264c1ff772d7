/** Cuts a stream of bytes into Kafka's messages: a size of four bytes, then that many. */
export class FrameBuffer {
  #bytes = new Uint8Array(65_536);
  #from = 0;
  #to = 0;

  add(chunk: Uint8Array): void {
    if (this.#to + chunk.length > this.#bytes.length) {
      const held = this.#bytes.subarray(this.#from, this.#to);
      const target = held.length + chunk.length > this.#bytes.length
        ? new Uint8Array(2 * (held.length + chunk.length))
        : this.#bytes;
      target.set(held);
      this.#bytes = target;
      this.#to = held.length;
      this.#from = 0;
    }
    this.#bytes.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** The next whole message with its size field, as a copy; undefined when it is not whole yet. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#to - this.#from < 4) return undefined;
    const size = new DataView(this.#bytes.buffer, this.#from).getInt32(0);
    if (size < 4) throw new Error(`Not a Kafka message: its size is ${size}`);
    const end = this.#from + 4 + size;
    if (end > this.#to) return undefined;
    const message = this.#bytes.slice(this.#from, end);
    this.#from = end;
    return message;
  }
}
