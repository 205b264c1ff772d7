import { pause } from "../support/kafka/broker_process.ts";
import { PATIENT_RULES } from "./chaos_rules.ts";
import type { ChaosMode, ChaosStage } from "./chaos_run.ts";
import type { EngineUnderTest } from "./engine_under_test.ts";
import { NETWORK_FAULTS } from "./network_faults.ts";
import { renderSpread } from "./spread.ts";

/** A broker that goes away and comes back, in three ways in turn. */
export const BOUNCE_MODE: ChaosMode = {
  name: "bounces",
  rules: PATIENT_RULES,
  devicesShare: 0.5,
  run: (stage, amount) => runFaults(stage, BOUNCES, amount),
};

/** A network between engine and broker that loses, holds back and cuts. */
export const FAULT_MODE: ChaosMode = {
  name: "faults",
  rules: PATIENT_RULES,
  devicesShare: 0.5,
  withProxy: true,
  run: (stage, amount) => runFaults(stage, NETWORK_FAULTS, amount),
};

/** All brokers away for so many seconds. */
export const BLACKOUT_MODE: ChaosMode = {
  name: "blackout",
  rules: PATIENT_RULES,
  devicesShare: 0.5,
  run: (stage, seconds) => runFaults(stage, [blackout(seconds)], 1),
};

export interface ChaosFault {
  readonly name: string;
  /** Resolves when the cause is gone. */
  readonly cause: (stage: ChaosStage) => Promise<void>;
}

const BOUNCES: readonly ChaosFault[] = [
  {
    name: "broker shut down and started",
    async cause({ broker }) {
      await broker.shutDown();
      await broker.restart();
    },
  },
  {
    name: "broker killed and started",
    async cause({ broker }) {
      await broker.kill9();
      await broker.restart();
    },
  },
  {
    name: "broker stopped in its tracks for 2 to 15 s",
    async cause({ broker, random }) {
      broker.suspend();
      await pause(random.int(2000, 15_000));
      broker.resume();
    },
  },
];

function blackout(seconds: number): ChaosFault {
  return {
    name: `all brokers away for ${seconds} s`,
    async cause({ broker }) {
      await pause(ORDINARY_MS);
      await broker.kill9();
      await pause(seconds * 1000);
      await broker.restart();
    },
  };
}

/** Each fault in turn, and how long after its end every partition is written to again. */
async function runFaults(
  stage: ChaosStage,
  faults: readonly ChaosFault[],
  amount: number,
): Promise<string[]> {
  const { world, random, say } = stage;
  const engine = world.engine("outage");
  const healedMs = new Map<string, number[]>(faults.map(({ name }) => [name, []]));
  engine.start();
  await world.firstRecords(engine, { everywhere: true });
  for (let turn = 0; turn < amount; turn++) {
    const { name, cause } = faults[turn % faults.length]!;
    await pause(random.int(500, 3000));
    await cause(stage);
    const ms = await healed(stage, engine, name);
    if (ms !== null) healedMs.get(name)!.push(ms);
    say(`${turn + 1} of ${amount}: ${name}, healed after ${Math.round(ms ?? NaN)} ms`);
  }
  await pause(ORDINARY_MS);
  const all = [...healedMs.values()].flat();
  return [
    ...[...healedMs].map(([name, ms]) => `${name}: ${renderSpread(ms)}`),
    `all, end of the cause to records in every partition, min / median / max: ${renderSpread(all)}`,
  ];
}

async function healed(
  { world }: ChaosStage,
  engine: EngineUnderTest,
  name: string,
): Promise<number | null> {
  const sinceMs = performance.now();
  const seenMs = await world.watch.flow({ emittedAfterMs: Date.now(), timeoutMs: GIVE_UP_MS });
  const ms = seenMs === null ? null : seenMs - sinceMs;
  if (ms === null || ms > HEAL_MS_MAX) {
    world.failures.push(
      `${name}: not healed ${(ms ?? GIVE_UP_MS) / 1000} s after its end. The end of the log:\n` +
        engine.log().slice(-3000),
    );
  }
  world.assertRunning(engine);
  if (engine.exitCode !== null) engine.start();
  return ms;
}

/** Life as it should be, before and after. */
const ORDINARY_MS = 8000;
const HEAL_MS_MAX = 30_000;
const GIVE_UP_MS = 120_000;
