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
 * A jump is adopted after a minute, and one that is to be taken back has to stand for a while; next
 * to nothing is computed meanwhile. So the courses of a round, and several rounds, go beside one
 * another, each on a deployment with a clock of its own.
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
  /** Whether it is noticed as a jump; a small one is made up for slowly. Null: either. */
  readonly isNoticed: boolean | null;
  /**
   * What comes of it:
   * - `nothing`: it is taken back in time, no record is of a time that was never adopted
   * - `ahead`: it is adopted and records are of that time
   * - `behind`: it is adopted, or was there before the engine was, and no record is ahead
   * - `refused`: it is adopted, the broker refuses every record of that time, and once the clock is
   *   right records come again within half a minute
   */
  readonly outcome: "nothing" | "ahead" | "behind" | "refused" | "either";
}

const MINUTE = 60;
const HOUR = 3600;
const YEAR = 365 * 24 * HOUR;

const TAKEN_BACK: readonly ClockJump[] = [
  jump("half a second ahead, taken back after 20 s", [[0.5, 20_000], [0, 15_000]], {
    isNoticed: false,
  }),
  // A thousand milliseconds are none; whether it is a fraction more, the scheduler says.
  ...[1, -1].map((seconds) =>
    jump(`${inWords(seconds)}, taken back after 20 s`, [[seconds, 20_000], [0, 25_000]], {
      isNoticed: null,
    })
  ),
  ...[5 * MINUTE, -5 * MINUTE, HOUR, -HOUR].map((seconds) =>
    jump(`${inWords(seconds)}, taken back after 20 s`, [[seconds, 20_000], [0, 5000]])
  ),
  jump("ten years ahead, taken back after 50 s", [[10 * YEAR, 50_000], [0, 5000]]),
  jump("an hour ahead and back, every 5 s", [
    ...[0, 1, 2, 3].flatMap((): [number, number][] => [[HOUR, 5000], [0, 5000]]),
  ]),
  jump("30 s ahead, then 30 s behind, then right", [[30, 30_000], [-30, 30_000], [0, 5000]]),
];

const ADOPTED: readonly ClockJump[] = [
  jump("8 s ahead, for good", [[8, 75_000]], { outcome: "ahead" }),
  jump("8 s back again, for good", [[0, 85_000]], { outcome: "either" }),
  {
    ...jump("8 s ahead at the start, then right", [[8, 12_000], [0, 85_000]]),
    outcome: "ahead",
    atStart: true,
  },
  {
    ...jump("8 s behind at the start, then right", [[-8, 12_000], [0, 75_000]]),
    outcome: "behind",
    atStart: true,
  },
  // Sessions count as so much older for five minutes, and none gets a heartbeat before its timeout.
  jump("5 min ahead for 75 s, then right", [[5 * MINUTE, 75_000], [0, 6 * MINUTE * 1000]], {
    outcome: "ahead",
  }),
];

const ADOPTED_FAR: readonly ClockJump[] = [
  jump("5 min behind for 75 s, then right", [[-5 * MINUTE, 75_000], [0, 75_000]], {
    outcome: "behind",
  }),
  jump("an hour and a half ahead for 100 s, then right", [[1.5 * HOUR, 100_000], [0, 0]], {
    outcome: "refused",
  }),
  jump("ten years ahead for 100 s, then right", [[10 * YEAR, 100_000], [0, 0]], {
    outcome: "refused",
  }),
];

const COURSES = [TAKEN_BACK, ADOPTED, ADOPTED_FAR];

function jump(
  name: string,
  steps: readonly [offSeconds: number, forMs: number][],
  { isNoticed = true, outcome = "nothing" }: Partial<ClockJump> = {},
): ClockJump {
  return {
    name,
    steps: steps.map(([offSeconds, forMs]) => ({ offSeconds, forMs })),
    isNoticed,
    outcome,
  };
}

function inWords(seconds: number): string {
  const amount = Math.abs(seconds);
  const text = amount >= HOUR
    ? `${amount / HOUR} h`
    : amount >= MINUTE
    ? `${amount / MINUTE} min`
    : `${amount} s`;
  return `${text} ${seconds < 0 ? "behind" : "ahead"}`;
}

async function runClock(stage: ChaosStage, rounds: number): Promise<string[]> {
  const courses = Array.from({ length: rounds }, () => COURSES).flat();
  const lanes = Math.min(courses.length, LANES_MAX);
  const ofLane = (lane: number) => courses.filter((_, i) => i % lanes === lane);
  const results = await Promise.allSettled([
    runCourses(stage, ofLane(0)),
    ...Array.from({ length: lanes - 1 }, (_, i) => runBeside(stage, i + 1, ofLane(i + 1))),
  ]);
  // The others had to come to their end first: they use the same broker.
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.flatMap((result) => result.status === "fulfilled" ? result.value : []);
}

/** Courses of a deployment of its own, to which all promises must hold as well. */
async function runBeside(
  stage: ChaosStage,
  lane: number,
  courses: readonly (readonly ClockJump[])[],
): Promise<string[]> {
  const { options } = stage.world;
  const folder = `${stage.folder}/lane-${lane}`;
  await Deno.mkdir(folder);
  const world = await ChaosWorld.open({ ...options, folder, seed: options.seed + lane });
  try {
    const lines = await runCourses({ ...stage, world, folder }, courses);
    const verdict = await world.finish();
    stage.world.failures.push(...verdict.failures.map((failure) => `lane ${lane}: ${failure}`));
    return [...lines, ...verdict.lines.map((line) => `lane ${lane}: ${line}`)];
  } finally {
    await world.close();
  }
}

/** Leaves the engine running. */
async function runCourses(
  stage: ChaosStage,
  courses: readonly (readonly ClockJump[])[],
): Promise<string[]> {
  const { world, folder, say } = stage;
  const clock = await FakeClock.create(`${folder}/clock`);
  const engine = world.engine("clock", { env: clock.env });
  const lines: string[] = [];
  engine.start();
  await world.firstRecords(engine, { everywhere: true });
  for (const jump of courses.flat()) {
    lines.push(await runJump(stage, engine, clock, jump));
    say(lines.at(-1)!);
    world.assertRunning(engine);
  }
  return lines;
}

async function runJump(
  { world }: ChaosStage,
  engine: EngineUnderTest,
  clock: FakeClock,
  { name, steps, atStart = false, isNoticed, outcome }: ClockJump,
): Promise<string> {
  const aheadBefore = world.recordsAhead;
  const timeoutsBefore = world.check.ends.timeout;
  const startsBefore = world.check.counts.starts;
  const refusedBefore = await engine.metric(REFUSED) ?? 0;
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
  const refused = (await engine.metric(REFUSED) ?? 0) - (atStart ? 0 : refusedBefore);
  const mayBeAhead = outcome === "ahead" || outcome === "either";
  const faults = [
    ...(seenMs === null ? [`nothing written ${HEAL_MS_MAX / 1000} s after it`] : []),
    ...(isNoticed === null || wasNoticed === isNoticed
      ? []
      : [isNoticed ? "not noticed" : "taken for a jump"]),
    ...(!mayBeAhead && ahead > 0 ? [`${ahead} records of a time that has not come`] : []),
    ...(outcome === "ahead" && ahead === 0 ? ["no record of the time that was adopted"] : []),
    ...((refused > 0) === (outcome === "refused") ? [] : [`${refused} batches refused`]),
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

const REFUSED = 'sessionwheel_batches_refused_total{cause="timestamp"}';
const HEAL_MS_MAX = 30_000;
/** Five engines and five loads take about one core; their readers want to be in time. */
const LANES_MAX = 5;
