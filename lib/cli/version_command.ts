import { VERSION } from "../version.ts";
import { buildCommit } from "./build_commit.ts";
import { defineCommand } from "./command.ts";
import { EXIT_OK } from "./exit_codes.ts";

export const VERSION_COMMAND = defineCommand({
  name: "version",
  summary: "print the version",
  description: "Prints the version and what it runs on, in one line.",
  operands: [],
  flags: {},
  run({ system }) {
    const { arch, os } = Deno.build;
    const runtime = `deno ${Deno.version.deno}, v8 ${Deno.version.v8}, ${arch}-${os}`;
    const commit = buildCommit();
    const source = commit === "unknown" ? "" : `commit ${commit}, `;
    system.writeOut(`sessionwheel ${VERSION} (${source}${runtime})\n`);
    return Promise.resolve(EXIT_OK);
  },
});
