import { abuseSections } from "./http_abuse_report.ts";
import type { CollectorPauses, HeapTrace } from "./collector_trace.ts";
import type { LoadResult } from "./load_result.ts";
import { machineLine } from "./machine.ts";
import { grouped, megabytes, table } from "./markdown.ts";
import type { Quantiles } from "./quantiles.ts";
import type { Course, Resources } from "./resource_samples.ts";

/** A run as Markdown: what was measured, with what, and whether it counts. */
export function renderReport(result: LoadResult): string {
  const { options, usage, analyser } = result;
  const sections = [
    `# ${title(result)}`,
    verdict(result),
    table(["", ""], configurationRows(result)),
  ];
  if (result.catchUp !== null) sections.push(table(["catch-up", ""], catchUpRows(result)));
  if (options.mode !== "catch-up") {
    const { changes, starts, ends, heartbeats } = analyser.latencies;
    sections.push(table(
      ["ms", "records", "p50", "p90", "p99", "p99.9", "max"],
      [
        latencyRow("L1 starts and ends, made", changes.L1),
        latencyRow("L1 starts", starts.L1),
        latencyRow("L1 ends", ends.L1),
        latencyRow("L2 starts and ends, appended", changes.L2),
        latencyRow("L3 starts and ends, seen", changes.L3),
        latencyRow("H heartbeats, made", heartbeats.H),
        latencyRow("H2 heartbeats, appended", heartbeats.H2),
        latencyRow("H3 heartbeats, seen", heartbeats.H3),
        latencyRow("the generator's own slip", result.generator.slip),
        latencyRow("input acknowledged", result.generator.acknowledged),
      ].filter((row) => row !== null),
    ));
  }
  if (result.restart !== null) {
    sections.push(table(["since it was started again", "ms"], restartRows(result)));
  }
  sections.push(table(["records", ""], recordRows(result)));
  sections.push(
    table(
      ["CPU", "% of a core", "CPU-s per 1M records"],
      [
        ...Object.entries(usage.processes),
        ["others and kernel", usage.otherSeconds] as const,
        [
          "whole machine",
          usage.busySeconds,
        ] as const,
      ].map(([name, seconds]) => [
        name,
        (seconds / usage.seconds * 100).toFixed(1),
        (seconds / countedRecords(result) * 1e6).toFixed(2),
      ]),
    ),
  );
  sections.push(table(["engine memory", "MB"], memoryRows(result)));
  if (result.resources !== null) sections.push(resourceTable(result.resources));
  if (result.collector !== null) sections.push(collectorTable(result.collector));
  sections.push(...abuseSections(result));
  if (analyser.examples.length > 0) {
    sections.push(["```", ...analyser.examples, "```"].join("\n"));
  }
  return `${sections.join("\n\n")}\n`;
}

function title({ options, catchUp }: LoadResult): string {
  if (catchUp !== null) return `Catch-up of ${grouped(catchUp.events)} events`;
  return `${grouped(options.sessions)} sessions, ${grouped(options.rate)} events a minute${
    RESTARTS[options.mode] ?? ""
  }`;
}

const RESTARTS: Readonly<Record<string, string>> = {
  "restart-kill": ", kill -9 and restart",
  "restart-clean": ", stop and restart",
};

function verdict(result: LoadResult): string {
  const lines: string[] = [];
  for (const reason of result.voidBecause) lines.push(`**Void:** ${reason}.`);
  for (const fault of result.faults) lines.push(`**Fault:** ${fault}.`);
  for (const disturbance of result.disturbances) lines.push(`**Disturbed:** ${disturbance}.`);
  if (result.faults.length === 0) {
    lines.push("Nothing missing, nothing twice, nothing out of order.");
  }
  return lines.join("\n");
}

function configurationRows({ options, machine, engine, startedAt }: LoadResult): string[][] {
  return [
    ["machine", machineLine(machine)],
    ["when", startedAt],
    ["engine", [engine, ...options.settings].join(" ")],
    [
      "broker",
      options.broker ?? "one node on this machine, ZGC, 2 GB; PLAINTEXT, replication 1",
    ],
    [
      "topics",
      `${options.partitions} + ${options.partitions} partitions, segments of ` +
      `${megabytes(options.segmentBytes)} MB, retention ${megabytes(options.retentionBytes)} MB ` +
      `a partition${options.logAppendTime ? ", output with log-append time" : ""}`,
    ],
    [
      "load",
      options.mode === "catch-up"
        ? `timestamps over ${options.backlogMinutes} min`
        : `preload ${options.heartbeatMs / 1000} s, warm-up ${options.warmupSeconds} s, measured ` +
          `${options.minutes} min`,
    ],
    ["heartbeat interval", `${options.heartbeatMs / 1000} s`],
    ["analyser", `a fetch every ${options.fetchIntervalMs} ms at most`],
    ["seed", String(options.seed)],
  ];
}

function catchUpRows({ catchUp, usage }: LoadResult): string[][] {
  if (catchUp === null) return [];
  return [
    ["events", grouped(catchUp.events)],
    ["first record to last change, s", catchUp.seconds.toFixed(2)],
    ["process start to first record, s", catchUp.secondsToFirst.toFixed(2)],
    ["events a second", grouped(Math.round(catchUp.eventsPerSecond))],
    [
      "events a CPU-second of the engine, its start included",
      grouped(Math.round(catchUp.events / (usage.processes["engine"] ?? NaN))),
    ],
  ];
}

function restartRows({ restart }: LoadResult): string[][] {
  if (restart === null) return [];
  const ms = (value: number | null) => value === null ? "never" : value.toFixed(0);
  return [
    ["(from the signal to the end of the process before)", ms(restart.stopMs)],
    ["first batch of any shard", ms(restart.firstBatchMs)],
    ["first batch of every shard", ms(restart.everyShardMs)],
    ["silent", ms(restart.silentMs)],
  ];
}

function recordRows({ analyser, usage, activeSessions, options }: LoadResult): string[][] {
  const { faults, missing } = analyser;
  const rate = analyser.recordsInWindow / usage.seconds;
  const lost = missing.starts + missing.heartbeats + missing.ends + faults.missing;
  const rows = [
    [
      "starts, ends, heartbeats",
      [analyser.starts, analyser.ends, analyser.heartbeats]
        .map(grouped).join(", "),
    ],
    ["active sessions at the end", grouped(activeSessions)],
    ["events dated to the engine's now", grouped(analyser.corrected)],
    ["missing, duplicate, out of order", [lost, faults.duplicate, faults.outOfOrder].join(", ")],
    [
      "left out (the next was due as well), in the window",
      [
        analyser.leftOut,
        analyser.leftOutInWindow,
      ].map(grouped).join(", "),
    ],
    [
      "bytes, batches, fetches",
      [analyser.bytes, analyser.batches, analyser.fetches].map(grouped).join(", "),
    ],
  ];
  if (options.mode === "catch-up") return rows;
  const perRecord = analyser.bytesInWindow / analyser.recordsInWindow;
  return [
    ["records a second, measured", grouped(Math.round(rate))],
    [
      "bytes a record, MB a second, measured",
      [
        perRecord.toFixed(0),
        (rate * perRecord / 1e6).toFixed(1),
      ].join(", "),
    ],
    ...rows,
  ];
}

function memoryRows({ memory, activeSessions }: LoadResult): string[][] {
  const perSession = (memory.loaded - memory.empty) / Math.max(1, activeSessions);
  return [
    ["before the first event", megabytes(memory.empty)],
    ["at the end, most ever", `${megabytes(memory.loaded)}, ${megabytes(memory.peak)}`],
    ["bytes a session, beyond the empty process", perSession.toFixed(0)],
  ];
}

/** Whether anything grows that should not: the table of a soak. */
function resourceTable(resources: Resources): string {
  const { residentBytes, heapUsedBytes, openFiles, rssSlopeMbPerHour, checkpointPauseMaxMs } =
    resources;
  const row = (name: string, course: Course, of: (value: number) => string) => [
    name,
    of(course.first),
    of(course.last),
    of(course.max),
  ];
  const title = `engine, ${resources.samples} samples over ${resources.minutes.toFixed(1)} min`;
  const rows = [
    row("RSS, MB", residentBytes, tenths),
    ...(heapUsedBytes === null ? [] : [row("heap used, MB", heapUsedBytes, tenths)]),
    row("open files", openFiles, String),
  ];
  if (rssSlopeMbPerHour !== null) {
    rows.push(["RSS, slope of all samples, MB an hour", rssSlopeMbPerHour.toFixed(2), "", ""]);
  }
  if (checkpointPauseMaxMs !== null) {
    const most = checkpointPauseMaxMs.toFixed(2);
    rows.push(["a checkpoint held the engine in one go, ms", "", "", most]);
  }
  return table([title, "first", "last", "most"], rows);
}

function collectorTable(heaps: readonly HeapTrace[]): string {
  const pauses = (found: readonly CollectorPauses[]) => [
    grouped(found.reduce((sum, { count }) => sum + count, 0)),
    found.reduce((sum, { totalMs }) => sum + totalMs, 0).toFixed(0),
    Math.max(0, ...found.map(({ maxMs }) => maxMs)).toFixed(2),
  ];
  const [busiest, ...others] = heaps;
  const rows: string[][] = [];
  if (busiest !== undefined) {
    const { scavenges, markCompacts, markingStepMaxMs, liveMb } = busiest;
    rows.push(
      ["scavenges of the engine's thread", ...pauses([scavenges])],
      ["mark-compacts of it", ...pauses([markCompacts])],
      ["a step of its marking", "", "", markingStepMaxMs.toFixed(2)],
      [
        "all of other threads",
        ...pauses(others.flatMap((heap) => [heap.scavenges, heap.markCompacts])),
      ],
    );
    if (liveMb !== null) {
      const live = `${liveMb.first.toFixed(1)}, ${liveMb.last.toFixed(1)}`;
      rows.push(["live after its first and last mark-compact, MB", live, "", ""]);
    }
  }
  return table(["the collector", "pauses", "ms, all", "ms, longest"], rows);
}

function tenths(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function countedRecords({ options, analyser }: LoadResult): number {
  const all = analyser.starts + analyser.ends + analyser.heartbeats;
  return Math.max(1, options.mode === "catch-up" ? all : analyser.recordsInWindow);
}

function latencyRow(name: string, q: Quantiles): string[] | null {
  if (q.count === 0) return null;
  const ms = (value: number | null) => value === null ? "" : value.toFixed(1);
  return [name, grouped(q.count), ms(q.p50), ms(q.p90), ms(q.p99), ms(q.p999), ms(q.max)];
}
