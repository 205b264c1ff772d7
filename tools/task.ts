/**
 * What stands behind every `deno task`: `deno run -A tools/task.ts <task> [arguments]`.
 *
 * It imports nothing from outside the repository, so it starts on a machine that reaches no
 * registry but npm, and runs its children with the deno that runs itself, so `npx deno task …`
 * needs none on the PATH.
 */
import { runChild } from "./child.ts";
import { compile } from "./compile.ts";
import { importMapFlags } from "./import_map.ts";
import { ENTRY, PERMISSION_FLAGS, V8_FLAGS } from "./program.ts";
import { REPOSITORY } from "./repository.ts";
import { say } from "./say.ts";

type Task = (args: readonly string[]) => Promise<number>;

const TASKS: Readonly<Record<string, Task>> = {
  "ok": ok,
  "test": test,
  "compile": compile,
  "smoke": smoke,
  "bench": async (args) => await runChild(["bench", "-A", ...await importMapFlags(), ...args]),
  "bench:load": (args) => runTool("tests/bench/load.ts", args),
  "bench:start": (args) => runTool("tests/bench/start.ts", args),
  "sim": (args) => runTool("tests/sim/sim.ts", args),
  "chaos": (args) => runTool("tests/chaos/chaos.ts", args),
  "sessionwheel": (args) => runProgram(args),
  "demo": (args) => runProgram(["demo", ...args]),
  "ci": (args) => runChild(args, { command: ".ci/run" }),
};

/** Tasks of their own: programs that take minutes, and what needs the compiled binary. */
const NOT_IN_TEST = ["tests/chaos", "tests/smoke"];

/** Everything that has to hold before a change goes in. Arguments go to the tests. */
async function ok(args: readonly string[]): Promise<number> {
  const map = await importMapFlags();
  const checks: readonly (readonly string[])[] = [
    ["fmt", "--check"],
    ["lint"],
    ["check", ...map, ...await existing(["main.ts", "lib", "tests", "tools"])],
  ];
  const failed: string[] = [];
  for (const check of checks) {
    if (await runChild(check) !== 0) failed.push(`deno ${check[0]}`);
  }
  if (failed.length > 0) {
    say(`not ok: ${failed.join(", ")} failed`);
    // CI tells all that is wrong in one run; a person mends this first.
    if (Deno.env.get("CI") !== "true") return 1;
  }
  const tests = await runTests(map, args);
  return failed.length > 0 ? 1 : tests;
}

async function test(args: readonly string[]): Promise<number> {
  return await runTests(await importMapFlags(), args);
}

/** One file after the other: two cores cannot hold several brokers and timed runs at once. */
async function runTests(map: readonly string[], args: readonly string[]): Promise<number> {
  const files = args.some((arg) => !arg.startsWith("-")) ? [] : ["tests"];
  const ignore = `--ignore=${NOT_IN_TEST.join(",")}`;
  return await runChild(["test", "-A", ...map, ignore, ...args, ...files]);
}

/** Tries `dist/sessionwheel`, or the binary that SESSIONWHEEL_BINARY names. */
async function smoke(args: readonly string[]): Promise<number> {
  return await runChild(["test", "-A", ...await importMapFlags(), ...args, "tests/smoke"]);
}

function runProgram(args: readonly string[]): Promise<number> {
  const v8 = V8_FLAGS.length > 0 ? [`--v8-flags=${V8_FLAGS.join(",")}`] : [];
  return runChild(["run", ...PERMISSION_FLAGS, ...v8, ENTRY, ...args]);
}

async function runTool(path: string, args: readonly string[]): Promise<number> {
  return await runChild(["run", "-A", ...await importMapFlags(), path, ...args]);
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const stat = await Deno.stat(new URL(path, REPOSITORY)).catch(() => null);
    if (stat !== null) found.push(path);
  }
  return found;
}

if (import.meta.main) {
  const [name = "", ...args] = Deno.args;
  const task = TASKS[name];
  if (task === undefined) {
    say(`Unknown task "${name}"; there are: ${Object.keys(TASKS).join(", ")}`);
    Deno.exit(64);
  }
  Deno.exit(await task(args));
}
