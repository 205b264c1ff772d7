import { SourceError } from "../ports/source.ts";
import type { EngineContext } from "./engine_context.ts";

/**
 * Publishes, now and then, up to where every shard has applied the input and all that came of it
 * is acknowledged: records, early ends, dead letters. Recovery does not need it but where a log is
 * empty or gone; ordinary lag tools read it.
 */
export class OffsetCommitter {
  readonly #context: EngineContext;
  #last: readonly number[] = [];
  #isBusy = false;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Says from where a first run reads, before it reads anything: tries until that is so, or until
   * `isStopping`.
   *
   * @throws SourceError that nobody can wait out.
   */
  async commitFirst(offsets: readonly number[], isStopping: () => boolean): Promise<void> {
    const { ports, options } = this.#context;
    while (!isStopping()) {
      try {
        return await ports.source.commitOffsets(offsets);
      } catch (error) {
        if (!(error instanceof SourceError) || !error.retryable) throw error;
        options.logger.warn("cannot commit the first offsets of the group yet", { error }, {
          everyMs: 10_000,
        });
      }
      await new Promise<void>((resolve) => ports.clock.wakeAfter(FIRST_COMMIT_RETRY_MS, resolve));
    }
  }

  /** Commits what can be committed by now, unless that is what was committed last. */
  async commit(): Promise<void> {
    if (this.#isBusy) return;
    const offsets = this.#lowest();
    if (offsets.every((offset, i) => offset === this.#last[i])) return;
    this.#isBusy = true;
    try {
      await this.#context.ports.source.commitOffsets(offsets);
      this.#last = offsets;
    } catch (error) {
      this.#context.options.logger.warn(
        "cannot commit the group's offsets; nothing depends on them but lag tools",
        { error },
        { everyMs: 60_000 },
      );
    } finally {
      this.#isBusy = false;
    }
  }

  #lowest(): number[] {
    const { inputs, runners } = this.#context;
    const taken = inputs.positions();
    const lowest = new Array<number>(taken.length).fill(Infinity);
    for (const runner of runners) {
      // What is settled stays so, also when its next batch is in flight. While the reader goes
      // back for one shard, the others have more than was taken.
      if (runner.isSettled()) runner.acknowledged.set(runner.positions(taken));
      for (let i = 0; i < lowest.length; i++) {
        if (runner.acknowledged[i]! < lowest[i]!) lowest[i] = runner.acknowledged[i]!;
      }
    }
    return lowest;
  }
}

const FIRST_COMMIT_RETRY_MS = 200;
