import { LogFold } from "../../lib/core/log_fold.ts";
import { RestorePoint } from "../../lib/core/restore_point.ts";
import { Shard } from "../../lib/core/shard.ts";
import { TimingWheel } from "../../lib/core/timing_wheel.ts";
import { ProducerStates } from "../../lib/adapters/memory/producer_states.ts";
import { CheckpointLoader } from "../../lib/engine/checkpoint_loader.ts";
import { EngineInputs } from "../../lib/engine/engine_inputs.ts";
import { ShardRunner } from "../../lib/engine/shard_runner.ts";
import { ShardWriter } from "../../lib/engine/shard_writer.ts";
import type { DeadLetterSink } from "../../lib/ports/dead_letters.ts";

/**
 * Bugs that are planted to see whether the simulator finds them. Each is one line gone wrong in the
 * program or in its broker, put in from the outside while a run lasts.
 */
export interface Canary {
  /** @returns what takes it out again. */
  readonly plant: () => () => void;
}

export const CANARIES: Readonly<Record<string, Canary>> = {
  /** A batch whose answer says that it may not be there counts as acknowledged. */
  lostAcknowledgement: canary(
    ShardWriter.prototype,
    "answered",
    (original) =>
      function (batch, result) {
        const isLost = result.kind === "retriable";
        return original.call(
          this,
          batch,
          isLost ? { kind: "acknowledged", baseOffset: 0 } : result,
        );
      },
  ),
  /** R is one batch too new. */
  restorePointTooNew: canary(
    RestorePoint.prototype,
    "acknowledged",
    (original) =>
      function (clockMs, _baseOffset, nextOffset) {
        return original.call(this, clockMs, nextOffset, nextOffset);
      },
  ),
  /** A position is one event too far. */
  positionTooFar: canary(EngineInputs.prototype, "positions", (original) =>
    function () {
      const offsets = original.call(this);
      for (const { index, highWatermark } of this.partitions) {
        if (offsets[index]! < highWatermark) offsets[index]! += 1;
      }
      return offsets;
    }),
  /** A restore does not look at the early ends in positions. */
  earlyEndsSkipped: canary(LogFold.prototype, "beginBatch", (original) =>
    function (position) {
      return original.call(this, { ...position, earlyEnds: [] });
    }),
  /** A restore remembers ends from the clock of their batch, not from their own. */
  endClocksSkipped: canary(LogFold.prototype, "beginBatch", (original) =>
    function (position) {
      return original.call(this, { ...position, endClocksMs: [] });
    }),
  /** A restore misses the first batch it reads. */
  firstBatchSkipped: canary(LogFold.prototype, "record", (original) => {
    const skipping = new WeakSet<LogFold>();
    const ended = new WeakSet<LogFold>();
    return function (bytes, from, to) {
      if (!ended.has(this) && !skipping.has(this)) {
        skipping.add(this);
        const end = this.endBatch;
        this.endBatch = () => {
          ended.add(this);
          end.call(this);
        };
      }
      return ended.has(this) ? original.call(this, bytes, from, to) : true;
    };
  }),
  /** The output since the first slice of a checkpoint is not applied over it. */
  checkpointFactsSkipped: canary(
    CheckpointLoader.prototype,
    "load",
    (original) =>
      async function (shardOptions, ownership, last) {
        const loaded = await original.call(this, shardOptions, ownership, last);
        if (loaded === null) return null;
        const { shard, manifest } = loaded;
        return { shard, manifest: { ...manifest, logFrom: manifest.logTo } };
      },
  ),
  /** The broker takes batches of owners that were fenced. */
  noFence: canary(ProducerStates.prototype, "judge", (original) =>
    function (batch) {
      const verdict = original.call(this, batch);
      return verdict.kind === "fenced" ? { kind: "append" } : verdict;
    }),
  /** The broker takes a batch that it has already. */
  noDeduplication: canary(ProducerStates.prototype, "judge", (original) =>
    function (batch) {
      const verdict = original.call(this, batch);
      return verdict.kind === "duplicate" ? { kind: "append" } : verdict;
    }),
  /** Group offsets are committed up to what was taken, acknowledged or not. */
  committedTooEarly: canary(ShardRunner.prototype, "isSettled", () =>
    function () {
      return true;
    }),
  /** Heartbeats are left out under the policy that writes each. */
  heartbeatsLeftOut: canary(Shard.prototype, "advance", (original) =>
    function (toMs, nowMs, sink) {
      Object.assign(this, { rules: { ...this.rules, missed: "coalesce" } });
      return original.call(this, toMs, nowMs, sink);
    }),
  /** Timers fire a millisecond early. */
  timersEarly: canary(TimingWheel.prototype, "schedule", (original) =>
    function (row, deadlineMs) {
      return original.call(this, row, deadlineMs - 1);
    }),
  /** Nobody waits for dead letters. */
  deadLettersUnawaited: {
    plant: () => {
      deadLetterWrapper = (sink) => ({
        send: (letters) => {
          sink.send(letters).catch(() => {});
          return Promise.resolve(letters.length);
        },
        close: () => sink.close(),
      });
      return () => deadLetterWrapper = null;
    },
  },
};

let deadLetterWrapper: ((sink: DeadLetterSink) => DeadLetterSink) | null = null;

/** What stands between an engine and its dead letters: nothing, unless a canary is planted. */
export function wrapDeadLetters(sink: DeadLetterSink): DeadLetterSink {
  return deadLetterWrapper === null ? sink : deadLetterWrapper(sink);
}

/** Replaces a method of a class while the canary is planted. */
function canary<Class, Name extends keyof Class>(
  prototype: Class,
  name: Name,
  replace: (original: Bound<Class, Class[Name]>) => Bound<Class, Class[Name]>,
): Canary {
  return {
    plant: () => {
      const original = prototype[name];
      prototype[name] = replace(original as Bound<Class, Class[Name]>) as Class[Name];
      return () => {
        prototype[name] = original;
      };
    },
  };
}

type Bound<Class, Method> = Method extends (...args: infer Args) => infer Result
  ? (this: Class, ...args: Args) => Result
  : never;
