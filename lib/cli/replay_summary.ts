import type { ReplaySummary } from "../engine/replay.ts";
import {
  LINE_ENDED,
  LINE_HEARTBEAT,
  LINE_START,
  LINE_SUPERSEDED,
  LINE_TIMEOUT,
} from "../core/line_sink.ts";

/**
 * What a replay did, in a few lines for people: lines, events, rejected by reason, records by
 * kind, what was odd, where the clock stands, and how fast it went.
 */
export function renderReplaySummary(summary: ReplaySummary, elapsedMs: number): string {
  const { records, counters, rejected } = summary;
  const record = (kind: number) => records[kind] ?? 0;
  const ends = record(LINE_ENDED) + record(LINE_SUPERSEDED) + record(LINE_TIMEOUT);
  const rejections = Object.entries(rejected).filter(([, lines]) => lines > 0);
  const rejectedLines = rejections.reduce((sum, [, lines]) => sum + lines, 0);
  const rows: [string, number | string, string][] = [
    ["lines", summary.lines, summary.interrupted ? "interrupted there" : ""],
    ["events", summary.events, list([["start", summary.starts], ["end", summary.ends]])],
    [
      "ignored",
      summary.withoutEvent + summary.otherType,
      list([["empty or null", summary.withoutEvent], ["other type", summary.otherType]]),
    ],
    ["rejected", rejectedLines, list(rejections)],
    [
      "records",
      record(LINE_START) + record(LINE_HEARTBEAT) + ends,
      list([
        ["SessionStart", record(LINE_START)],
        ["SessionHeartbeat", record(LINE_HEARTBEAT)],
        ["SessionEnd", ends],
      ]),
    ],
    [
      "ends",
      ends,
      list([
        ["ended", record(LINE_ENDED)],
        ["superseded", record(LINE_SUPERSEDED)],
        ["timeout", record(LINE_TIMEOUT)],
      ]),
    ],
    ["duplicates", counters.duplicates, ""],
    ["late starts", counters.lateStarts, ""],
    [
      "early ends",
      counters.earlyEnds,
      counters.orphanEnds === 0 ? "" : `${count(counters.orphanEnds)} without a start in time`,
    ],
    [
      "dropped starts",
      counters.droppedStarts,
      counters.droppedStarts === 0 ? "" : "limits.maxSessions was reached",
    ],
    [
      "corrected",
      summary.timestampsCorrected,
      summary.timestampsCorrected === 0 ? "" : "timestampMs was below 0",
    ],
    [
      "active",
      summary.activeSessions,
      summary.clockMs === 0 ? "" : `at ${new Date(summary.clockMs).toISOString()}`,
    ],
  ];
  const speed = `${seconds(elapsedMs)}, ${count(perSecond(summary.events, elapsedMs))} events/s\n`;
  const optional = ["duplicates", "late starts", "early ends", "dropped starts", "corrected"];
  return rows
    .filter(([name, value]) => value !== 0 || !optional.includes(name))
    .map(([name, value, note]) => row(name, value, note))
    .join("") + row("took", speed.trimEnd(), "");
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function perSecond(events: number, elapsedMs: number): number {
  return Math.round(events / Math.max(elapsedMs, 1) * 1000);
}

function row(name: string, value: number | string, note: string): string {
  const text = typeof value === "number" ? count(value).padStart(11) : value;
  return `${name.padEnd(14)} ${text}${note === "" ? "" : `  (${note})`}\n`;
}

function list(parts: readonly (readonly [string, number])[]): string {
  return parts.filter(([, value]) => value > 0)
    .map(([name, value]) => `${name} ${count(value)}`)
    .join(", ");
}

function seconds(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(elapsedMs < 10_000 ? 2 : 1)} s`;
}
