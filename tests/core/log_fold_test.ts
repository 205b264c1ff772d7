import { assert, assertEquals } from "@std/assert";
import { ROW_EARLY_END } from "../../lib/core/row_format.ts";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import type { Shard } from "../../lib/core/shard.ts";
import { ENGINE_LIMITS } from "../../lib/engine/engine_limits.ts";
import { ShardInLog } from "../support/engine/shard_in_log.ts";
import { randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";
import { textOf } from "../support/session_table.ts";

const T0 = Date.UTC(2025, 10, 1);

interface Case {
  readonly name: string;
  readonly rules: SessionRules;
  readonly stepMs: number;
  readonly devices: number;
  readonly layout: "plain" | "rtm-gaming";
  /** How likely a step has events. */
  readonly activity?: number;
  /** Draws other H, M and G at every second restart. */
  readonly changesRules: boolean;
}

const DEFAULT = { heartbeatIntervalMs: 30_000, maxDurationMs: 1_800_000, graceMs: 30_000 };
const SHORT = { heartbeatIntervalMs: 70, maxDurationMs: 500, graceMs: 100 };
const CASES: readonly Case[] = [
  {
    name: "the default rules",
    rules: { ...DEFAULT, missed: "coalesce" },
    stepMs: 3000,
    devices: 8,
    layout: "plain",
    changesRules: false,
  },
  {
    name: "all heartbeats written",
    rules: { ...DEFAULT, missed: "all" },
    stepMs: 3000,
    devices: 8,
    layout: "rtm-gaming",
    changesRules: false,
  },
  {
    name: "a quiet shard that catches up",
    rules: { ...SHORT, maxDurationMs: 30_000, missed: "coalesce" },
    stepMs: 30,
    devices: 5,
    activity: 0.15,
    layout: "plain",
    changesRules: false,
  },
  {
    name: "rules that change",
    rules: { ...SHORT, missed: "coalesce" },
    stepMs: 15,
    devices: 8,
    layout: "plain",
    changesRules: true,
  },
  {
    name: "rules that change, all heartbeats written",
    rules: { ...SHORT, missed: "all" },
    stepMs: 15,
    devices: 8,
    layout: "rtm-gaming",
    changesRules: true,
  },
  {
    name: "more due than a batch takes",
    rules: { ...SHORT, missed: "coalesce" },
    stepMs: 1,
    devices: 300,
    layout: "plain",
    changesRules: false,
  },
  {
    name: "more due than a batch takes, all written",
    rules: { ...SHORT, missed: "all" },
    stepMs: 1,
    devices: 300,
    layout: "plain",
    changesRules: true,
  },
];

for (const { name, ...options } of CASES) {
  Deno.test(`LogFold from R gives the state as of the last batch, with ${name}`, () => {
    for (let seed = 1; seed <= 3; seed++) compare(seed, options);
  });
}

function compare(seed: number, options: Omit<Case, "name">): void {
  const random = new Random(seed);
  const { layout, stepMs } = options;
  let { rules } = options;
  // Rounds may end for want of room, or for this.
  const timersPerRoundMax = seed === 1 ? ENGINE_LIMITS.timersPerRoundMax : seed;
  const live = new ShardInLog(rules, { layout, batchBytesMax: 65_536, timersPerRoundMax });
  const devices = Array.from({ length: options.devices }, () => randomIdText(random, 256));
  const sessions = Array.from({ length: 12 }, () => randomIdText(random, 128));
  let clockMs = T0;
  let nowMs = T0;
  let compared = 0;
  for (let step = 0; step < 800; step++) {
    const where = `seed=${seed} step=${step}`;
    // After some time away the clock follows the input while now is far ahead, or catches up.
    if (random.chance(0.01)) nowMs += random.int(0, stepMs * 400);
    if (random.chance(0.02)) clockMs = nowMs;
    else if (random.chance(0.7)) clockMs += random.int(0, stepMs);
    nowMs = Math.max(nowMs, clockMs);
    const { runner } = live;
    if (runner.canWrite) {
      const isActive = random.chance(options.activity ?? 1);
      for (let i = isActive ? random.int(0, 6) : 0; i > 0; i--) {
        const sourceMs = clockMs - (random.chance(0.7) ? 0 : random.int(0, 3 * stepMs));
        if (
          !live.apply(draw(random, devices, sessions, sourceMs, stepMs), sourceMs, clockMs, nowMs)
        ) break;
      }
      if (random.chance(0.5)) live.punctuate(Math.max(clockMs, live.shard.clockMs), nowMs);
      const batch = live.close(nowMs);
      if (batch !== null && random.chance(0.2)) {
        checkFold(live, rules, where);
        compared++;
        if (random.chance(0.3)) {
          if (options.changesRules && random.chance(0.5)) rules = drawRules(random, rules);
          live.restore(rules);
          continue;
        }
      }
    }
    while (live.runner.writer.inFlight.length > random.int(0, 1)) live.acknowledge();
  }
  assert(compared > 20, `${compared}`);
  assertEquals(live.budget.active >= live.shard.active.size, true);
}

/** What the log alone tells is the state of the shard that has just closed its batch. */
function checkFold(live: ShardInLog, rules: SessionRules, where: string): void {
  const { shard } = live.fold(rules);
  assertEquals(shard.clockMs, live.shard.clockMs, where);
  assertEquals(stateOf(shard, rules), stateOf(live.shard, rules), where);
  assertEquals(shard.active.stateHash.toString(), live.shard.active.stateHash.toString(), where);
  assertEquals(shard.remembered.unwrittenCount, 0, where);
  checkRows(shard, where);
  shard.active.discard();
}

/** No row is lost: each is active or remembered, or is an early end whose start has come. */
function checkRows(shard: Shard, where: string): void {
  const { active, remembered, rows } = shard;
  const known = active.size + remembered.endedCount + remembered.earlyEndCount;
  let queued = 0;
  remembered.forEach(() => queued++);
  assertEquals(queued, remembered.endedCount + remembered.earlyEndCount, where);
  assert(rows.live >= known, where);
  // Spent rows wait for the grace; then nothing is left of anything.
  remembered.expire(Infinity, 0);
  assertEquals(rows.live, active.size, where);
}

function stateOf(shard: Shard, rules: SessionRules): string[] {
  const { rows, active, remembered } = shard;
  const lines: string[] = [];
  const ids = (row: number) =>
    JSON.stringify([textOf(rows, row, "writeDevice"), textOf(rows, row, "writeSession")]) +
    ((rows.sessionKind(row) & 0x80) === 0 ? "" : " integer");
  active.forEach((row) => {
    // Beats that will be left out are passed as soon as that is known.
    const due = rules.missed === "all" ? shard.deadlineMs(row) : "";
    const account = (rows.accountKind(row) & 63) === 19 ? null : textOf(rows, row, "writeAccount");
    lines.push(
      `active ${ids(row)} ${JSON.stringify(account)} ${rows.startedAt(row)} ${
        rows.orderKey(row)
      } ` +
        `${rows.seq(row)} ${rows.age(row)} ${due}`,
    );
  });
  remembered.forEach((row) => {
    const isEarly = rows.state(row) === ROW_EARLY_END;
    const reported = isEarly ? rows.reportedDurationMs(row) : "";
    lines.push(
      `${isEarly ? "early" : "ended"} ${ids(row)} ${rows.startedAt(row)} ${rows.orderKey(row)} ` +
        `${reported}`,
    );
  });
  return lines.sort();
}

function draw(
  random: Random,
  devices: readonly string[],
  sessions: readonly string[],
  sourceMs: number,
  stepMs: number,
): unknown {
  const deviceId = random.pick(devices);
  const sessionId = random.chance(0.4) ? random.int(0, 20) : random.pick(sessions);
  if (random.chance(0.4)) {
    const reported = random.chance(0.5) ? { durationSeconds: random.int(0, 1000) } : {};
    return { type: "end", deviceId, sessionId, ...reported };
  }
  const timestamp = random.chance(0.5) ? {} : { timestamp: sourceMs - random.int(0, 2 * stepMs) };
  const account = random.chance(0.5) ? {} : { accountId: randomIdText(random, 128) };
  return { type: "start", deviceId, sessionId, ...timestamp, ...account };
}

function drawRules(random: Random, { missed }: SessionRules): SessionRules {
  const heartbeatIntervalMs = random.int(20, 200);
  return {
    heartbeatIntervalMs,
    maxDurationMs: random.chance(0.2) ? heartbeatIntervalMs : random.int(100, 900),
    graceMs: random.int(0, 300),
    missed,
  };
}
