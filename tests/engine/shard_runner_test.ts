import { assertEquals } from "@std/assert";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import { ShardInLog } from "../support/engine/shard_in_log.ts";

const T0 = Date.UTC(2025, 10, 1);
const RULES: SessionRules = {
  heartbeatIntervalMs: 30_000,
  maxDurationMs: 1_800_000,
  graceMs: 30_000,
  missed: "coalesce",
};
/** Two beats of every session are due by then. */
const OVERDUE_MS = T0 + 75_000;

Deno.test("ShardRunner.punctuate() fires so many timers a round and writes no empty batch", () => {
  const live = shardOf(10, 4);
  // Ten that leave the first beat out, then ten that write the second one.
  const records: (number | null)[] = [];
  for (let isDone = false; !isDone;) {
    const before = live.shard.timersFired;
    isDone = live.punctuate(OVERDUE_MS, OVERDUE_MS);
    assertEquals(live.shard.timersFired - before, 4);
    // Nothing more in this round.
    if (!isDone) assertEquals(live.punctuate(OVERDUE_MS, OVERDUE_MS), false);
    assertEquals(live.shard.timersFired - before, 4);
    records.push(live.close(OVERDUE_MS)?.count ?? null);
  }
  assertEquals(records, [null, null, 2, 4, 4]);
  assertEquals(live.shard.clockMs, OVERDUE_MS);
});

Deno.test("ShardRunner.apply() applies no event before the timers due before it, in many rounds", () => {
  const live = shardOf(10, 4);
  const end = { type: "end", deviceId: "d9", sessionId: 9 };
  const applied: boolean[] = [];
  let records = 0;
  while (applied.at(-1) !== true && applied.length < 10) {
    applied.push(live.apply(end, OVERDUE_MS, OVERDUE_MS, OVERDUE_MS));
    const batch = live.close(OVERDUE_MS);
    if (batch === null) continue;
    records += batch.count;
    live.acknowledge();
  }
  assertEquals(applied, [false, false, false, false, true]);
  // Ten second beats, and the end.
  assertEquals(records, 11);
  assertEquals(live.shard.active.size, 9);
});

Deno.test("ShardRunner keeps R from before rounds that only left heartbeats out", () => {
  const live = shardOf(10, 4);
  const { position } = live.fold(RULES);
  assertEquals(position!.restoreOffset, 0);
  for (let isDone = false; !isDone;) {
    isDone = live.punctuate(OVERDUE_MS, OVERDUE_MS);
    if (live.close(OVERDUE_MS) === null) continue;
    const { shard, position } = live.fold(RULES);
    assertEquals(position!.restoreOffset, 0);
    assertEquals(shard.active.size, 10);
  }
});

/** A shard with sessions that started at once, their starts acknowledged. */
function shardOf(sessions: number, timersPerRoundMax: number): ShardInLog {
  const live = new ShardInLog(RULES, { layout: "plain", batchBytesMax: 65_536, timersPerRoundMax });
  for (let i = 0; i < sessions; i++) {
    live.apply({ type: "start", deviceId: `d${i}`, sessionId: i }, T0, T0, T0);
  }
  live.close(T0);
  live.acknowledge();
  return live;
}
