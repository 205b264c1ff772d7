import { writeInstant } from "../core/text_writer.ts";
import type { OutputLimits, RefusalCause } from "../ports/output_log.ts";
import type { EngineContext } from "./engine_context.ts";
import type { ShardRunner } from "./shard_runner.ts";

/** A batch that the broker refuses for what it is: trying once more at once would be no use. */
export interface OutputRefusal {
  readonly cause: RefusalCause;
  /** The broker's own name for it. */
  readonly reason: string;
  /** Size of the batch. */
  readonly bytes: number;
}

/**
 * Says to people why a shard cannot write and what to do about it: in the state of the shard, which
 * `/readyz` and `/v1/stats` show until a batch is acknowledged, and once a minute in the log.
 *
 * @param limits What the topic takes now, where that was looked at.
 */
export function tellRefusal(
  context: EngineContext,
  runner: ShardRunner,
  refusal: OutputRefusal,
  limits: OutputLimits | null = null,
): void {
  const { options, clock } = context;
  const fittingBytes = fittingBytesOf(context, refusal, limits);
  const why = `${refusal.reason}: ` +
    (fittingBytes === null
      ? whatToDo(context, refusal, limits)
      : `batches are made to fit ${fittingBytes} bytes`);
  runner.refusal = refusal;
  options.metrics.shards.setState(runner.index, "stalled", why);
  const limit = { everyMs: TELL_MS, key: `refused ${refusal.cause}` };
  const fields = { shard: runner.index, why, bytes: refusal.bytes };
  if (fittingBytes !== null) {
    options.logger.warn("the output topic takes smaller batches than before", fields, limit);
  } else {
    options.logger.error("the broker refuses what this shard writes, trying again", {
      ...fields,
      ...refusal.cause === "timestamp" ? clockFields(context) : {},
    }, limit);
  }
  if (refusal.cause === "timestamp") clock.doubt();
}

/**
 * How large batches may be after one was refused as too large.
 *
 * @returns null when the topic takes less than a batch needs: only an operator can mend that.
 */
export function fittingBatchBytes(
  refusedBytes: number,
  limitBytes: number | null,
  inputBytesMax: number,
): number | null {
  const bytesMin = Math.max(BATCH_BYTES_MIN, inputBytesMax * 2);
  if (limitBytes !== null && limitBytes < bytesMin) return null;
  // The limit that we see would take it: it is not the one that counts, so one is guessed.
  if (limitBytes === null || limitBytes >= refusedBytes) {
    return Math.max(bytesMin, Math.floor(refusedBytes / 2));
  }
  return limitBytes;
}

/** Null where smaller batches are no help. */
function fittingBytesOf(
  { inputs }: EngineContext,
  { cause, bytes }: OutputRefusal,
  limits: OutputLimits | null,
): number | null {
  if (cause !== "too_large" || limits === null) return null;
  const fitting = fittingBatchBytes(bytes, limits.batchBytesMax, inputs.positionBytesMax);
  return fitting !== null && fitting < bytes ? fitting : null;
}

function whatToDo(
  { inputs, clock }: EngineContext,
  { cause }: OutputRefusal,
  limits: OutputLimits | null,
): string {
  switch (cause) {
    case "timestamp": {
      const max = limits?.timestampAheadMsMax ?? null;
      const setting = "message.timestamp.after.max.ms" + (max === null ? "" : ` (${max} ms)`);
      return "the clocks of this machine and of the broker are further apart than the output " +
        `topic's ${setting} allows; here it is ${isoTime(clock.nowMs())}. Put the wrong clock ` +
        "right, it goes on by itself then";
    }
    case "too_large": {
      const max = limits?.batchBytesMax ?? null;
      const bytesMin = Math.max(BATCH_BYTES_MIN, inputs.positionBytesMax * 2);
      return `set max.message.bytes of the output topic to ${bytesMin} at least` +
        (max === null ? "" : `, it is ${max}`);
    }
    case "access":
      return "the right to write to the output topic is gone, grant it again";
    case "other":
      return "look at the settings of the output topic and into the broker's log";
  }
}

/** What tells the two clocks apart. */
function clockFields({ clock, ports }: EngineContext): Record<string, unknown> {
  return {
    now: isoTime(clock.nowMs()),
    wallClock: isoTime(ports.clock.wallMs()),
    adoptedJumpsMs: Math.round(clock.adoptedMs),
  };
}

function isoTime(ms: number): string {
  const bytes = new Uint8Array(32);
  return new TextDecoder().decode(bytes.subarray(0, writeInstant(bytes, 0, Math.max(0, ms))));
}

/** What start-up asks of the topic as well: an event's records and the header have to fit. */
const BATCH_BYTES_MIN = 64 * 1024;
const TELL_MS = 60_000;
