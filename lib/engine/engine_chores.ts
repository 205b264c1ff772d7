import { OutputLogError } from "../ports/output_log.ts";
import type { CheckpointKeeper } from "./checkpoint_keeper.ts";
import type { EngineContext } from "./engine_context.ts";
import { EngineError } from "./engine_error.ts";
import type { EngineReport } from "./engine_report.ts";
import type { OffsetCommitter } from "./offset_committer.ts";
import type { Shard } from "../core/shard.ts";
import type { ShardRunner } from "./shard_runner.ts";

export interface EngineChoresOptions {
  readonly context: EngineContext;
  readonly committer: OffsetCommitter;
  /** Null where nothing is kept. */
  readonly keeper: CheckpointKeeper | null;
  readonly report: EngineReport;
  /** Looks whether a clock that was ahead has been put right. */
  readonly followClockBack: () => void;
  /** Someone newer owns the shard. */
  readonly onFenced: (runner: ShardRunner, reason: string) => void;
}

/** What is to be done now and then, whatever the load: looked at once a second. */
export class EngineChores {
  readonly #options: EngineChoresOptions;
  #cancel: (() => void) | null = null;
  #seconds = 0;
  readonly #fences = new Map<ShardRunner, Fence>();

  constructor(options: EngineChoresOptions) {
    this.#options = options;
  }

  start(): void {
    for (const runner of this.#options.context.runners) this.#fenceOf(runner);
    this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #wait(): void {
    this.#cancel = this.#options.context.ports.clock.wakeAfter(1000, () => {
      this.#wait();
      this.#run();
    });
  }

  #run(): void {
    const { context, committer, keeper, report } = this.#options;
    const { checkpointIntervalMs } = context.options;
    this.#seconds++;
    report.update();
    this.#options.followClockBack();
    if (this.#seconds % COMMIT_SECONDS === 0) committer.commit().catch(context.fail);
    if (this.#seconds % REFRESH_SECONDS === 0) this.refreshFences();
    if (checkpointIntervalMs === null) return;
    if (this.#seconds % Math.round(checkpointIntervalMs / 1000) === 0) keeper?.startBackground();
  }

  /**
   * Keeps the fence of the output alive: the broker forgets it after a day. An owner that could
   * not do so for half a day stops, since it could not be fenced itself any more. Tells also of
   * shards that were taken over and have nothing to write, so that they would not notice.
   */
  refreshFences(): void {
    const { ports, runners, fail } = this.#options.context;
    for (const runner of runners) {
      const fence = this.#fenceOf(runner);
      if (fence === null) continue;
      if (ports.clock.monotonicMs() - fence.heldAtMs >= FENCE_UNREFRESHED_MS_MAX) {
        const message = "The fences of the output could not be refreshed for twelve hours";
        return fail(new EngineError(message, { code: "state" }));
      }
      // A coordinator that is away is waited for, and asked once.
      if (!fence.isAsked) this.#refreshFence(runner, fence).catch(fail);
    }
  }

  /** Null for a shard that is being restored, and fences itself anew, or has stopped. */
  #fenceOf(runner: ShardRunner): Fence | null {
    const { shard, isStopped } = runner;
    if (shard === null || isStopped) return null;
    let fence = this.#fences.get(runner);
    if (fence?.shard !== shard) {
      fence = { shard, heldAtMs: this.#options.context.ports.clock.monotonicMs(), isAsked: false };
      this.#fences.set(runner, fence);
    }
    return fence;
  }

  async #refreshFence(runner: ShardRunner, fence: Fence): Promise<void> {
    const { ports, options } = this.#options.context;
    const { shard } = fence;
    fence.isAsked = true;
    try {
      await ports.log.refresh([runner.index]);
      fence.heldAtMs = ports.clock.monotonicMs();
    } catch (error) {
      if (!(error instanceof OutputLogError)) throw error;
      if (error.code === "fenced") {
        // Of a shard that was dropped meanwhile: it was this process that took it over.
        if (runner.shard === shard) this.#options.onFenced(runner, error.message);
        return;
      }
      options.logger.warn("cannot refresh the fence of a shard yet", {
        shard: runner.index,
        error,
      }, { everyMs: 10_000, key: "refresh" });
    } finally {
      fence.isAsked = false;
    }
  }
}

/** The fence of one state of a shard, and when it was last known to hold. */
interface Fence {
  readonly shard: Shard;
  /** Monotonic. */
  heldAtMs: number;
  isAsked: boolean;
}

const COMMIT_SECONDS = 5;
const REFRESH_SECONDS = 3600;
/** Half of what a broker keeps the state of an idle producer (`producer.id.expiration.ms`). */
const FENCE_UNREFRESHED_MS_MAX = 12 * 3600 * 1000;
