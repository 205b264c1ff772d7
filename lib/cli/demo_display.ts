import type { EngineLatencies, EngineStatus } from "../telemetry/engine_status.ts";
import { eventsTotal, recordsTotal } from "../telemetry/engine_status.ts";
import { type HistogramCounts, quantileMs } from "../telemetry/latency_histogram.ts";
import type { ProcessInfo } from "../telemetry/process_info.ts";
import type { StatusWindow } from "../telemetry/status_window.ts";
import { VERSION } from "../version.ts";
import { count } from "./replay_summary.ts";

/** What the demo says first: what runs, where to look, what to try. */
export function renderBanner(about: {
  readonly url: string;
  readonly devices: number;
  readonly speed: number;
  readonly heartbeatIntervalMs: number;
  /** As JSON, in the configured layout. */
  readonly exampleEvent: string;
  readonly exampleDevice: string;
  readonly hasToken: boolean;
  readonly isTerminal: boolean;
}): string {
  const { url, isTerminal } = about;
  const bold = (text: string) => isTerminal ? `\x1b[1m${text}\x1b[22m` : text;
  const pace = about.speed === 1 ? "" : `, ${about.speed} times as fast as life`;
  const token = about.hasToken ? ` -H "authorization: Bearer $TOKEN"` : "";
  return `
${bold(`sessionwheel ${VERSION}`)}: ${count(about.devices)} simulated devices${pace}, no Kafka.
Each session gets a start, a heartbeat every ${duration(about.heartbeatIntervalMs)} and an end.

  live page   ${bold(`${url}/`)}
  numbers     ${url}/v1/stats
  metrics     ${url}/metrics

Put a device of your own in, and look at it:

  curl${token} ${url}/v1/events -H "content-type: application/json" \\
    -d '${about.exampleEvent}'
  curl${token} ${url}/v1/devices/${about.exampleDevice}

Ctrl-C ends it. Below: late = heartbeats behind their instant, latency = from an event to its
record acknowledged; both as the 99th percentile of the last ten seconds.

`;
}

/** The line while what lay in the topics at the beginning is still read. */
export function renderComing(active: number, elapsedMs: number): string {
  return `${clockTime(elapsedMs)}  ${count(active).padStart(7)} active  more are coming in`;
}

/** One line for what goes on now; rates and quantiles are of the last ten seconds. */
export function renderLive(
  status: EngineStatus,
  window: StatusWindow,
  elapsedMs: number,
): string {
  const rates = window.rates();
  // One status alone counts what lay in the topics before.
  const recent = (name: keyof EngineLatencies) => rates === null ? null : window.recent(name);
  const rate = (perSecond: number | undefined) =>
    perSecond === undefined ? "–" : count(Math.round(perSecond));
  return [
    clockTime(elapsedMs),
    `${count(status.sessions.active).padStart(7)} active`,
    `${rate(rates?.eventsPerSecond).padStart(4)} events/s`,
    `${rate(rates?.recordsPerSecond).padStart(5)} records/s`,
    `late ${p99(recent("heartbeatLateness")).padEnd(6)}`,
    `latency ${p99(recent("endToEnd"))}`,
  ].join("  ");
}

/** What it all came to. */
export function renderSummary(
  status: EngineStatus,
  about: {
    readonly elapsedMs: number;
    readonly process: ProcessInfo;
    readonly cpuSecondsBefore: number | null;
  },
): string {
  const { counters } = status;
  const { records, events } = counters;
  const rejected = Object.values(counters.rejected).reduce((sum, number) => sum + number, 0);
  const rows: readonly (readonly [string, string])[] = [
    ["ran for", duration(about.elapsedMs)],
    [
      "events in",
      `${count(eventsTotal(counters))}: ${count(events.start)} starts, ${
        count(events.end)
      } ends, ` +
      `${count(events.otherType)} of other types, ${count(rejected)} rejected`,
    ],
    [
      "of them",
      `${count(counters.duplicates)} duplicates, ${count(counters.lateStarts)} late starts, ` +
      `${count(counters.orphanEnds)} orphan ends`,
    ],
    [
      "records out",
      `${count(recordsTotal(records))}: ${count(records.start)} starts, ` +
      `${count(records.heartbeat)} heartbeats, ` +
      `${count(records.ended + records.superseded + records.timeout)} ends ` +
      `(${count(records.ended)} ended, ${count(records.superseded)} superseded, ` +
      `${count(records.timeout)} timed out)`,
    ],
    ["active", `${count(status.sessions.active)} sessions`],
    ["heartbeats", `late p99 ${p99(status.latencies.heartbeatLateness)}`],
    ["process", renderProcess(about)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(13)}${text}\n`).join("");
}

function renderProcess(about: {
  readonly elapsedMs: number;
  readonly process: ProcessInfo;
  readonly cpuSecondsBefore: number | null;
}): string {
  const { residentMemoryBytes, cpuSeconds } = about.process;
  const parts: string[] = [];
  if (residentMemoryBytes !== null) {
    parts.push(`${Math.round(residentMemoryBytes / 1e6)} MB of memory`);
  }
  if (cpuSeconds !== null && about.cpuSecondsBefore !== null) {
    const share = (cpuSeconds - about.cpuSecondsBefore) / Math.max(0.001, about.elapsedMs / 1000);
    parts.push(`${(share * 100).toFixed(1)} % of a core`);
  }
  return parts.join(", ");
}

/** `1.9 ms`, `12 s`; `–` while nothing was recorded. */
function p99(histogram: HistogramCounts | null): string {
  if (histogram === null || histogram.count === 0) return "–";
  return duration(quantileMs(histogram, 0.99));
}

/** `30 s`, `1.5 s`, `300 ms`, `1.9 ms`, `12 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 10) return `${trim(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trim((ms / 1_000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1_000);
  const rest = seconds % 60 === 0 ? "" : ` ${seconds % 60} s`;
  return `${Math.floor(seconds / 60)} min${rest}`;
}

function trim(number: string): string {
  return number.replace(/\.0$/, "");
}

/** `0:07`, `12:34`, `1:02:03` */
function clockTime(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const pad = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = pad(seconds % 60);
  return (hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`).padStart(5);
}
