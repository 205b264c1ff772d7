/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { drawScenario, type ScenarioLimits } from "./scenario.ts";
import { addCounts, noCounts } from "./seed_report.ts";
import { simulate, type SimulationCounts, type SimulationResult } from "./simulation.ts";

export interface SeedWork {
  readonly first: number;
  readonly last: number;
  /** Every so manieth seed from the first. */
  readonly stride: number;
  readonly limits: ScenarioLimits;
}

export type SeedNews =
  | { readonly kind: "failed"; readonly seed: number; readonly result: SimulationResult }
  | { readonly kind: "ran"; readonly seeds: number; readonly counts: SimulationCounts }
  | { readonly kind: "done" };

const tell = (news: SeedNews) => self.postMessage(news);

self.onmessage = async ({ data }: MessageEvent<SeedWork>) => {
  let counts = noCounts();
  let seeds = 0;
  for (let seed = data.first; seed <= data.last; seed += data.stride) {
    const result = await simulate({ scenario: drawScenario(seed, data.limits) });
    addCounts(counts, result.counts);
    seeds++;
    if (result.faults.length > 0) tell({ kind: "failed", seed, result });
    if (seeds < SEEDS_PER_MESSAGE) continue;
    tell({ kind: "ran", seeds, counts });
    counts = noCounts();
    seeds = 0;
  }
  tell({ kind: "ran", seeds, counts });
  tell({ kind: "done" });
};

const SEEDS_PER_MESSAGE = 20;
