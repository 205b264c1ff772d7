/**
 * The import map for machines that cannot reach JSR.
 *
 * Only tests and tools import `@std/…`, and the program itself needs npm alone. Where JSR answers,
 * `deno.json` is used as it is. Where it does not, the same imports are passed as an
 * `--import-map` that replaces each `jsr:` entry by a thin stand-in of ours; the flag replaces the
 * imports of `deno.json` wholly, so the map is made from them and no version is written twice.
 */
import { fromFileUrl, REPOSITORY } from "./repository.ts";
import { say } from "./say.ts";

/** A registry that hangs is as good as none. */
const PROBE_TIMEOUT_MS = 8_000;

interface ImportMap {
  readonly imports: Readonly<Record<string, string>>;
}

/**
 * Flags that make every import resolvable here: none where JSR answers (or is cached), else one
 * `--import-map` with a `data:` URL, which holds in workers and in compiled programs too.
 */
export async function importMapFlags(): Promise<readonly string[]> {
  const { imports }: ImportMap = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", REPOSITORY)),
  );
  const fromJsr = Object.values(imports).filter((target) => target.startsWith("jsr:"));
  if (fromJsr.length === 0 || await canResolve(fromJsr)) return [];
  say("JSR cannot be reached: the stand-ins of tools/stand_ins take the place of @std");
  const map = withStandIns({ imports }, REPOSITORY);
  return [`--import-map=data:application/json;base64,${btoa(JSON.stringify(map))}`];
}

/** The same map with `@std/x` from `tools/stand_ins/x.ts` and without relative targets. */
export function withStandIns(map: ImportMap, base: URL): ImportMap {
  const imports: Record<string, string> = {};
  for (const [name, target] of Object.entries(map.imports)) {
    if (target.startsWith("jsr:")) {
      const standIn = `tools/stand_ins/${name.replace("@std/", "")}.ts`;
      imports[name] = new URL(standIn, base).href;
    } else {
      // A relative target would be relative to the data: URL.
      imports[name] = /^\.{0,2}\//.test(target) ? new URL(target, base).href : target;
    }
  }
  return { imports };
}

async function canResolve(specifiers: readonly string[]): Promise<boolean> {
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--no-config", "--no-lock", ...specifiers],
    cwd: fromFileUrl(REPOSITORY),
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
  });
  return (await probe.output()).success;
}
