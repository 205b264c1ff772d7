/** Bytes of a connection that came and were not taken yet, in one buffer of a fixed size. */
export class ConnectionInput {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The first byte that was not taken, and the one after the last. */
  from = 0;
  to = 0;
  readonly #source: InputSource;

  constructor(source: InputSource, bytesMax: number) {
    this.#source = source;
    this.bytes = new Uint8Array(bytesMax);
  }

  get length(): number {
    return this.to - this.from;
  }

  get isFull(): boolean {
    return this.length === this.bytes.length;
  }

  /**
   * Waits for more; what is there moves to the front of the buffer, which must not be full.
   *
   * @returns false at the end of the input
   * @throws what the source throws when the connection breaks or is closed
   */
  async fill(): Promise<boolean> {
    if (this.from > 0) {
      this.bytes.copyWithin(0, this.from, this.to);
      this.to -= this.from;
      this.from = 0;
    }
    const count = await this.#source.read(this.bytes.subarray(this.to));
    if (count === null || count === 0) return false;
    this.to += count;
    return true;
  }

  /** At most so many of the bytes that are there, as a copy. */
  take(bytesMax: number): Uint8Array<ArrayBuffer> {
    const to = Math.min(this.to, this.from + bytesMax);
    const taken = this.bytes.slice(this.from, to);
    this.from = to;
    return taken;
  }
}

/** As of a `Deno.Conn`. */
export interface InputSource {
  read(into: Uint8Array): Promise<number | null>;
}
