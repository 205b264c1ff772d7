import type { ConfigFiles } from "../config/config_files.ts";
import { renderCommandHelp } from "./command_help.ts";
import { EXIT_OK } from "./exit_codes.ts";
import { parseFlags } from "./flag_parser.ts";
import type { FlagSpecs, FlagValues } from "./flag_spec.ts";
import { UsageError } from "./usage_error.ts";

/** One word of the command line, `sessionwheel <name> …`. */
export interface Command {
  readonly name: string;
  /** One clause for the list of commands. */
  readonly summary: string;
  /** Usage, description and flags, as `--help` prints them. */
  help(): string;
  /**
   * Resolves to the exit code once everything is done and written.
   *
   * @throws UsageError, CommandFailure, ConfigError: shown without a stack; anything else is our bug.
   */
  run(args: readonly string[], system: CommandSystem): Promise<number>;
}

/** What a command is made of. */
export interface CommandDefinition<S extends FlagSpecs> {
  readonly name: string;
  readonly summary: string;
  /** Sentences below the usage line; may be several paragraphs. */
  readonly description: string;
  /** What stands on the line besides flags. */
  readonly operands: readonly Operand[];
  readonly flags: S;
  run(invocation: Invocation<S>): Promise<number>;
}

export interface Operand {
  /** In capitals, like `FILE`. */
  readonly name: string;
  readonly meaning: string;
  readonly required: boolean;
}

/** One call of a command. */
export interface Invocation<S extends FlagSpecs> {
  readonly flags: FlagValues<S>;
  /** As many as the definition requires at least, as it names at most. */
  readonly operands: readonly string[];
  readonly system: CommandSystem;
}

/** What the process around a command gives it. */
export interface CommandSystem {
  /** @throws OutputClosedError when nobody reads any more; then the command ends quietly. */
  writeOut(text: string): void;
  writeError(text: string): void;
  /** Whether a person may be looking at standard error; false where it is left out. */
  readonly errorIsTerminal?: boolean;
  /** Width of the terminal that standard output is, as of now; absent where it is none. */
  readonly outColumns?: () => number;
  environment(): Readonly<Record<string, string>>;
  hostname(): string;
  readonly files: ConfigFiles;
}

/** A command that is asked for its help, takes its flags apart and counts its operands. */
export function defineCommand<const S extends FlagSpecs>(
  definition: CommandDefinition<S>,
): Command {
  const specs = {
    ...definition.flags,
    help: { kind: "switch", letter: "h", meaning: "show this" },
  } as const;
  const help = () => renderCommandHelp({ ...definition, flags: specs });
  return {
    name: definition.name,
    summary: definition.summary,
    help,
    async run(args, system) {
      // Whoever asks for help beside a mistake wants the help.
      if (asksForHelp(args)) {
        system.writeOut(help());
        return EXIT_OK;
      }
      const { flags, operands } = parseFlags(specs, args);
      checkOperands(definition.operands, operands);
      return await definition.run({ flags: flags as FlagValues<S>, operands, system });
    },
  };
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

function checkOperands(expected: readonly Operand[], operands: readonly string[]): void {
  const missing = expected.find((operand, index) => operand.required && index >= operands.length);
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing`);
  const extra = operands[expected.length];
  if (extra !== undefined) throw new UsageError(`One argument too many: ${JSON.stringify(extra)}`);
}
