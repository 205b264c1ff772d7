import { ConfigError } from "../config/config_problem.ts";
import { nearestName } from "../config/nearest_name.ts";
import { CommandFailure } from "./command_failure.ts";
import type { CommandSystem } from "./command.ts";
import { COMMANDS, findCommand } from "./command_registry.ts";
import { denoSystem } from "./deno_system.ts";
import { EXIT_BUG, EXIT_CONFIG, EXIT_OK, EXIT_USAGE } from "./exit_codes.ts";
import { OutputClosedError } from "./output_closed_error.ts";
import { UsageError } from "./usage_error.ts";

/** Commands under the names by which people try them, too. */
const ALIASES: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-V": "version",
};

/**
 * Runs one command line to its end and resolves to the exit code. Never rejects: what goes wrong is
 * told on standard error.
 */
export async function runCli(
  args: readonly string[],
  system: CommandSystem = denoSystem(),
): Promise<number> {
  const word = args[0] ?? "";
  try {
    return await dispatch(word, args.slice(1), system);
  } catch (error) {
    return explain(error, word, system);
  }
}

async function dispatch(
  word: string,
  rest: readonly string[],
  system: CommandSystem,
): Promise<number> {
  const entry = findCommand(Object.hasOwn(ALIASES, word) ? ALIASES[word]! : word);
  if (entry !== null) return await (await entry.load()).run(rest, system);
  if (word === "") throw new UsageError("A command is missing");
  if (word.startsWith("-")) {
    throw new UsageError(`Unknown flag ${word}`, "flags stand behind the command");
  }
  const nearest = nearestName(word, COMMANDS.map(({ name }) => name));
  throw new UsageError(
    `Unknown command ${JSON.stringify(word)}`,
    nearest === null ? null : `did you mean ${nearest}?`,
  );
}

function explain(error: unknown, word: string, system: CommandSystem): number {
  if (error instanceof OutputClosedError) return EXIT_OK;
  if (error instanceof ConfigError) {
    system.writeError(`${error.message}\n`);
    return EXIT_CONFIG;
  }
  if (error instanceof CommandFailure) {
    system.writeError(`sessionwheel ${word}: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof UsageError) {
    const entry = findCommand(word);
    const name = entry === null ? "sessionwheel" : `sessionwheel ${word}`;
    const hint = error.hint === null ? "" : ` (${error.hint})`;
    const help = entry === null ? "sessionwheel help" : `sessionwheel help ${word}`;
    system.writeError(`${name}: ${error.message}${hint}\nTry \`${help}\`.\n`);
    return EXIT_USAGE;
  }
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error && error.stack !== undefined ? `${error.stack}\n` : "";
  system.writeError(`sessionwheel: this is a bug of sessionwheel: ${message}\n${stack}`);
  return EXIT_BUG;
}
