/**
 * `deno task chaos`: harm of all kinds to an engine on a real broker, and what its consumers saw of
 * it. docs/chaos.md tells the method. Exit code 0 when all promises held, 1 when one did not, 64
 * for wrong arguments.
 */
import { say } from "../../tools/say.ts";
import { type ChaosMode, runMode } from "./chaos_run.ts";
import { type ChaosAmounts, type ChaosOptions, parseChaosOptions, USAGE } from "./chaos_options.ts";
import { runProgram } from "../support/command_line.ts";
import { CLOCK_MODE } from "./clock_runs.ts";
import { engineCommand } from "./engine_under_test.ts";
import { FAILPOINT_MODE } from "./failpoint_runs.ts";
import { KILL_MODE } from "./kill_runs.ts";
import { BLACKOUT_MODE, BOUNCE_MODE, FAULT_MODE } from "./outage_runs.ts";
import { STORAGE_MODE } from "./storage_runs.ts";
import { SLEEPER_MODE, ZOMBIE_MODE } from "./zombie_runs.ts";

const MODES: readonly (readonly [keyof ChaosAmounts, ChaosMode])[] = [
  ["kills", KILL_MODE],
  ["failpoints", FAILPOINT_MODE],
  ["zombies", ZOMBIE_MODE],
  ["sleepers", SLEEPER_MODE],
  ["bounces", BOUNCE_MODE],
  ["faults", FAULT_MODE],
  ["blackout", BLACKOUT_MODE],
  ["storage", STORAGE_MODE],
  ["clock", CLOCK_MODE],
];

function parse(args: readonly string[]): ChaosOptions {
  return parseChaosOptions(args, crypto.getRandomValues(new Uint32Array(1))[0]!);
}

async function run(options: ChaosOptions): Promise<number> {
  // SIGTERM would leave brokers and engines behind for a second; they notice that we are gone.
  print(`seed=${options.seed}`);
  print(`engine: ${engineCommand(options.engine).description}, ${options.devices} devices`);
  let isGood = true;
  for (const [amount, mode] of MODES) {
    if (options.amounts[amount] > 0) isGood = await runOne(mode, amount, options) && isGood;
  }
  print(`seed=${options.seed}`);
  return isGood ? 0 : 1;
}

async function runOne(
  mode: ChaosMode,
  amount: keyof ChaosAmounts,
  options: ChaosOptions,
): Promise<boolean> {
  const sinceMs = performance.now();
  const { lines, failures, folder } = await runMode(mode, options.amounts[amount], {
    ...options,
    say: (line) => say(`  ${line}`),
  });
  const seconds = Math.round((performance.now() - sinceMs) / 1000);
  const isGood = failures.length === 0;
  print(`${isGood ? "ok" : "FAILED"}: ${mode.name}, ${seconds} s`);
  for (const line of [...lines, ...failures]) print(`  ${line}`);
  if (isGood && !options.keep) await Deno.remove(folder, { recursive: true });
  else print(`  logs: ${folder}`);
  return isGood;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) Deno.exit(await runProgram({ usage: USAGE, parse, run }, Deno.args));
