/**
 * Which whole generations of which shard are in the file, as a mirror in memory of the manifest
 * keys, and which numbers were used up. A shard has one or two whole generations; three for the
 * moment between a publish and the collection that follows.
 */
export class GenerationIndex {
  /** Ascending. */
  readonly #published = new Map<number, number[]>();
  readonly #newest = new Map<number, number>();

  /** A number above every one ever used for the shard, so that keys are never reused. */
  next(shard: number): number {
    const generation = (this.#newest.get(shard) ?? 0) + 1;
    this.#newest.set(shard, generation);
    return generation;
  }

  /** Notes that keys of this number exist. */
  reserve(shard: number, generation: number): void {
    this.#newest.set(shard, Math.max(this.#newest.get(shard) ?? 0, generation));
  }

  addPublished(shard: number, generation: number): void {
    this.reserve(shard, generation);
    const generations = this.#published.get(shard) ?? [];
    generations.push(generation);
    generations.sort((a, b) => a - b);
    this.#published.set(shard, generations);
  }

  removePublished(shard: number, generation: number): void {
    const generations = this.#published.get(shard) ?? [];
    this.#published.set(shard, generations.filter((other) => other !== generation));
  }

  isPublished(shard: number, generation: number): boolean {
    return this.published(shard).includes(generation);
  }

  /** Whole generations, oldest first. */
  published(shard: number): readonly number[] {
    return this.#published.get(shard) ?? [];
  }
}
