import type { SessionRules } from "../../lib/core/session_rules.ts";
import { ENGINE_LIMITS, type EngineLimits } from "../../lib/engine/engine_limits.ts";
import { Random } from "../support/random.ts";

/**
 * What can go wrong. Each seed draws some of these, most leave most of them out: a fault that is
 * always there hides what happens without it.
 */
export const FAULT_KINDS = [
  /** A process is killed between two steps. */
  "crash",
  /** A process is killed at a named point: while fencing, while restoring, between append and answer. */
  "crashAtPoint",
  /** A process is stopped in order. */
  "stop",
  /** A process is suspended while another takes over, and goes on later. */
  "zombie",
  /** A second process starts beside the first, or two start at once. */
  "race",
  /** A produce request is lost before the broker. */
  "lostProduce",
  /** The broker has the batch, the answer is lost. */
  "lostReply",
  /** A produce request is given up and lands much later, after those behind it. */
  "lateProduce",
  /** The broker refuses a batch for good. */
  "refusedProduce",
  /** Requests and answers take up to a second. */
  "slowBroker",
  /** An output partition has no leader for seconds. */
  "shardOutage",
  /** Fetches take up to a second, and bring a few records. */
  "slowFetch",
  /** An input partition cannot be fetched for seconds. */
  "inputOutage",
  /** Group offsets cannot be committed. */
  "commitFailure",
  /** Dead letters take seconds. */
  "slowDeadLetters",
  /** What is no event. */
  "garbage",
  /** Input batches with a broken checksum. */
  "corruptBatch",
  /** Record timestamps in the future, or below 0. */
  "oddTimestamps",
  /** The wall clock jumps, and is set right within a minute. */
  "wallBlip",
  /** The wall clock jumps, and stays so for longer. */
  "wallStep",
  /** H, M, G and the policy are others in the next process. */
  "ruleChange",
  /** The output keeps nothing before R. */
  "retention",
  /** An input topic gets another partition. */
  "growth",
  /** More sessions start than are allowed. */
  "sessionLimit",
  /** A checkpoint cannot be written, or is damaged on the disk. */
  "diskFailure",
  /** Nothing happens for up to a minute. */
  "pause",
  /** The broker refuses records that are more than an hour ahead of its clock. */
  "strictTimestamps",
] as const;

export type FaultKind = typeof FAULT_KINDS[number];
/** How much of each, 0 to 1; 0 is none. */
export type Faults = Readonly<Record<FaultKind, number>>;

export type LayoutName = "plain" | "rtm-gaming";

/** Everything about a run that is drawn before it begins. */
export interface Scenario {
  readonly seed: number;
  /** Steps with faults; afterwards everything works and has to come to rest. */
  readonly steps: number;
  readonly devices: number;
  readonly inputLayout: LayoutName;
  readonly outputLayout: LayoutName;
  readonly inputPartitions: readonly number[];
  readonly outputPartitions: number;
  readonly batchBytesMax: number;
  readonly rules: SessionRules;
  readonly start: "earliest" | "latest";
  readonly sessionsMax: number;
  readonly limits: EngineLimits;
  /** Whether processes keep checkpoints at all, and write them while they run. */
  readonly checkpoints: "none" | "atStop" | "everySecond";
  /**
   * The grace is longer than the run, and nothing happens that makes the order of arrival matter:
   * the sessions in the end have to be those of the naive model.
   */
  readonly isOrderFree: boolean;
  readonly faults: Faults;
}

export interface ScenarioLimits {
  readonly steps?: number;
  readonly devices?: number;
  readonly without?: readonly FaultKind[];
}

const ALWAYS_PLAUSIBLE = 0.35;

/** Draws the scenario of a seed; `limits` make it smaller without shifting the rest. */
export function drawScenario(seed: number, limits: ScenarioLimits = {}): Scenario {
  const random = new Random(seed);
  const isOrderFree = random.chance(0.3);
  const faults = drawFaults(random.fork(), isOrderFree, limits.without ?? []);
  const inputLayout: LayoutName = random.chance(0.7) ? "plain" : "rtm-gaming";
  const devices = random.int(1, 16);
  const scenario: Scenario = {
    seed,
    steps: limits.steps ?? 300,
    devices: Math.min(devices, limits.devices ?? devices),
    inputLayout,
    outputLayout: random.chance(0.7) ? "plain" : "rtm-gaming",
    inputPartitions: inputLayout === "plain"
      ? [random.int(1, 4)]
      : [random.int(1, 2), random.int(1, 2)],
    outputPartitions: random.int(1, 4),
    batchBytesMax: random.chance(0.5) ? 65_536 : 1_048_576,
    rules: drawRules(random.fork(), isOrderFree),
    start: random.chance(0.8) ? "earliest" : "latest",
    sessionsMax: faults.sessionLimit > 0 ? random.int(2, 8) : 1_000_000,
    limits: {
      backlogEventsMax: random.chance(0.7) ? random.int(3, 40) : 100_000,
      queuedEventsMax: random.chance(0.5) ? random.int(5, 40) : 50_000,
      unansweredLettersMax: 10_000,
      unansweredLetterBytesMax: 8_388_608,
      checkpointSliceRowsMax: random.int(1, 8),
      ...drawRoundLimits(new Random(~seed)),
    },
    checkpoints: random.pick(["none", "atStop", "everySecond", "everySecond"]),
    isOrderFree,
    faults,
  };
  // Drawn last: the rest of a seed stays what it was before letters had limits.
  const letterLimits = {
    unansweredLettersMax: random.chance(0.5) ? random.int(1, 6) : 10_000,
    unansweredLetterBytesMax: random.chance(0.5) ? random.int(1, 500) : 8_388_608,
  };
  return { ...scenario, limits: { ...scenario.limits, ...letterLimits } };
}

/** From a generator of its own: what a seed drew before there were these limits it draws still. */
function drawRoundLimits(
  random: Random,
): Pick<EngineLimits, "timersPerRoundMax" | "punctuateMsMax"> {
  return {
    timersPerRoundMax: random.chance(0.7) ? random.int(1, 6) : ENGINE_LIMITS.timersPerRoundMax,
    // The simulated clock stands during a round: with 0 each round is over after one shard.
    punctuateMsMax: random.chance(0.5) ? 0 : ENGINE_LIMITS.punctuateMsMax,
  };
}

/** H, M and G small against the length of a run, in all relations to each other. */
export function drawRules(random: Random, isOrderFree: boolean): SessionRules {
  const missed = random.chance(0.5) ? "coalesce" as const : "all" as const;
  const heartbeatIntervalMs = random.int(150, 1500);
  if (isOrderFree) {
    return { heartbeatIntervalMs, maxDurationMs: 7_200_000, graceMs: 3_600_000, missed };
  }
  return {
    heartbeatIntervalMs,
    maxDurationMs: random.chance(0.1)
      ? random.int(100, heartbeatIntervalMs)
      : random.int(1000, 6000),
    graceMs: random.int(400, 4000),
    missed,
  };
}

/** In a run that is free of order, nothing may change what the clock of an event is. */
const ORDER_MATTERS: readonly FaultKind[] = [
  "oddTimestamps",
  "wallStep",
  "ruleChange",
  "sessionLimit",
];

function drawFaults(random: Random, isOrderFree: boolean, without: readonly FaultKind[]): Faults {
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const kind of FAULT_KINDS) {
    const amount = random.chance(ALWAYS_PLAUSIBLE) ? 0.05 + 0.95 * random.fraction() ** 2 : 0;
    const isOff = without.includes(kind) || (isOrderFree && ORDER_MATTERS.includes(kind));
    faults[kind] = isOff ? 0 : amount;
  }
  return faults as Faults;
}

/** The kinds that a scenario has. */
export function kindsOf(scenario: Scenario): FaultKind[] {
  return FAULT_KINDS.filter((kind) => scenario.faults[kind] > 0);
}
