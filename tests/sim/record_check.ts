import type { Position } from "../../lib/core/position.ts";
import type { OutputRecord } from "./output_record.ts";
import type { LedgerSession } from "./session_ledger.ts";

export interface RecordContext {
  readonly offset: number;
  readonly position: Position;
  /** The policy of the record's writer. */
  readonly missed: "coalesce" | "all";
  /** The rules of its writer, as one text. */
  readonly rulesId: string;
  readonly fault: (what: string) => void;
}

/**
 * What is wrong with a record, given what the output said of its session before: exactly one Start
 * before all else and one End after all else, `seq`, the instants, and that no heartbeat is missing
 * that the policy does not let go.
 *
 * @param session As of the record before; as of this one when this is a Start.
 */
export function checkRecord(
  session: LedgerSession,
  record: OutputRecord,
  context: RecordContext,
): void {
  const { fault, position } = context;
  if (session.endReason !== null) fault(`after its End (${session.endReason})`);
  if (session.startedAtMs !== record.startedAtMs) fault("another startedAt than its Start");
  if (session.orderKeyMs !== record.orderKeyMs) fault("another order key than its Start");
  if (session.accountId !== record.accountId) fault("another account than its Start");
  if (record.orderKeyMs > record.startedAtMs) fault("its order key is after its startedAt");
  if (record.seq <= session.lastSeq) fault(`seq after ${session.lastSeq}`);
  const { startedAtMs } = session;
  const timeoutMs = startedAtMs + position.maxDurationMs;
  if (record.status === "SessionEnd") {
    if (record.nextAtMs !== null) fault("an End with nextAt");
    if (record.seq !== session.lastSeq + 1) fault(`its seq is not one after ${session.lastSeq}`);
    checkEnd(session, record, context);
    return;
  }
  if (record.reason !== null) fault("a reason without an End");
  const nextAtMs = Math.min(record.atMs + position.heartbeatIntervalMs, timeoutMs);
  if (record.nextAtMs !== nextAtMs) fault("another nextAt");
  if (record.status === "SessionHeartbeat") checkHeartbeat(session, record, context);
  else if (record.seq !== 0 || record.atMs !== startedAtMs) fault("a Start is not at its start");
}

function checkHeartbeat(
  session: LedgerSession,
  record: OutputRecord,
  { position, missed, rulesId, fault }: RecordContext,
): void {
  const { heartbeatIntervalMs, maxDurationMs } = position;
  const ageMs = record.atMs - session.startedAtMs;
  const beat = ageMs / heartbeatIntervalMs;
  if (!Number.isInteger(beat) || beat < 1) fault("not at a beat");
  if (record.seq !== Math.max(beat, session.lastSeq + 1)) fault(`its seq is not its beat ${beat}`);
  if (record.atMs <= session.lastAtMs) fault("not after the record before it");
  if (ageMs >= maxDurationMs) fault("a heartbeat at or after the timeout");
  if (record.emittedMs < record.atMs) fault("a heartbeat before its time");
  if (rulesId !== session.rulesId) return;
  if (beat !== record.seq) fault("its seq is not its beat, under the same rules");
  if (missed === "all" && record.seq !== session.lastSeq + 1) {
    fault(`heartbeats after ${session.lastSeq} are left out under policy all`);
  }
}

function checkEnd(
  session: LedgerSession,
  record: OutputRecord,
  { offset, position, missed, rulesId, fault }: RecordContext,
): void {
  const { heartbeatIntervalMs, maxDurationMs } = position;
  const { startedAtMs, lastSeq } = session;
  if (record.reason === "timeout") {
    if (!Number.isNaN(record.atMs) && record.atMs !== startedAtMs + maxDurationMs) {
      fault("a timeout at another age");
    }
    if (record.emittedMs < startedAtMs + maxDurationMs) fault("a timeout before its time");
  } else if (record.atMs < startedAtMs) fault("an End before its Start");
  if (rulesId !== session.rulesId) return;
  const beats = Math.ceil(maxDurationMs / heartbeatIntervalMs) - 1;
  if (record.reason === "timeout") {
    if (lastSeq !== beats) fault(`a timeout after heartbeat ${lastSeq} of ${beats}`);
    return;
  }
  // One that ends as it starts was never active.
  if (lastSeq === 0 && offset === session.lastOffset + 1) return;
  // Heartbeats due by the instant of the End come before it.
  const endMs = Math.max(record.sourceMs, startedAtMs);
  const due = Math.min(beats, Math.floor((endMs - startedAtMs) / heartbeatIntervalMs));
  if (lastSeq >= due) return;
  if (missed === "all") fault(`heartbeats ${lastSeq + 1} to ${due} are missing before it`);
  else if (due === beats) fault(`the last heartbeat ${beats} is missing before it`);
  else if (startedAtMs + (due + 1) * heartbeatIntervalMs > record.emittedMs) {
    fault(`heartbeat ${due} is missing before it, and ${due + 1} was not due`);
  }
}
