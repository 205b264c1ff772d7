/** The offset of each input partition that a first run began at. */
export type Beginning = readonly number[];

/**
 * Where the input begins, with `start: latest`: what lies before it was never asked for.
 *
 * An owner that finds no offsets of the group chooses a beginning and commits it; one that finds
 * some inherits the beginning of whoever committed them. A shard has that of the process that wrote
 * its first record: from then on its own log tells how far it is. So two shards may have two, when
 * an owner that was fenced meanwhile came last with its first commit.
 */
export class InputBeginnings {
  /** That of whoever committed last; null before anybody did. */
  #committed: Beginning | null = null;
  readonly #ofProcess = new Map<number, Beginning | null>();
  readonly #ofShard = new Map<number, Beginning>();

  /** A process that has not begun yet has asked for the group's offsets. */
  asked(processId: number): void {
    this.#ofProcess.set(processId, this.#committed);
  }

  /** The group's offsets are about to be those of this process. */
  committed(processId: number, offsets: readonly number[]): void {
    const own = this.#ofProcess.get(processId) ?? [...offsets];
    this.#ofProcess.set(processId, own);
    this.#committed = own;
  }

  /** A batch is in the log. */
  written(shard: number, processId: number): void {
    if (this.#ofShard.has(shard)) return;
    const own = this.#ofProcess.get(processId) ?? null;
    if (own !== null) this.#ofShard.set(shard, own);
  }

  /** Of a shard; one without a record would begin where the group's offsets lead to. */
  of(shard: number): Beginning | null {
    return this.#ofShard.get(shard) ?? this.#committed;
  }

  /** Of the group's offsets as they are. */
  get ofGroup(): Beginning | null {
    return this.#committed;
  }
}
