import { parseFlags, UsageError, wholeNumber } from "../support/command_line.ts";
import { CANARIES } from "./canaries.ts";
import { FAULT_KINDS, type FaultKind, type ScenarioLimits } from "./scenario.ts";

export interface SimOptions {
  /** Both included; equal for a single one. */
  readonly first: number;
  readonly last: number;
  /** Of one seed all is told, and it is made smaller when it fails; of a range what fails. */
  readonly isRange: boolean;
  readonly limits: ScenarioLimits;
  /** A name in `CANARIES`. */
  readonly canary: string | null;
  readonly workers: number;
  readonly trace: boolean;
}

export const USAGE = `deno task sim [options]

  --seed N              one seed (1); made smaller when it fails
  --seeds FIRST..LAST   many of them
  --workers N           threads for many (1)
  --trace               of one seed: every event, record, fault and log line
  --steps N             a shorter run than the seed draws
  --devices N           fewer devices than it draws
  --without KINDS       leaves faults out:
                        ${inLines(FAULT_KINDS, 70).join("\n                        ")}
  --canary NAME         plants a bug, which has to be found:
                        ${inLines(Object.keys(CANARIES), 70).join("\n                        ")}
`;

const SEED_MAX = 2 ** 32 - 1;

const FLAGS = {
  "seed": { type: "string" },
  "seeds": { type: "string" },
  "steps": { type: "string" },
  "devices": { type: "string" },
  "without": { type: "string" },
  "canary": { type: "string" },
  "workers": { type: "string", default: "1" },
  "trace": { type: "boolean", default: false },
} as const;

/** @throws UsageError */
export function parseSimOptions(args: readonly string[]): SimOptions {
  const { seed, seeds, steps, devices, without, canary, workers, trace } = parseFlags(args, FLAGS);
  if (seed !== undefined && seeds !== undefined) {
    throw new UsageError("--seed and --seeds are runs of their own");
  }
  if (seeds !== undefined && trace) throw new UsageError("--trace is of one seed: --seed N");
  if (canary !== undefined && CANARIES[canary] === undefined) {
    throw new UsageError(`--canary is ${canary}, not one of ${Object.keys(CANARIES).join(", ")}`);
  }
  const [first, last] = seeds === undefined ? oneSeed(seed ?? "1") : seedRange(seeds);
  return {
    first,
    last,
    isRange: seeds !== undefined,
    limits: {
      ...(steps === undefined ? {} : { steps: wholeNumber("steps", steps, 1, 1_000_000) }),
      ...(devices === undefined ? {} : { devices: wholeNumber("devices", devices, 1, 100_000) }),
      ...(without === undefined ? {} : { without: without.split(",").map(faultKind) }),
    },
    canary: canary ?? null,
    workers: wholeNumber("workers", workers, 1, 256),
    trace,
  };
}

function oneSeed(text: string): readonly [number, number] {
  const seed = wholeNumber("seed", text, 0, SEED_MAX);
  return [seed, seed];
}

function seedRange(text: string): readonly [number, number] {
  const [from, to] = text.split("..");
  if (from === undefined || to === undefined || text.split("..").length !== 2) {
    throw new UsageError(`--seeds is ${text}, not FIRST..LAST, as in 1..10000`);
  }
  const first = wholeNumber("seeds", from, 0, SEED_MAX);
  return [first, wholeNumber("seeds", to, first, SEED_MAX)];
}

function faultKind(text: string): FaultKind {
  const kind = FAULT_KINDS.find((name) => name === text);
  if (kind !== undefined) return kind;
  throw new UsageError(`--without has ${text}, which is none of ${FAULT_KINDS.join(", ")}`);
}

function inLines(words: readonly string[], widthMax: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length + 2 <= widthMax) {
      lines[lines.length - 1] = `${line}, ${word}`;
    } else lines.push(word);
  }
  return lines;
}
