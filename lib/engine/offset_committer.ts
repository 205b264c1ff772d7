import { OutputLogError } from "../ports/output_log.ts";
import { SourceError } from "../ports/source.ts";
import type { EngineContext } from "./engine_context.ts";

/**
 * Publishes, now and then, up to where every shard has applied the input and all that came of it
 * is acknowledged: records, early ends, dead letters. Recovery does not need it but where a log is
 * empty, or retention has emptied it; ordinary lag tools read it.
 */
export class OffsetCommitter {
  readonly #context: EngineContext;
  #last: readonly number[] = [];
  #lastAtMs = -Infinity;
  #isBusy = false;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Says from where a first run reads, or a topic that was added (-1 for the others), before
   * anything is read: tries until that is so, or until `isStopping`.
   *
   * The group's offsets have no fence: of an owner that was taken over before this, they might lie
   * past what the newer owner has applied, which would then be skipped. So each try comes after a
   * proof that every shard is still this process's. Whoever takes one over after the proof looks
   * for the end of the input later, and begins there or behind.
   *
   * @throws SourceError, OutputLogError: what nobody can wait out, `fenced` among it.
   */
  async commitFirst(offsets: readonly number[], isStopping: () => boolean): Promise<void> {
    const { ports, options, runners } = this.#context;
    const shards = runners.map(({ index }) => index);
    for (let attempt = 0; !isStopping(); attempt++) {
      try {
        await ports.log.refresh(shards);
        if (isStopping()) return;
        return await ports.source.commitOffsets(offsets);
      } catch (error) {
        const isOfPort = error instanceof SourceError || error instanceof OutputLogError;
        if (!isOfPort || !error.retryable) throw error;
        options.logger.warn("cannot commit the first offsets of the group yet", { error }, {
          everyMs: 10_000,
        });
      }
      // Each try leaves a marker in every partition of the output.
      const delayMs = Math.min(FIRST_COMMIT_RETRY_MS_MAX, FIRST_COMMIT_RETRY_MS * 2 ** attempt);
      await new Promise<void>((resolve) => ports.clock.wakeAfter(delayMs, resolve));
    }
  }

  /** Commits what can be committed by now, unless that was committed within the last hour. */
  async commit(): Promise<void> {
    if (this.#isBusy) return;
    const { clock, source } = this.#context.ports;
    const offsets = this.#lowest();
    const askedAtMs = clock.monotonicMs();
    const isSame = offsets.every((offset, i) => offset === this.#last[i]);
    if (isSame && askedAtMs - this.#lastAtMs < COMMIT_AGAIN_MS) return;
    this.#isBusy = true;
    try {
      await source.commitOffsets(offsets);
      this.#last = offsets;
      this.#lastAtMs = askedAtMs;
    } catch (error) {
      this.#context.options.logger.warn(
        "cannot commit the group's offsets; a start after the output's records are gone needs them",
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

/**
 * A broker forgets the offsets of a group without members seven days after they were committed
 * (`offsets.retention.minutes`, which some have set to a day): also those that are still right.
 */
const COMMIT_AGAIN_MS = 3600 * 1000;
const FIRST_COMMIT_RETRY_MS = 200;
const FIRST_COMMIT_RETRY_MS_MAX = 5000;
