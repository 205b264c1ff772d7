import type { RejectReason } from "../core/reject_reason.ts";
import type { EngineStatus } from "../telemetry/engine_status.ts";

/**
 * What the outside may ask a running engine. The engine lives on a thread of its own and answers
 * between turns, so an answer takes a message each way and may take as long as a turn.
 *
 * Every promise settles: with the answer, or by rejecting with an `EngineUnavailableError` once the
 * engine is known to be gone. The caller sets its own limit on how long it waits and on how many
 * questions it has open.
 */
export interface EngineQueries {
  /** @throws EngineUnavailableError */
  status(): Promise<EngineStatus>;
  /**
   * The device's active session, or null.
   * @throws EngineUnavailableError
   */
  device(deviceId: string): Promise<DeviceView | null>;
  /**
   * Takes events from the body, which belongs to the engine from here on: with `json` it is one
   * event, with `lines` one event a line. Absent where events come from elsewhere.
   * @throws EngineUnavailableError, with `retryable` when the engine cannot take more right now;
   * none of the body's events was taken then.
   */
  ingest?(body: Uint8Array, format: IngestFormat): Promise<IngestAnswer>;
}

export type IngestFormat = "json" | "lines";

export interface DeviceView {
  readonly deviceId: string;
  /** The text of the id, all digits kept. */
  readonly sessionId: string;
  /** The id came as a JSON integer: `sessionId` is its digits and is written without quotes. */
  readonly sessionIdIsInteger: boolean;
  readonly accountId: string | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly lastSeq: number;
  /** Epoch milliseconds of the next heartbeat or timeout. */
  readonly nextAt: number;
  readonly shard: number;
}

export interface IngestAnswer {
  readonly accepted: number;
  readonly ignored: number;
  /** In the order of the lines. */
  readonly rejected: readonly RejectedLine[];
}

export interface RejectedLine {
  /** From 1. */
  readonly line: number;
  readonly reason: RejectReason;
  readonly detail: string;
}

export class EngineUnavailableError extends Error {
  override readonly name = "EngineUnavailableError";
  /** Asking again may help. */
  readonly retryable: boolean;

  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}
