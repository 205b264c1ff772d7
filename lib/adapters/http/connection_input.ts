/** Bytes of a connection that came and were not taken yet, in one buffer that grows up to a limit. */
export class ConnectionInput {
  /** The first byte that was not taken, and the one after the last. */
  from = 0;
  to = 0;
  readonly #source: InputSource;
  readonly #bytesMax: number;
  #bytes: Uint8Array<ArrayBuffer>;
  /** The last read might have brought more. */
  #wantsMore = false;

  constructor(source: InputSource, bytesMax: number) {
    this.#source = source;
    this.#bytesMax = bytesMax;
    this.#bytes = new Uint8Array(Math.min(BYTES_AT_FIRST, bytesMax));
  }

  /** Another array after a `fill`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  get length(): number {
    return this.to - this.from;
  }

  get isFull(): boolean {
    return this.length === this.#bytesMax;
  }

  /**
   * Waits for more; what is there moves to the front of the buffer, which must not be full.
   *
   * @returns false at the end of the input
   * @throws what the source throws when the connection breaks or is closed
   */
  async fill(): Promise<boolean> {
    this.#makeRoom();
    const count = await this.#source.read(this.#bytes.subarray(this.to));
    if (count === null || count === 0) return false;
    this.to += count;
    this.#wantsMore = this.to === this.#bytes.length;
    return true;
  }

  #makeRoom(): void {
    if (this.#wantsMore && this.#bytes.length < this.#bytesMax) {
      const larger = new Uint8Array(Math.min(this.#bytesMax, this.#bytes.length * 4));
      larger.set(this.#bytes.subarray(this.from, this.to));
      this.#bytes = larger;
    } else if (this.from > 0) this.#bytes.copyWithin(0, this.from, this.to);
    this.to -= this.from;
    this.from = 0;
  }

  /** At most so many of the bytes that are there, as a copy. */
  take(bytesMax: number): Uint8Array<ArrayBuffer> {
    const to = Math.min(this.to, this.from + bytesMax);
    const taken = this.#bytes.slice(this.from, to);
    this.from = to;
    return taken;
  }
}

/** As of a `Deno.Conn`. */
export interface InputSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** Most requests are smaller, and a thousand a second may come. */
const BYTES_AT_FIRST = 2_048;
