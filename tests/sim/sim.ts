/**
 * The deterministic simulation from the command line: `deno task sim --seed N`, or
 * `--seeds A..B`, with `--steps`, `--devices`, `--without KINDS`, `--trace`, `--canary NAME`,
 * `--workers N`. The first and the last line tell the seed; a run that fails is made smaller, and
 * how to repeat it is printed. Exit code 1 when a seed fails.
 */
import { parseArgs } from "node:util";
import { CANARIES } from "./canaries.ts";
import { runSeeds } from "./run_seeds.ts";
import {
  drawScenario,
  FAULT_KINDS,
  type FaultKind,
  kindsOf,
  type ScenarioLimits,
} from "./scenario.ts";
import { countsText, failureText, replayCommand } from "./seed_report.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    steps: { type: "string" },
    devices: { type: "string" },
    without: { type: "string" },
    canary: { type: "string" },
    workers: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
  },
});

const encoder = new TextEncoder();

function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

function refuse(message: string): never {
  say(message);
  Deno.exit(64);
}

function limitsOf(): ScenarioLimits {
  const without = values.without?.split(",") ?? [];
  for (const kind of without) {
    if (!FAULT_KINDS.includes(kind as FaultKind)) {
      refuse(`There is no fault ${kind}; there are: ${FAULT_KINDS.join(", ")}`);
    }
  }
  return {
    ...(values.steps === undefined ? {} : { steps: Number(values.steps) }),
    ...(values.devices === undefined ? {} : { devices: Number(values.devices) }),
    ...(without.length === 0 ? {} : { without: without as FaultKind[] }),
  };
}

/** @returns whether the seed holds. */
async function runOne(seed: number, limits: ScenarioLimits): Promise<boolean> {
  const scenario = drawScenario(seed, limits);
  say(`seed=${seed}`);
  say(`faults: ${kindsOf(scenario).join(", ") || "none"}`);
  const result = await simulate({ scenario, ...(values.trace ? { trace: say } : {}) });
  say(countsText(result.counts));
  if (result.faults.length > 0) {
    say(failureText(seed, result));
    if (!values.trace) await report(seed, limits, result);
  }
  say(`seed=${seed}`);
  return result.faults.length === 0;
}

async function report(
  seed: number,
  limits: ScenarioLimits,
  result: Awaited<ReturnType<typeof simulate>>,
): Promise<void> {
  const shrunk = await shrink(seed, limits, result);
  say(`made smaller in ${shrunk.runs} runs:`);
  say(failureText(seed, shrunk.result));
  say(`again: ${replayCommand(seed, shrunk.limits, values.canary)} --trace`);
}

/** @returns whether all of them hold. */
async function runMany(range: string, limits: ScenarioLimits): Promise<boolean> {
  const [first, last] = range.split("..").map(Number);
  if (!Number.isInteger(first) || !Number.isInteger(last)) refuse("--seeds is FIRST..LAST");
  say(`seed=${range}`);
  const startMs = performance.now();
  const { seeds, counts, failures } = await runSeeds({
    first: first!,
    last: last!,
    limits,
    workers: Number(values.workers),
    failuresMax: 10,
    onFailure: (seed, result) => say(failureText(seed, result)),
    onProgress: (ran, sofar) => {
      if (ran % 1000 < 20) say(`${ran} seeds: ${countsText(sofar)}`);
    },
  });
  if (failures.length > 0) await report(failures[0]!.seed, limits, failures[0]!.result);
  const seconds = (performance.now() - startMs) / 1000;
  say(
    `${seeds} seeds in ${seconds.toFixed(1)} s, ${failures.length} failed: ${countsText(counts)}`,
  );
  say(`seed=${range}`);
  return failures.length === 0;
}

const limits = limitsOf();
if (values.canary !== undefined) {
  const canary = CANARIES[values.canary];
  if (canary === undefined) {
    refuse(`There is no canary ${values.canary}; there are: ${Object.keys(CANARIES).join(", ")}`);
  }
  canary.plant();
}
const isFine = values.seeds === undefined
  ? await runOne(Number(values.seed ?? "1"), limits)
  : await runMany(values.seeds, limits);
Deno.exit(isFine ? 0 : 1);
