/**
 * How many dead letters of one input partition the sink holds, and their bytes (keys, values and
 * headers as they came).
 *
 * It outlives a restart of the input: what was handed over before is held as long as ever.
 */
export class UnansweredLetters {
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns takes them off again; to be called once, when they are answered. */
  add(count: number, bytes: number): () => void {
    this.#count += count;
    this.#bytes += bytes;
    return () => {
      this.#count -= count;
      this.#bytes -= bytes;
    };
  }
}
