import {
  KIND_ENDED,
  KIND_HEARTBEAT,
  KIND_START,
  KIND_SUPERSEDED,
  KIND_TIMEOUT,
} from "../core/batch_builder.ts";
import type { ProduceBatch, ProduceResult } from "../ports/output_log.ts";
import type { EngineContext } from "./engine_context.ts";
import { EngineError } from "./engine_error.ts";
import { type OutputRefusal, tellRefusal } from "./output_refusal.ts";
import type { ShardBatch, ShardRunner } from "./shard_runner.ts";

/** What the owner of the rounds does about answers that settle more than a batch. */
export interface ProduceEvents {
  /** A batch was acknowledged: its shard may write again. */
  readonly onRoom: (runner: ShardRunner) => void;
  /**
   * The log is not as the shard thought, or refuses what it writes: drop its state and restore it.
   */
  readonly onRecover: (
    runner: ShardRunner,
    reason: string,
    refusal: OutputRefusal | null,
  ) => void;
  /** Someone newer owns the shard. */
  readonly onFenced: (runner: ShardRunner, reason: string) => void;
}

/**
 * Sends batches to the log, several shards' together in one call, and settles what the log answers:
 * numbers, positions, batches that have to be sent again.
 */
export class ProduceQueue {
  readonly #context: EngineContext;
  readonly #events: ProduceEvents;
  #batches: ProduceBatch[] = [];
  #sent: { runner: ShardRunner; batch: ShardBatch }[] = [];
  #bytes = 0;
  #isStopped = false;

  constructor(context: EngineContext, events: ProduceEvents) {
    this.#context = context;
    this.#events = events;
  }

  /** Adds a batch that its runner counts as sent. */
  add(runner: ShardRunner, batch: ShardBatch): void {
    // One large batch must not delay the others' small ones.
    if (this.#bytes > 0 && this.#bytes + batch.bytes.length > REQUEST_BYTES_MAX) this.flush();
    this.#batches.push({ shard: runner.index, bytes: batch.bytes });
    this.#sent.push({ runner, batch });
    this.#bytes += batch.bytes.length;
  }

  /** Sends nothing again after this: the log is about to be closed. */
  stop(): void {
    this.#isStopped = true;
  }

  flush(): void {
    if (this.#batches.length === 0) return;
    const batches = this.#batches;
    const sent = this.#sent;
    this.#batches = [];
    this.#sent = [];
    this.#bytes = 0;
    this.#send(batches, sent);
  }

  #send(
    batches: readonly ProduceBatch[],
    sent: readonly { runner: ShardRunner; batch: ShardBatch }[],
  ): void {
    const { ports, options } = this.#context;
    options.metrics.produceRequests++;
    ports.log.produce(batches, (shard, result) => {
      const entry = sent.find(({ runner }) => runner.index === shard);
      if (entry !== undefined) this.#answered(entry.runner, entry.batch, result);
    });
  }

  #answered(runner: ShardRunner, batch: ShardBatch, result: ProduceResult): void {
    // Of a shard that was dropped meanwhile: nobody waits for it.
    if (!runner.writer.inFlight.includes(batch)) return;
    runner.writer.answered(batch, result);
    const { metrics } = this.#context.options;
    if (result.kind === "rejected") metrics.refused[result.cause]++;
    let hasRoom = false;
    while (true) {
      const oldest = runner.writer.inFlight[0];
      const verdict = runner.writer.settle();
      switch (verdict.kind) {
        case "acknowledged":
          this.#acknowledged(runner, oldest!, verdict.baseOffset);
          hasRoom = true;
          continue;
        case "resend":
          this.#resendLater(runner, verdict.reason, refusalOf(verdict, oldest!));
          break;
        case "recover":
          hasRoom = false;
          this.#events.onRecover(runner, verdict.reason, refusalOf(verdict, oldest!));
          break;
        case "fenced":
          hasRoom = false;
          this.#events.onFenced(runner, verdict.reason);
          break;
        case "wait":
          break;
      }
      break;
    }
    metrics.shards.inFlightBatches[runner.index] = runner.writer.inFlight.length;
    if (hasRoom) this.#events.onRoom(runner);
  }

  #acknowledged(runner: ShardRunner, batch: ShardBatch, baseOffset: number): void {
    const { ports, clock, fail } = this.#context;
    if (baseOffset < runner.logEnd) {
      const message = `Partition ${runner.index} of the output topic ended at offset ` +
        `${runner.logEnd} and took the next batch at ${baseOffset}: the topic was made anew, or ` +
        "Kafka lost its end. What the sessions wrote before is gone: move to a new output topic";
      return fail(new EngineError(message, { code: "state" }));
    }
    const { metrics } = this.#context.options;
    const { kinds, changeSources, lateness } = batch.builder;
    metrics.batches++;
    metrics.outputBytes += batch.bytes.length;
    metrics.records.start += kinds[KIND_START]!;
    metrics.records.heartbeat += kinds[KIND_HEARTBEAT]!;
    metrics.records.ended += kinds[KIND_ENDED]!;
    metrics.records.superseded += kinds[KIND_SUPERSEDED]!;
    metrics.records.timeout += kinds[KIND_TIMEOUT]!;
    metrics.produceLatency.record(ports.clock.monotonicMs() - batch.sentAtMs);
    if (changeSources.length > 0) {
      const nowMs = clock.nowMs();
      for (const sourceMs of changeSources) metrics.endToEndLatency.record(nowMs - sourceMs);
    }
    if (kinds[KIND_HEARTBEAT]! > 0) {
      for (let ms = 0; ms <= batch.builder.latenessMaxMs; ms++) {
        if (lateness[ms] === 0) continue;
        metrics.heartbeatLateness.record(ms, lateness[ms]!);
      }
    }
    if (runner.failures > 0 || runner.refusal !== null) {
      metrics.shards.setState(runner.index, "running");
    }
    if (runner.refusal !== null) {
      this.#context.options.logger.info("the broker takes what this shard writes again", {
        shard: runner.index,
      });
    }
    runner.batchAcknowledged(batch, baseOffset);
    metrics.shards.outputEndOffset[runner.index] = runner.logEnd;
  }

  #resendLater(runner: ShardRunner, reason: string, refusal: OutputRefusal | null): void {
    const { ports, options } = this.#context;
    const delayMsMax = refusal === null ? RESEND_MS_MAX : RESEND_REFUSED_MS_MAX;
    const delayMs = Math.min(delayMsMax, RESEND_MS * 2 ** runner.failures);
    runner.failures++;
    options.metrics.produceRetries += runner.writer.inFlight.length;
    if (refusal !== null) tellRefusal(this.#context, runner, refusal);
    else {
      options.metrics.shards.setState(runner.index, "stalled", reason);
      options.logger.warn("output cannot be written, trying again", {
        shard: runner.index,
        reason,
        inMs: delayMs,
      }, { everyMs: 10_000, key: "resend" });
    }
    const first = runner.writer.inFlight[0]!;
    ports.clock.wakeAfter(delayMs, () => {
      // Dropped meanwhile: its state is being restored.
      if (this.#isStopped || runner.writer.inFlight[0] !== first) return;
      const batches = [...runner.writer.inFlight];
      runner.writer.resend();
      // One call each: a call takes one batch a shard, and they go out in this order.
      for (const batch of batches) {
        this.#send([{ shard: runner.index, bytes: batch.bytes }], [{ runner, batch }]);
      }
    });
  }
}

function refusalOf(
  { cause, reason }: { readonly cause: OutputRefusal["cause"] | null; readonly reason: string },
  { bytes }: ShardBatch,
): OutputRefusal | null {
  return cause === null ? null : { cause, reason, bytes: bytes.length };
}

/** Bytes of one request, unless a single batch has more. */
const REQUEST_BYTES_MAX = 1_000_000;
const RESEND_MS = 20;
const RESEND_MS_MAX = 1000;
/** What a missing right held up goes on within this, once it is given again. */
const RESEND_REFUSED_MS_MAX = 5000;
