import { assert, assertEquals } from "@std/assert";
import { CANARIES } from "./canaries.ts";
import { runSeeds } from "./run_seeds.ts";
import { drawScenario, FAULT_KINDS, kindsOf } from "./scenario.ts";
import { countsText, failureText, replayCommand } from "./seed_report.ts";
import { shrink } from "./shrink.ts";
import { simulate, type SimulationResult } from "./simulation.ts";

const SEEDS = 2000;
/** Fewer steps than from the command line: seeds find more than steps do. */
const STEPS = 150;
const WORKERS = 2;
/** A planted bug has to show within so many seeds. */
const CANARY_SEEDS_MAX = 150;

Deno.test("The engine holds its promises in every simulated run", async () => {
  const limits = { steps: STEPS };
  const { seeds, counts, failures } = await runSeeds({
    first: 1,
    last: SEEDS,
    limits,
    workers: WORKERS,
    failuresMax: 1,
  });
  const told = failures.map(({ seed, result }) =>
    `${failureText(seed, result)}\n  again: ${replayCommand(seed, limits)}`
  );
  assertEquals(told, []);
  assertEquals(seeds, SEEDS);
  // A simulation in which nothing happens would find nothing.
  const { crashes, fenced, records, restoresCompared, checkpointsRead } = counts;
  const happened = [crashes, fenced, records, restoresCompared, checkpointsRead];
  assert(Math.min(...happened) > SEEDS / 20, countsText(counts));
});

Deno.test("A simulated run is the same every time", async () => {
  const run = async (): Promise<string[]> => {
    const lines: string[] = [];
    const scenario = drawScenario(7, { steps: 100 });
    const result = await simulate({ scenario, trace: (line) => lines.push(line) });
    lines.push(countsText(result.counts));
    return lines;
  };
  assertEquals(await run(), await run());
});

for (const [name, canary] of Object.entries(CANARIES)) {
  Deno.test(`The simulation finds the planted bug ${name}`, async () => {
    const remove = canary.plant();
    try {
      const found = await firstFailure(CANARY_SEEDS_MAX);
      assert(found !== null, `not within ${CANARY_SEEDS_MAX} seeds`);
    } finally {
      remove();
    }
  });
}

Deno.test("A failing run is made smaller and still fails", async () => {
  const remove = CANARIES.restorePointTooNew!.plant();
  try {
    const found = await firstFailure(20);
    assert(found !== null);
    const { limits, result } = await shrink(found.seed, {}, found.result, 30);
    const smaller = drawScenario(found.seed, limits);
    assert(result.faults.length > 0);
    assert(smaller.steps < drawScenario(found.seed).steps);
    assert(kindsOf(smaller).length < FAULT_KINDS.length / 2);
    const again = await simulate({ scenario: smaller });
    assertEquals(again.faults, result.faults);
  } finally {
    remove();
  }
});

async function firstFailure(
  seedsMax: number,
): Promise<{ seed: number; result: SimulationResult } | null> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const result = await simulate({ scenario: drawScenario(seed) });
    if (result.faults.length > 0) return { seed, result };
  }
  return null;
}
