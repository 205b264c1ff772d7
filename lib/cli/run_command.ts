import { defineCommand } from "./command.ts";
import { CONFIG_FLAGS } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_BUG } from "./exit_codes.ts";

export const RUN_COMMAND = defineCommand({
  name: "run",
  summary: "turn events from Kafka into session records in Kafka",
  description:
    `Reads events from the input topics and writes session records to the output topic until it is
told to stop (SIGTERM, SIGINT). Waits for its brokers as long as it takes.`,
  operands: [],
  flags: { ...CONFIG_FLAGS },
  run() {
    const failure = new CommandFailure("not part of this build", { exitCode: EXIT_BUG });
    return Promise.reject(failure);
  },
});
