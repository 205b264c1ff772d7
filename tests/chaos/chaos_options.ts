import { parseFlags, wholeNumber } from "../support/command_line.ts";

/** How much of each mode; 0 leaves it out. */
export interface ChaosAmounts {
  readonly kills: number;
  readonly failpoints: number;
  readonly zombies: number;
  readonly sleepers: number;
  readonly bounces: number;
  readonly faults: number;
  readonly blackout: number;
  readonly storage: number;
  readonly clock: number;
}

export interface ChaosOptions {
  readonly amounts: ChaosAmounts;
  readonly seed: number;
  readonly devices: number;
  /** The engine's program; null: the compiled one if it is there, else from source. */
  readonly engine: string | null;
  readonly keep: boolean;
}

export const USAGE = `deno task chaos [what] [options]

What (without any: --kills 50):
  --kills N         kill -9 at random instants
  --failpoints N    kill -9 at each named point, N times
  --zombies N       a second engine takes over from one that is stopped in its tracks
  --sleepers N      N stopped for a minute and taken over, N stopped for a minute and not
  --bounces N       restarts of the broker: in order, kill -9, stopped in its tracks
  --faults N        faults of the network between engine and broker
  --blackout S      all brokers away for S seconds
  --storage N       each fault of the state directory, N times
  --clock N         each jump of the wall clock, N times (needs libfaketime)

  --seed S          (a random one, which is printed)
  --devices D       (1500)
  --engine PATH     program to test (dist/sessionwheel, or from source); .ts is run by deno
  --keep            keep logs and state directories of a good run, too
`;

const AMOUNTS = [
  "kills",
  "failpoints",
  "zombies",
  "sleepers",
  "bounces",
  "faults",
  "blackout",
  "storage",
  "clock",
] as const satisfies readonly (keyof ChaosAmounts)[];

const FLAGS = {
  "kills": { type: "string" },
  "failpoints": { type: "string" },
  "zombies": { type: "string" },
  "sleepers": { type: "string" },
  "bounces": { type: "string" },
  "faults": { type: "string" },
  "blackout": { type: "string" },
  "storage": { type: "string" },
  "clock": { type: "string" },
  "seed": { type: "string" },
  "devices": { type: "string", default: "1500" },
  "engine": { type: "string" },
  "keep": { type: "boolean", default: false },
} as const;

/** @throws UsageError */
export function parseChaosOptions(args: readonly string[], randomSeed: number): ChaosOptions {
  const values = parseFlags(args, FLAGS);
  const amounts = Object.fromEntries(
    AMOUNTS.map((name) => [name, wholeNumber(name, values[name] ?? "0", 0, 100_000)]),
  ) as unknown as ChaosAmounts;
  const isEmpty = AMOUNTS.every((name) => amounts[name] === 0);
  return {
    amounts: isEmpty ? { ...amounts, kills: 50 } : amounts,
    seed: values.seed === undefined ? randomSeed : wholeNumber("seed", values.seed, 0, 2 ** 32 - 1),
    devices: wholeNumber("devices", values.devices, 1, 20_000),
    engine: values.engine ?? null,
    keep: values.keep,
  };
}
