import type { ModelSessionId } from "./model_events.ts";

export type ModelStatus = "SessionStart" | "SessionHeartbeat" | "SessionEnd";
export type ModelEndReason = "ended" | "superseded" | "timeout";

/** One record of the output; instants are epoch milliseconds. */
export interface ModelRecord {
  readonly deviceId: string;
  readonly sessionId: ModelSessionId;
  readonly accountId: string | null;
  readonly status: ModelStatus;
  readonly reason: ModelEndReason | null;
  readonly seq: number;
  readonly startedAtMs: number;
  /** What layout `plain` writes as `timestamp`, unless it equals `startedAtMs`. */
  readonly orderKeyMs: number;
  readonly atMs: number;
  readonly durationMs: number;
  readonly reportedDurationMs: number | null;
  readonly nextAtMs: number | null;
  readonly sourceTimestampMs: number;
  readonly emittedAtMs: number;
}
