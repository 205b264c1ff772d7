/**
 * The deterministic simulation from the command line, `deno task sim --help`. The first and the last
 * line tell the seed; a run that fails is made smaller, and how to repeat it is printed. Exit code 0
 * when every seed holds, 1 when one fails, 64 for wrong arguments.
 */
import { runProgram } from "../support/command_line.ts";
import { CANARIES } from "./canaries.ts";
import { runSeeds } from "./run_seeds.ts";
import { drawScenario, kindsOf } from "./scenario.ts";
import { countsText, failureText, replayCommand } from "./seed_report.ts";
import { shrink } from "./shrink.ts";
import { parseSimOptions, type SimOptions, USAGE } from "./sim_options.ts";
import { simulate } from "./simulation.ts";

const FAILURES_MAX = 10;

const encoder = new TextEncoder();

function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

/** @returns whether the seed holds. */
async function runOne(options: SimOptions): Promise<boolean> {
  const { first: seed, limits, trace } = options;
  const scenario = drawScenario(seed, limits);
  say(`seed=${seed}`);
  say(`faults: ${kindsOf(scenario).join(", ") || "none"}`);
  const result = await simulate({ scenario, ...(trace ? { trace: say } : {}) });
  say(countsText(result.counts));
  if (result.faults.length > 0) {
    say(failureText(seed, result));
    if (!trace) await report(seed, options, result);
  }
  say(`seed=${seed}`);
  return result.faults.length === 0;
}

async function report(
  seed: number,
  { limits, canary }: SimOptions,
  result: Awaited<ReturnType<typeof simulate>>,
): Promise<void> {
  const shrunk = await shrink(seed, limits, result);
  say(`made smaller in ${shrunk.runs} runs:`);
  say(failureText(seed, shrunk.result));
  say(`again: ${replayCommand(seed, shrunk.limits, canary)} --trace`);
}

/** @returns whether all of them hold. */
async function runMany(options: SimOptions): Promise<boolean> {
  const { first, last, limits, workers } = options;
  say(`seed=${first}..${last}`);
  const startMs = performance.now();
  const { seeds, counts, failures } = await runSeeds({
    first,
    last,
    limits,
    workers,
    failuresMax: FAILURES_MAX,
    onFailure: (seed, result) => say(failureText(seed, result)),
    onProgress: (ran, sofar) => {
      if (ran % 1000 < 20) say(`${ran} seeds: ${countsText(sofar)}`);
    },
  });
  if (failures.length > 0) await report(failures[0]!.seed, options, failures[0]!.result);
  const seconds = (performance.now() - startMs) / 1000;
  say(
    `${seeds} seeds in ${seconds.toFixed(1)} s, ${failures.length} failed: ${countsText(counts)}`,
  );
  say(`seed=${first}..${last}`);
  return failures.length === 0;
}

async function run(options: SimOptions): Promise<number> {
  if (options.canary !== null) CANARIES[options.canary]!.plant();
  const isFine = options.isRange ? await runMany(options) : await runOne(options);
  return isFine ? 0 : 1;
}

if (import.meta.main) {
  Deno.exit(await runProgram({ usage: USAGE, parse: parseSimOptions, run }, Deno.args));
}
