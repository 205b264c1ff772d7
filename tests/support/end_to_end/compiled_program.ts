/**
 * The compiled program for end-to-end tests, found or made once: `dist/sessionwheel` where it is
 * newer than its sources, else one compiled into the user's cache folder, named by the hash of the
 * sources, so that a run of the tests compiles only what has changed.
 */
import { compile } from "../../../tools/compile.ts";
import { ENTRY, PERMISSION_FLAGS } from "../../../tools/program.ts";
import { fromFileUrl, REPOSITORY } from "../../../tools/repository.ts";
import { say } from "../../../tools/say.ts";
import { withMachineLock } from "../kafka/kafka_jars.ts";

/** How the program is started: before its own arguments. */
export interface ProgramCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Run from source it needs the caches of deno, and with them the environment. */
  readonly isCompiled: boolean;
}

/** Names a binary to take as it is, as the smoke tests do. */
const BINARY_VARIABLE = "SESSIONWHEEL_BINARY";
const DIST = "dist/sessionwheel";

let found: Promise<ProgramCommand> | undefined;

/** @throws Error where it cannot be compiled and `CI=true`; elsewhere it is run from source then. */
export function programCommand(): Promise<ProgramCommand> {
  found ??= findProgram();
  return found;
}

async function findProgram(): Promise<ProgramCommand> {
  const named = Deno.env.get(BINARY_VARIABLE);
  if (named !== undefined) return compiled(named);
  const sources = await sourceFiles();
  const dist = fromFileUrl(new URL(DIST, REPOSITORY));
  const builtMs = await modifiedMs(dist);
  const changedMs = await Promise.all(sources.map(modifiedMs));
  if (builtMs > Math.max(...changedMs)) return compiled(dist);
  const binary = await withMachineLock("binary", () => compileToCache(sources));
  if (binary !== null) return compiled(binary);
  if (Deno.env.get("CI") === "true") throw new Error("Cannot compile the program to be tested");
  say("The program cannot be compiled: it is tested from source");
  return {
    command: Deno.execPath(),
    args: ["run", ...PERMISSION_FLAGS, fromFileUrl(new URL(ENTRY, REPOSITORY))],
    isCompiled: false,
  };
}

async function compileToCache(sources: readonly string[]): Promise<string | null> {
  const folder = cacheFolder();
  const binary = `${folder}/sessionwheel-${await hashOf(sources)}`;
  if (await modifiedMs(binary) > 0) return binary;
  // Each is a hundred megabytes, and only the newest is ever asked for again.
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  say(`${DIST} is missing or older than the sources: compiling the program for the tests`);
  if (await compile(["--quiet", `--output=${binary}.new`]) !== 0) return null;
  await Deno.rename(`${binary}.new`, binary);
  return binary;
}

function compiled(command: string): ProgramCommand {
  return { command, args: [], isCompiled: true };
}

function cacheFolder(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "."}/.cache`;
  return `${base}/sessionwheel-test-binary`;
}

async function sourceFiles(): Promise<string[]> {
  const files = [ENTRY, "deno.json", "deno.lock"].map((path) =>
    fromFileUrl(new URL(path, REPOSITORY))
  );
  for await (const file of filesBelow(fromFileUrl(new URL("lib", REPOSITORY)))) files.push(file);
  return files.sort();
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

/** 0 where there is no such file. */
async function modifiedMs(path: string): Promise<number> {
  const stat = await Deno.stat(path).catch(() => null);
  return stat?.mtime?.getTime() ?? 0;
}

async function hashOf(paths: readonly string[]): Promise<string> {
  const hashes = await Promise.all(paths.map(async (path) => {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
    return `${path} ${new Uint8Array(digest).toHex()}`;
  }));
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(hashes.join("\n")));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

const encoder = new TextEncoder();
