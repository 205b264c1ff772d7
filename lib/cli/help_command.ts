import { nearestName } from "../config/nearest_name.ts";
import { defineCommand } from "./command.ts";
import { renderColumns } from "./command_help.ts";
import { COMMANDS, findCommand } from "./command_registry.ts";
import { EXIT_MEANINGS, EXIT_OK } from "./exit_codes.ts";
import { UsageError } from "./usage_error.ts";

/** What `help` explains besides commands. */
const CONFIG_TOPIC = "config";

export const HELP_COMMAND = defineCommand({
  name: "help",
  summary: "explain a command, or all keys of the configuration",
  description: "Lists the commands, explains one of them, or lists the keys of the configuration.",
  operands: [{
    name: "TOPIC",
    meaning: `a command, or ${CONFIG_TOPIC}`,
    required: false,
  }],
  flags: {},
  async run({ operands, system }) {
    system.writeOut(await explain(operands[0] ?? null));
    return EXIT_OK;
  },
});

async function explain(topic: string | null): Promise<string> {
  if (topic === null) return renderOverview();
  if (topic === CONFIG_TOPIC) {
    return (await import("../config/config_reference.ts")).renderReferenceText();
  }
  const entry = findCommand(topic);
  if (entry !== null) return (await entry.load()).help();
  const nearest = nearestName(topic, [...COMMANDS.map(({ name }) => name), CONFIG_TOPIC]);
  throw new UsageError(
    `No help for ${JSON.stringify(topic)}`,
    nearest === null ? null : `did you mean ${nearest}?`,
  );
}

function renderOverview(): string {
  const commands = COMMANDS.map(({ name, summary }) => [name, summary] as const);
  const exitCodes = EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning] as const);
  return `sessionwheel turns start and end events of devices into sessions with heartbeats.

Usage: sessionwheel COMMAND [flags]

Commands:
${renderColumns(commands)}

\`sessionwheel help COMMAND\` explains one of them, \`sessionwheel help config\` the configuration.

Exit codes:
${renderColumns(exitCodes)}
`;
}
