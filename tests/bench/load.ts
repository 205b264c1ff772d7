/**
 * `deno task bench:load`: the reference load against a real broker, and what came out of it.
 * docs/benchmarks.md says how it measures. Exit code 0 for a good run, 1 when the engine did
 * something wrong, 2 when the run is void, 64 for wrong arguments.
 */
import { runProgram } from "../support/command_line.ts";
import { type LoadOptions, parseLoadOptions, USAGE } from "./load/load_options.ts";
import { renderReport } from "./load/load_report.ts";
import { LoadRun } from "./load/load_run.ts";
import { say } from "../../tools/say.ts";

async function run(options: LoadOptions): Promise<number> {
  const load = new LoadRun(options, say);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void load.close().finally(() => Deno.exit(130)));
  }
  const result = await load.run();
  const report = renderReport(result);
  await Deno.stdout.write(new TextEncoder().encode(report));
  if (options.reportFile !== null) await Deno.writeTextFile(options.reportFile, report);
  if (options.jsonFile !== null) {
    await Deno.writeTextFile(options.jsonFile, `${JSON.stringify(result)}\n`);
  }
  if (result.voidBecause.length > 0) return 2;
  return result.faults.length > 0 ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await runProgram({ usage: USAGE, parse: parseLoadOptions, run }, Deno.args));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
