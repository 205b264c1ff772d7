import type { ScenarioLimits } from "./scenario.ts";
import { addCounts, noCounts } from "./seed_report.ts";
import type { SeedNews, SeedWork } from "./seed_worker.ts";
import type { SimulationCounts, SimulationResult } from "./simulation.ts";

export interface SeedsOptions {
  readonly first: number;
  readonly last: number;
  readonly limits: ScenarioLimits;
  readonly workers: number;
  /** Ends the run after so many seeds that fail. */
  readonly failuresMax: number;
  readonly onProgress?: (seeds: number, counts: SimulationCounts) => void;
  readonly onFailure?: (seed: number, result: SimulationResult) => void;
}

export interface SeedsResult {
  readonly seeds: number;
  readonly counts: SimulationCounts;
  readonly failures: readonly { readonly seed: number; readonly result: SimulationResult }[];
}

/** Runs many seeds on several threads. */
export async function runSeeds(options: SeedsOptions): Promise<SeedsResult> {
  const { first, last, limits, workers, failuresMax, onProgress, onFailure } = options;
  const counts = noCounts();
  const failures: { seed: number; result: SimulationResult }[] = [];
  let seeds = 0;
  const runWorker = async (index: number) => {
    const worker = new Worker(new URL("./seed_worker.ts", import.meta.url), { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.onmessage = ({ data }: MessageEvent<SeedNews>) => {
      switch (data.kind) {
        case "ran":
          seeds += data.seeds;
          addCounts(counts, data.counts);
          onProgress?.(seeds, counts);
          break;
        case "failed":
          failures.push(data);
          onFailure?.(data.seed, data.result);
          if (failures.length >= failuresMax) resolve();
          break;
        case "done":
          resolve();
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    const work: SeedWork = { first: first + index, last, stride: workers, limits };
    worker.postMessage(work);
    try {
      await promise;
    } finally {
      worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, index) => runWorker(index)));
  failures.sort((a, b) => a.seed - b.seed);
  return { seeds, counts, failures };
}
