import { ABUSED, type AbuseResult, HELD, type HeldResult, QUIET } from "./http_abuse.ts";
import type { PartLatencies } from "./latencies.ts";
import type { LoadResult } from "./load_result.ts";
import { grouped, megabytes, table } from "./markdown.ts";

/** What abuse of the engine's HTTP did to it; nothing where none was asked for. */
export function abuseSections({ abuse, held, analyser, options }: LoadResult): string[] {
  const { parts } = analyser.latencies;
  const sections: string[] = [];
  const quiet = parts[QUIET];
  const abused = parts[ABUSED];
  if (abuse !== null && quiet !== undefined && abused !== undefined) {
    const rate = `${grouped(options.httpAbuse)} bad requests a second`;
    sections.push(
      table(["HTTP, halves in turn", "without", rate, "ratio"], [
        ...latencyRows(quiet, abused),
        cpuRow("engine, % of a core", abuse, "engine"),
        cpuRow("who sends them, % of a core", abuse, "abuser"),
      ]),
      table(["what came of them", "requests"], outcomeRows(abuse)),
    );
  }
  if (held !== null) sections.push(heldTable(held, parts[HELD]));
  return sections;
}

const NAMES = ["L1", "H", "L3", "H3"] as const;

function latencyRows(quiet: PartLatencies, abused: PartLatencies): string[][] {
  return NAMES.flatMap((name) =>
    (["p50", "p99"] as const).map((quantile) => {
      const without = quiet[name][quantile];
      const under = abused[name][quantile];
      return [`${name} ${quantile}, ms`, ms(without), ms(under), ratio(under, without)];
    })
  );
}

function cpuRow(name: string, { quiet, abused }: AbuseResult, of: "engine" | "abuser"): string[] {
  const share = (usage: AbuseResult["quiet"]) => usage[of] / usage.seconds * 100;
  const [without, under] = [share(quiet), share(abused)];
  return [name, without.toFixed(1), under.toFixed(1), of === "engine" ? ratio(under, without) : ""];
}

function outcomeRows({ requests, outcomes, slip }: AbuseResult): string[][] {
  const counts = Object.entries(outcomes).sort(([a], [b]) => a < b ? -1 : 1);
  return [
    ["sent", grouped(requests)],
    ...counts.map(([outcome, count]) => [OUTCOMES[outcome] ?? outcome, grouped(count)]),
    ["begun late by, p99, ms", ms(slip.p99)],
  ];
}

const OUTCOMES: Readonly<Record<string, string>> = {
  closed: "closed without an answer",
  held: "given up after 2 s",
  refused: "not connected",
};

function heldTable(held: HeldResult, latencies: PartLatencies | undefined): string {
  const { residentBytes: { before, most, after } } = held;
  const opened = held.failure === null
    ? grouped(held.opened)
    : `${grouped(held.opened)} (${held.failure})`;
  const rows = [
    ["opened, in seconds", `${opened}, ${held.openSeconds.toFixed(1)}`],
    ["closed by the engine meanwhile", grouped(held.closedByEngine)],
    ["engine, open files, of", `${held.openFilesMax}, ${grouped(held.openFilesLimit)}`],
    ["engine, RSS before, most, 10 s after, MB", [before, most, after].map(megabytes).join(", ")],
    [
      "asked meanwhile (`/livez` and a device), of that unanswered",
      `${held.probes}, ${held.probesFailed}`,
    ],
    ["the longest of these answers, ms", held.probeMaxMs.toFixed(0)],
    ["both answered after the release within, ms", held.recoveredMs?.toFixed(0) ?? "never"],
  ];
  if (latencies !== undefined) {
    rows.push(["L1, H p99 meanwhile, ms", `${ms(latencies.L1.p99)}, ${ms(latencies.H.p99)}`]);
  }
  return table([`${grouped(held.wanted)} connections held for 10 s`, ""], rows);
}

function ms(value: number | null): string {
  return value === null ? "" : value.toFixed(2);
}

function ratio(under: number | null, without: number | null): string {
  return under === null || without === null || without === 0 ? "" : (under / without).toFixed(2);
}
