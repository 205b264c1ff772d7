/**
 * Random numbers from a seed, the same on every machine (sfc32, Chris Doty-Humphrey), with the
 * shapes that simulated devices need. Not for secrets.
 */
export class SeededRandom {
  #a = 0;
  #b = 0;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#c = seed | 0;
    // The first numbers still show the seed.
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32(): number {
    const mixed = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + mixed) | 0;
    return mixed >>> 0;
  }

  /** 0 ≤ x < 1 */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.fraction();
  }

  /** Waiting times of what happens by chance, now and then. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  /** Lengths of what people do: mostly near the median, now and then very long. */
  logNormal(median: number, sigma: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.fraction()));
    return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * this.fraction()));
  }
}

/** A version 4 UUID that belongs to this number; the same one each time it is asked for. */
export function uuidOf(seed: number, index: number): string {
  const hex = [0, 1, 2, 3].map((word) => {
    const low = mix((index ^ Math.imul(word + 1, 0x9e3779b9)) | 0);
    const high = mix((low ^ seed ^ Math.floor(index / 2 ** 32)) | 0);
    return (high >>> 0).toString(16).padStart(8, "0");
  }).join("");
  const variant = "89ab"[parseInt(hex[16]!, 16) & 3]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}` +
    `${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
