import type { Position } from "../../lib/core/position.ts";
import type { LayoutName } from "./scenario.ts";

/** A record of the output as a stranger reads it: by `JSON.parse`, not by the program's reader. */
export interface OutputRecord {
  readonly device: string;
  /** The text of the session's id. */
  readonly session: string;
  readonly accountId: string | null;
  readonly status: "SessionStart" | "SessionHeartbeat" | "SessionEnd";
  readonly reason: "ended" | "superseded" | "timeout" | null;
  readonly seq: number;
  readonly startedAtMs: number;
  readonly orderKeyMs: number;
  /** NaN where the layout does not say. */
  readonly atMs: number;
  readonly nextAtMs: number | null;
  readonly sourceMs: number;
  readonly emittedMs: number;
}

export function parseOutputRecord(
  text: string,
  layout: LayoutName,
  position: Position,
): OutputRecord {
  return layout === "plain" ? parsePlain(text) : parseRtm(text, position);
}

function parsePlain(text: string): OutputRecord {
  const value = JSON.parse(text);
  const startedAtMs = Date.parse(value.startedAt);
  return {
    device: value.deviceId,
    session: sessionText(text, "sessionId"),
    accountId: value.accountId,
    status: value.status,
    reason: value.reason,
    seq: value.seq,
    startedAtMs,
    orderKeyMs: value.timestamp === null ? startedAtMs : Date.parse(value.timestamp),
    atMs: Date.parse(value.at),
    nextAtMs: value.nextAt === null ? null : Date.parse(value.nextAt),
    sourceMs: Date.parse(value.sourceTimestamp),
    emittedMs: Date.parse(value.emittedAt),
  };
}

function parseRtm(text: string, position: Position): OutputRecord {
  const value = JSON.parse(text);
  const debug = /^seq=(\d+) key=(-?\d+) reason=(.*)$/.exec(value.debug_info)!;
  const startedAtMs = Date.parse(value.session_timestamp);
  const nextAtMs = value.timer_info === null ? null : Date.parse(value.timer_info);
  return {
    device: value.deviceId,
    session: sessionText(text, "appSessionId"),
    accountId: value.psnAccountId,
    status: value.sessionStatus,
    reason: debug[3] === "" ? null : debug[3] as OutputRecord["reason"],
    seq: Number(debug[1]),
    startedAtMs,
    orderKeyMs: Number(debug[2]),
    atMs: atOf(value.sessionStatus, startedAtMs, nextAtMs, position),
    nextAtMs,
    sourceMs: Date.parse(value.upstream_timestamp),
    emittedMs: Date.parse(value.processing_timestamp),
  };
}

function atOf(
  status: OutputRecord["status"],
  startedAtMs: number,
  nextAtMs: number | null,
  { heartbeatIntervalMs, maxDurationMs }: Position,
): number {
  if (status === "SessionStart") return startedAtMs;
  if (nextAtMs === null) return NaN;
  if (nextAtMs < startedAtMs + maxDurationMs) return nextAtMs - heartbeatIntervalMs;
  return startedAtMs + (Math.ceil(maxDurationMs / heartbeatIntervalMs) - 1) * heartbeatIntervalMs;
}

/** The digits of a number as they stand, beyond what a double holds. */
function sessionText(text: string, field: string): string {
  const found = new RegExp(`"${field}":("(?:[^"\\\\]|\\\\.)*"|-?\\d+)`).exec(text)![1]!;
  return found.startsWith('"') ? JSON.parse(found) : found;
}
