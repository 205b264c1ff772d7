/** The program: everything else is found from its commands. */
import { runCli } from "./lib/cli/cli.ts";

if (import.meta.main) Deno.exit(await runCli(Deno.args));
