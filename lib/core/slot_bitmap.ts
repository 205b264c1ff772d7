/**
 * Which slots of a ring are occupied, with a summary of one bit per 32 slots: finding the next
 * occupied one takes a few word reads however far away it is.
 */
export class SlotBitmap {
  readonly #words: Int32Array;
  readonly #summary: Int32Array;

  /** @param slots A multiple of 1,024. */
  constructor(slots: number) {
    this.#words = new Int32Array(slots / 32);
    this.#summary = new Int32Array(slots / 1024);
  }

  set(slot: number): void {
    const word = slot >> 5;
    this.#words[word] = this.#words[word]! | (1 << (slot & 31));
    this.#summary[word >> 5] = this.#summary[word >> 5]! | (1 << (word & 31));
  }

  clear(slot: number): void {
    const word = slot >> 5;
    const rest = this.#words[word]! & ~(1 << (slot & 31));
    this.#words[word] = rest;
    if (rest === 0) this.#summary[word >> 5] = this.#summary[word >> 5]! & ~(1 << (word & 31));
  }

  /** The first occupied slot at or after `slot`, or -1. */
  next(slot: number): number {
    let word = slot >> 5;
    const first = this.#words[word]! & (-1 << (slot & 31));
    if (first !== 0) return (word << 5) + lowestBit(first);
    word++;
    let block = word >> 5;
    if (block >= this.#summary.length) return -1;
    // A shift by 32 would be a shift by 0; here the block changes with the word.
    let bits = this.#summary[block]! & (-1 << (word & 31));
    while (bits === 0) {
      if (++block >= this.#summary.length) return -1;
      bits = this.#summary[block]!;
    }
    const found = (block << 5) + lowestBit(bits);
    return (found << 5) + lowestBit(this.#words[found]!);
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
