import { defineCommand } from "./command.ts";
import { CONFIG_FLAGS } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_BUG } from "./exit_codes.ts";

export const TOPICS_COMMAND = defineCommand({
  name: "topics",
  summary: "create the topics that the configuration names",
  description:
    `Creates the input, output and dead-letter topics that do not exist yet, fit for their use.`,
  operands: [],
  flags: { ...CONFIG_FLAGS },
  run() {
    const failure = new CommandFailure("not part of this build", { exitCode: EXIT_BUG });
    return Promise.reject(failure);
  },
});
