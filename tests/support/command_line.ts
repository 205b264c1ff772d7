import { parseArgs, type ParseArgsConfig } from "node:util";
import { say } from "../../tools/say.ts";

/** Thrown for arguments that cannot be used; the message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws UsageError for a flag that there is not, one without its value, and anything else. */
export function parseFlags<Flags extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  flags: Flags,
): ReturnType<typeof parseArgs<{ args: string[]; options: Flags }>>["values"] {
  try {
    return parseArgs({ args: [...args], options: flags }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Digits may be grouped: `4_000_000`. @throws UsageError */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll("_", "")) : NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} is ${text}, not a whole number from ${min} to ${max}`);
}

/** @throws UsageError */
export function positiveNumber(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value < 100_000) return value;
  throw new UsageError(`--${name} is ${text}, not a number above 0`);
}

interface Program<Options> {
  /** Told on `--help`, and after what is wrong with the arguments. */
  readonly usage: string;
  /** @throws UsageError */
  readonly parse: (args: readonly string[]) => Options;
  /** @returns the exit code. */
  readonly run: (options: Options) => Promise<number>;
}

/** Runs a program of this repository to its end. @returns its exit code; 64 for wrong arguments. */
export async function runProgram<Options>(
  { usage, parse, run }: Program<Options>,
  args: readonly string[],
): Promise<number> {
  if (args.includes("--help")) {
    say(usage);
    return 0;
  }
  let options: Options;
  try {
    options = parse(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`${error.message}\n\n${usage}`);
    return 64;
  }
  return await run(options);
}
