import { pause } from "../support/kafka/broker_process.ts";
import type { ChaosRules } from "./chaos_rules.ts";
import { DENSE_RULES } from "./chaos_rules.ts";
import type { ChaosMode, ChaosStage } from "./chaos_run.ts";
import { ChaosWorld } from "./chaos_world.ts";
import type { EngineUnderTest } from "./engine_under_test.ts";
import { FakeClock } from "./fake_clock.ts";

/**
 * A clock that is adopted ends what is remembered, by the contract; so nothing is repeated here
 * that would have to be remembered.
 */
const FORGETFUL_RULES: ChaosRules = { ...DENSE_RULES, graceMs: 40 };

/**
 * The wall clock of the engine's machine jumps; its monotonic clock, broker and load do not.
 *
 * A round takes nine minutes, in which next to nothing is computed: a jump is adopted after a
 * minute, and one that is to be taken back has to stand for a while. So several deployments, each
 * with a clock of its own, go through their rounds beside one another.
 */
export const CLOCK_MODE: ChaosMode = {
  name: "clock",
  rules: FORGETFUL_RULES,
  devicesShare: 0.3,
  isSameClock: false,
  run: runClock,
};

interface ClockJump {
  readonly name: string;
  /** The engine is started anew, with the first of the steps as its clock. */
  readonly atStart?: boolean;
  /** Seconds off the true time, and for how long; the last one stays. */
  readonly steps: readonly { readonly offSeconds: number; readonly forMs: number }[];
  /** Whether it is noticed as a jump; a small one is made up for slowly. */
  readonly isNoticed: boolean;
  /** Whether it is taken back soon enough for nothing to happen. */
  readonly isTakenBack: boolean;
}

const HOUR = 3600;

const JUMPS: readonly ClockJump[] = [
  jump("half a second ahead, taken back after 20 s", [[0.5, 20_000], [0, 15_000]], {
    isNoticed: false,
  }),
  jump("an hour ahead, taken back after 20 s", [[HOUR, 20_000], [0, 5000]]),
  jump("an hour behind, taken back after 20 s", [[-HOUR, 20_000], [0, 5000]]),
  jump("an hour ahead and back, every 5 s", [
    ...[0, 1, 2, 3].flatMap((): [number, number][] => [[HOUR, 5000], [0, 5000]]),
  ]),
  jump("30 s ahead, then 30 s behind, then right", [[30, 30_000], [-30, 30_000], [0, 5000]]),
  jump("8 s ahead, for good", [[8, 75_000]], { isTakenBack: false }),
  jump("8 s back again, for good", [[0, 85_000]], { isTakenBack: false }),
  {
    ...jump("8 s ahead at the start, then right", [[8, 12_000], [0, 85_000]]),
    isTakenBack: false,
    atStart: true,
  },
  {
    ...jump("8 s behind at the start, then right", [[-8, 12_000], [0, 75_000]]),
    isTakenBack: false,
    atStart: true,
  },
];

function jump(
  name: string,
  steps: readonly [offSeconds: number, forMs: number][],
  { isNoticed = true, isTakenBack = true } = {},
): ClockJump {
  return {
    name,
    steps: steps.map(([offSeconds, forMs]) => ({ offSeconds, forMs })),
    isNoticed,
    isTakenBack,
  };
}

async function runClock(stage: ChaosStage, rounds: number): Promise<string[]> {
  const lanes = Math.min(rounds, LANES_MAX);
  const roundsOf = (lane: number) => Math.ceil((rounds - lane) / lanes);
  const results = await Promise.allSettled([
    runRounds(stage, roundsOf(0)),
    ...Array.from({ length: lanes - 1 }, (_, i) => runBeside(stage, i + 1, roundsOf(i + 1))),
  ]);
  // The others had to come to their end first: they use the same broker.
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.flatMap((result) => result.status === "fulfilled" ? result.value : []);
}

/** Rounds of a deployment of its own, to which all promises must hold as well. */
async function runBeside(stage: ChaosStage, lane: number, rounds: number): Promise<string[]> {
  const { options } = stage.world;
  const folder = `${stage.folder}/lane-${lane}`;
  await Deno.mkdir(folder);
  const world = await ChaosWorld.open({ ...options, folder, seed: options.seed + lane });
  try {
    const lines = await runRounds({ ...stage, world, folder }, rounds);
    const verdict = await world.finish();
    stage.world.failures.push(...verdict.failures.map((failure) => `lane ${lane}: ${failure}`));
    return [...lines, ...verdict.lines.map((line) => `lane ${lane}: ${line}`)];
  } finally {
    await world.close();
  }
}

/** Leaves the engine running. */
async function runRounds(stage: ChaosStage, rounds: number): Promise<string[]> {
  const { world, folder, say } = stage;
  const clock = await FakeClock.create(`${folder}/clock`);
  const engine = world.engine("clock", { env: clock.env });
  const lines: string[] = [];
  engine.start();
  await world.firstRecords(engine, { everywhere: true });
  for (let round = 0; round < rounds; round++) {
    for (const jump of JUMPS) {
      lines.push(await runJump(stage, engine, clock, jump));
      say(lines.at(-1)!);
      world.assertRunning(engine);
    }
  }
  return lines;
}

async function runJump(
  { world }: ChaosStage,
  engine: EngineUnderTest,
  clock: FakeClock,
  { name, steps, atStart = false, isNoticed, isTakenBack }: ClockJump,
): Promise<string> {
  const aheadBefore = world.recordsAhead;
  const timeoutsBefore = world.check.ends.timeout;
  const startsBefore = world.check.counts.starts;
  let wasNoticed = false;
  if (atStart) {
    await engine.kill9();
    await clock.set(steps[0]!.offSeconds);
    engine.start();
    await world.firstRecords(engine, { everywhere: true });
  }
  for (const { offSeconds, forMs } of steps) {
    await clock.set(offSeconds);
    const untilMs = performance.now() + forMs;
    while (performance.now() < untilMs) {
      await pause(Math.min(500, Math.max(0, untilMs - performance.now())));
      if (await engine.metric("sessionwheel_clock_jump") === 1) wasNoticed = true;
    }
  }
  const sinceMs = performance.now();
  const seenMs = await world.watch.flow({ emittedAfterMs: -Infinity, timeoutMs: HEAL_MS_MAX });
  const ahead = world.recordsAhead - aheadBefore;
  const faults = [
    ...(seenMs === null ? [`nothing written ${HEAL_MS_MAX / 1000} s after it`] : []),
    ...(wasNoticed === isNoticed ? [] : [isNoticed ? "not noticed" : "taken for a jump"]),
    ...(isTakenBack && ahead > 0 ? [`${ahead} records of a time that was never adopted`] : []),
    ...(await engine.metric("sessionwheel_clock_jump") === 0 ? [] : ["still alarmed at its end"]),
  ];
  for (const fault of faults) {
    world.failures.push(`${name}: ${fault}. The log:\n${engine.log().slice(-1500)}`);
  }
  const timeouts = world.check.ends.timeout - timeoutsBefore;
  const starts = world.check.counts.starts - startsBefore;
  const flows = seenMs === null ? "never" : `${Math.round(seenMs - sinceMs)} ms after it`;
  return `${name}: ${wasNoticed ? "alarm" : "no alarm"}, records everywhere ${flows}, ${starts} ` +
    `starts and ${timeouts} timeouts meanwhile`;
}

const HEAL_MS_MAX = 30_000;
/** Five engines and five loads take about one core; their readers want to be in time. */
const LANES_MAX = 5;
