import { drawScenario, FAULT_KINDS, kindsOf, type ScenarioLimits } from "./scenario.ts";
import { simulate, type SimulationResult } from "./simulation.ts";

export interface Shrunk {
  readonly limits: ScenarioLimits;
  readonly result: SimulationResult;
  readonly runs: number;
}

/**
 * Makes a failing run smaller while it still fails: fewer steps, fewer kinds of faults, fewer
 * devices. What fails may become another thing on the way; it is found by the same seed.
 */
export async function shrink(
  seed: number,
  limits: ScenarioLimits,
  failed: SimulationResult,
  runsMax = 80,
): Promise<Shrunk> {
  let best = limits;
  let result = failed;
  let runs = 0;
  const tries = async (smaller: ScenarioLimits): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs++;
    const tried = await simulate({ scenario: drawScenario(seed, smaller) });
    if (tried.faults.length === 0) return false;
    best = smaller;
    result = tried;
    return true;
  };
  const fewerSteps = async () => {
    while (result.failedAt + 1 < drawScenario(seed, best).steps) {
      if (!await tries({ ...best, steps: result.failedAt + 1 })) return;
    }
    for (let steps = drawScenario(seed, best).steps >> 1; steps > 0; steps >>= 1) {
      if (!await tries({ ...best, steps })) return;
    }
  };
  await fewerSteps();
  for (const kind of FAULT_KINDS) {
    if (!kindsOf(drawScenario(seed, best)).includes(kind)) continue;
    await tries({ ...best, without: [...(best.without ?? []), kind] });
  }
  for (let devices = 1; devices < drawScenario(seed, best).devices; devices *= 2) {
    if (await tries({ ...best, devices })) break;
  }
  await fewerSteps();
  return { limits: best, result, runs };
}
