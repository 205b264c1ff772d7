import type { ScenarioLimits } from "./scenario.ts";
import type { SimulationCounts, SimulationResult } from "./simulation.ts";

/** How a failing run is repeated. */
export function replayCommand(
  seed: number,
  limits: ScenarioLimits,
  canary: string | null = null,
): string {
  const words = [`deno task sim --seed ${seed}`];
  if (limits.steps !== undefined) words.push(`--steps ${limits.steps}`);
  if (limits.devices !== undefined) words.push(`--devices ${limits.devices}`);
  if (limits.without !== undefined && limits.without.length > 0) {
    words.push(`--without ${limits.without.join(",")}`);
  }
  if (canary !== null) words.push(`--canary ${canary}`);
  return words.join(" ");
}

export function failureText(seed: number, result: SimulationResult): string {
  const shown = result.faults.slice(0, 5).map((fault) => `  ${fault}`);
  const more = result.faults.length - shown.length;
  if (more > 0) shown.push(`  and ${more} more`);
  return [`seed=${seed} fails after step ${result.failedAt}:`, ...shown].join("\n");
}

export function addCounts(sum: SimulationCounts, counts: SimulationCounts): void {
  for (const name of Object.keys(counts) as (keyof SimulationCounts)[]) sum[name] += counts[name];
}

export function noCounts(): SimulationCounts {
  return {
    records: 0,
    batches: 0,
    sessions: 0,
    processes: 0,
    crashes: 0,
    fenced: 0,
    stops: 0,
    checkpointsWritten: 0,
    checkpointsRead: 0,
    restoresCompared: 0,
  };
}

export function countsText(counts: SimulationCounts): string {
  return Object.entries(counts).map(([name, count]) => `${name}=${count}`).join(" ");
}
