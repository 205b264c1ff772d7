import { assertEquals, assertLess } from "@std/assert";
import { EngineWorld, WORLD_START_MS } from "../support/engine/engine_world.ts";

Deno.test("Engine writes start, heartbeats and end of a session", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(61_000);
  world.sendEnd("a", 1);
  await world.advance(1000);
  assertEquals(world.storyOf("a"), ["Start 1", "Heartbeat 1 1", "Heartbeat 1 2", "End 1 ended"]);
  const { isSettled } = await process.stop();
  assertEquals(isSettled, true);
  assertEquals(process.failure, undefined);
});

Deno.test("Engine stops at once under a load of heartbeats that never ends", async () => {
  const world = new EngineWorld({ outputPartitions: 4, rules: { heartbeatIntervalMs: 50 } });
  const process = world.engine();
  process.log.latencyMs = 6;
  await process.start();
  for (let i = 0; i < 200; i++) {
    world.sendStart(`d${i}`, i);
    if (i % 8 === 0) await world.advance(2);
  }
  await world.advance(300);
  const { isSettled, tookMs } = await process.stop();
  assertEquals(isSettled, true);
  assertLess(tookMs, 200);
});

Deno.test("Engine writes heartbeats on time when as many batches as may be were in flight", async () => {
  const world = new EngineWorld({ rules: { heartbeatIntervalMs: 10_000 } });
  const process = world.engine();
  await process.start();
  for (let i = 0; i < 100; i++) {
    world.sendStart(`d${i}`, i);
    await world.advance(10);
  }
  await world.advance(1000);
  process.log.latencyMs = 25;
  await world.advance(9_900);
  const late = world.records().filter(({ status }) => status === "SessionHeartbeat")
    .map(({ emittedMs, atMs }) => emittedMs - atMs);
  assertEquals(late.length, 100);
  assertLess(Math.max(...late), 60);
});

Deno.test("Engine waits for a shard that is busy instead of reading its input twice", async () => {
  const world = new EngineWorld({ batchBytesMax: 65_536 });
  for (let i = 0; i < 3000; i++) {
    world.sendStart(`d${i}`, i, { atMs: WORLD_START_MS - 4000 + i });
  }
  const process = world.engine({ limits: { backlogEventsMax: 400, queuedEventsMax: 400 } });
  process.log.latencyMs = 5;
  await process.start();
  await world.advance(3000);
  assertEquals(world.records().filter(({ status }) => status === "SessionStart").length, 3000);
  assertEquals(process.logged("left the input"), []);
});

Deno.test("Engine waits for a shard that has more due than fits into a round, and no answers to come", async () => {
  const world = await newWorldWithOverdue(40);
  for (let i = 0; i < 40; i++) world.sendEnd(`d${i}`, i);
  // A beat of each session is left out first: rounds without a single record.
  const process = world.engine({ limits: { timersPerRoundMax: 1, backlogEventsMax: 5 } });
  await process.start();
  await world.advance(1000);
  for (let i = 0; i < 40; i++) {
    assertEquals(world.storyOf(`d${i}`), [`Start ${i}`, `Heartbeat ${i} 2`, `End ${i} ended`]);
  }
  assertEquals(process.logged("left the input"), []);
});

Deno.test("Engine goes on at once, not at the next tick, where a round was too short for its timers", async () => {
  const world = await newWorldWithOverdue(40);
  const process = world.engine({ limits: { timersPerRoundMax: 4 } });
  await process.start();
  await world.advance(1000);
  const beats = world.records().filter(({ status }) => status === "SessionHeartbeat");
  assertEquals(beats.length, 40);
  const emittedMs = beats.map((beat) => beat.emittedMs);
  // Ten rounds, of which one a tick would take 45 ms.
  assertLess(Math.max(...emittedMs) - Math.min(...emittedMs), 20);
});

Deno.test("Engine goes on at once with the shards that a round had no time for", async () => {
  const world = new EngineWorld({ outputPartitions: 8 });
  const process = world.engine({ limits: { punctuateMsMax: 0 } });
  await process.start();
  for (let i = 0; i < 64; i++) world.sendStart(`d${i}`, i);
  await world.advance(95_000);
  const late = world.records().filter(({ status }) => status === "SessionHeartbeat")
    .map(({ emittedMs, atMs }) => emittedMs - atMs);
  assertEquals(late.length, 3 * 64);
  // Eight rounds, of which one a tick would take 35 ms.
  assertLess(Math.max(...late), 20);
});

/** A process was killed, and of each session the second beat is due since. */
async function newWorldWithOverdue(sessions: number): Promise<EngineWorld> {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  for (let i = 0; i < sessions; i++) {
    world.sendStart(`d${i}`, i);
    await world.advance(10);
  }
  process.kill();
  await world.advance(75_000);
  return world;
}
