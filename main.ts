import { VERSION } from "./lib/version.ts";

if (import.meta.main) {
  Deno.stdout.writeSync(new TextEncoder().encode(`sessionwheel ${VERSION}\n`));
}
