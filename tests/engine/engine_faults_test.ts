import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { EngineError } from "../../lib/engine/engine_error.ts";
import type { DeadLetter } from "../../lib/ports/dead_letters.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";

const H = 30_000;

Deno.test("Engine passes no event whose dead letter is not acknowledged", async () => {
  const world = new EngineWorld();
  const waiting: (() => void)[] = [];
  const letters: DeadLetter[] = [];
  const process = world.engine({
    wrapPorts: (ports) => ({
      ...ports,
      deadLetters: {
        send: (sent) => {
          letters.push(...sent);
          return new Promise((resolve) => waiting.push(() => resolve(sent.length)));
        },
        close: () => Promise.resolve(),
      },
    }),
  });
  await process.start();
  world.sendStart("a", 1);
  world.sendText("broken");
  world.sendStart("b", 2);
  await world.advance(7000);
  assertEquals(letters.map(({ offset, reason }) => [offset, reason]), [[1, "not_json"]]);
  assertEquals(world.storyOf("a"), ["Start 1"]);
  assertEquals(world.storyOf("b"), []);
  assertEquals(world.batches().at(-1)!.position.inputs[0]!.offset, 1);
  assertEquals(world.input.committed, [1]);
  // Timers do not wait for it for ever.
  await world.advance(H);
  assertEquals(world.storyOf("a"), ["Start 1", "Heartbeat 1 1"]);
  assertEquals(world.batches().at(-1)!.position.inputs[0]!.offset, 1);
  waiting[0]!();
  await world.advance(7000);
  assertEquals(world.storyOf("b"), ["Start 2", "Heartbeat 2 1"]);
  assertEquals(world.input.committed, [3]);
  await process.stop();
});

for (const mode of ["refuse", "hold"] as const) {
  Deno.test(`Engine lets one partition of the output that cannot be written (${mode}) stall its shard alone`, async () => {
    const world = new EngineWorld({ outputPartitions: 2 });
    const [stalled, other] = [world.deviceOn(0), world.deviceOn(1)];
    const process = world.engine();
    await process.start();
    world.sendStart(stalled, 1);
    world.sendStart(other, 2);
    await world.advance(1000);
    process.log.setMode(0, mode);
    await world.advance(3 * H);
    world.sendEnd(stalled, 1);
    world.sendEnd(other, 2);
    await world.advance(1000);
    const beats = ["Heartbeat 2 1", "Heartbeat 2 2", "Heartbeat 2 3"];
    assertEquals(world.storyOf(other), ["Start 2", ...beats, "End 2 ended"]);
    assertEquals(world.storyOf(stalled).slice(0, 1), ["Start 1"]);
    process.log.release(0);
    await world.advance(3000);
    assertEquals(world.storyOf(stalled).at(-1), "End 1 ended");
    assertEquals(process.failure, undefined);
    await process.stop();
  });
}

Deno.test("Engine fires a few timers a round of a shard that comes back, and all in the end", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const devices = Array.from({ length: 40 }, (_, i) => world.deviceOn(0, i));
  const process = world.engine({ limits: { timersPerRoundMax: 3 } });
  await process.start();
  devices.forEach((device, i) => world.sendStart(device, i));
  await world.advance(1000);
  process.log.setMode(0, "hold");
  await world.advance(3 * H);
  devices.forEach((device, i) => world.sendEnd(device, i));
  await world.advance(1000);
  const batchesBefore = world.batches().length;
  process.log.release(0);
  await world.advance(10_000);
  // A batch that was in flight before; then the beats that are not left out; then the ends.
  for (const { records } of world.batches().slice(batchesBefore)) {
    const beats = records.filter(({ status }) => status === "SessionHeartbeat");
    assertLess(beats.length, 4);
  }
  devices.forEach((device, i) => {
    assertEquals(world.storyOf(device).at(-2), `Heartbeat ${i} 3`);
    assertEquals(world.storyOf(device).at(-1), `End ${i} ended`);
  });
  assertEquals(process.failure, undefined);
  await process.stop();
});

Deno.test("Engine writes each record once however often an answer is lost", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  process.log.setMode(0, "lose");
  await world.advance(H + 5000);
  process.log.setMode(0, "append");
  await world.advance(5000);
  world.sendEnd("a", 1);
  await world.advance(1000);
  assertEquals(world.storyOf("a"), ["Start 1", "Heartbeat 1 1", "End 1 ended"]);
  assertGreater(process.metrics.produceRetries, 2);
  assertEquals(process.metrics.recoveries, 0);
});

Deno.test("Engine bounds what waits for a shard that cannot write, and reads it again later", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const process = world.engine({ limits: { backlogEventsMax: 50, queuedEventsMax: 50 } });
  await process.start();
  process.log.setMode(0, "refuse");
  let waitingMax = 0;
  for (let i = 0; i < 400; i++) {
    world.sendStart(`d${i}`, i);
    if (i % 10 === 0) await world.advance(5);
    process.engine.status();
    waitingMax = Math.max(waitingMax, ...process.engine.status().shards.map((s) => s.queuedEvents));
  }
  await world.advance(1000);
  assertLess(waitingMax, 52);
  assertEquals(process.logged("left the input").length, 1);
  const written = new Set(world.records().map(({ device }) => device));
  assertGreater(written.size, 150);
  assertLess(written.size, 250);
  process.log.setMode(0, "append");
  await world.advance(3000);
  const starts = world.records().filter(({ status }) => status === "SessionStart");
  assertEquals(new Set(starts.map(({ device }) => device)).size, 400);
  assertEquals(starts.length, 400);
  assertEquals(process.engine.status().shards.map(({ state }) => state), ["running", "running"]);
});

Deno.test("Engine pauses the input while no letter is acknowledged, so that memory stays bounded", async () => {
  const world = new EngineWorld();
  const process = world.engine({
    limits: { queuedEventsMax: 100 },
    wrapPorts: (ports) => ({
      ...ports,
      deadLetters: { send: () => new Promise(() => {}), close: () => Promise.resolve() },
    }),
  });
  await process.start();
  world.sendText("broken");
  await world.advance(10);
  for (let i = 0; i < 1000; i++) {
    world.sendStart(`d${i}`, i);
    if (i % 10 === 0) await world.advance(1);
  }
  await world.advance(5000);
  assertLess(process.metrics.events.start, 130);
  assertEquals(process.engine.status().inputs[0]!.paused, true);
  assertEquals(process.failure, undefined);
});

Deno.test("Engine restores a shard whose sequence the broker does not know, and repeats nothing", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const devices = [world.deviceOn(0), world.deviceOn(1)];
  const process = world.engine();
  await process.start();
  for (const device of devices) world.sendStart(device, 1);
  await world.advance(1000);
  process.log.setMode(0, { kind: "out_of_order" });
  for (const device of devices) world.sendStart(device, 2);
  await world.advance(5);
  process.log.setMode(0, "append");
  await world.advance(2000);
  for (const device of devices) world.sendEnd(device, 2);
  await world.advance(1000);
  for (const device of devices) {
    assertEquals(world.storyOf(device), ["Start 1", "End 1 superseded", "Start 2", "End 2 ended"]);
  }
  assertEquals(process.metrics.recoveries > 0, true);
  assertEquals(process.engine.status().sessions.active, 0);
  assertEquals(process.failure, undefined);
});

Deno.test("Engine says that a shard is being restored for as long as it has no state", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  process.log.setMode(0, { kind: "out_of_order" });
  world.sendStart("b", 2);
  const states = new Set<string>();
  for (let ms = 0; ms < 2000; ms++) {
    await world.advance(1);
    const { state, sessionsActive } = process.engine.status().shards[0]!;
    states.add(state);
    if (state === "running") assertGreater(sessionsActive, 0);
  }
  assertGreater(process.metrics.recoveries, 2);
  assertEquals([...states].sort(), ["restoring", "running"]);
});

Deno.test("Engine gives up when a newer process has taken every shard", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const devices = [world.deviceOn(0), world.deviceOn(1)];
  const older = world.engine();
  await older.start();
  for (const device of devices) world.sendStart(device, 1);
  await world.advance(1000);
  const newer = world.engine();
  await newer.start();
  await world.advance(2 * H);
  assertEquals((older.failure as { code?: string } | undefined)?.code, "fenced");
  assertEquals(older.metrics.fenced, 2);
  assertEquals(newer.failure, undefined);
  for (const device of devices) {
    assertEquals(world.storyOf(device), ["Start 1", "Heartbeat 1 1", "Heartbeat 1 2"]);
  }
});

Deno.test("Engine lets timers stand still while the wall clock has jumped, and goes on when it is back", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  world.clock.jumpWall(3_600_000);
  await world.advance(40_000);
  assertEquals(world.storyOf("a"), ["Start 1"]);
  assertEquals(process.engine.status().clock.jumpAlarm, true);
  world.clock.jumpWall(-3_600_000);
  await world.advance(2000);
  assertEquals(world.storyOf("a"), ["Start 1", "Heartbeat 1 1"]);
  assertEquals(process.engine.status().clock.jumpAlarm, false);
});

Deno.test("Engine leaves heartbeats out after a stall, but not with missed: all", async () => {
  for (const missed of ["coalesce", "all"] as const) {
    const world = new EngineWorld({ rules: { missed } });
    const process = world.engine();
    await process.start();
    world.sendStart("a", 1);
    await world.advance(1000);
    process.log.setMode(0, "refuse");
    await world.advance(5 * H);
    process.log.setMode(0, "append");
    await world.advance(5000);
    const beats = (ks: number[]) => ks.map((k) => `Heartbeat 1 ${k}`);
    const story = world.storyOf("a");
    // Some batches were in flight when it stalled.
    if (missed === "all") assertEquals(story, ["Start 1", ...beats([1, 2, 3, 4, 5])]);
    else {
      assertEquals(story.at(-1), "Heartbeat 1 5");
      assertLess(story.length, 5);
      assertGreater(process.engine.status().counters.heartbeatsCoalesced, 0);
    }
  }
});

Deno.test("Engine drops and counts starts over the limit, and takes more when others have ended", async () => {
  const world = new EngineWorld();
  const process = world.engine({ sessionsMax: 2 });
  await process.start();
  for (const device of ["a", "b", "c"]) world.sendStart(device, 1);
  await world.advance(1000);
  assertEquals(world.storyOf("c"), []);
  // A newer session of a device takes the place of its older one.
  world.sendStart("a", 2);
  world.sendEnd("b", 1);
  world.sendStart("d", 1);
  await world.advance(1000);
  assertEquals(world.storyOf("a"), ["Start 1", "End 1 superseded", "Start 2"]);
  assertEquals(world.storyOf("d"), ["Start 1"]);
  world.sendEnd("c", 1);
  await world.advance(2 * H);
  const { counters } = process.engine.status();
  assertEquals([counters.droppedStarts, counters.orphanEnds], [1, 1]);
});

Deno.test("Engine remembers no more ends than it may, over a restart as well, and goes on", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const first = world.engine({ rememberedMax: 20 });
  await first.start();
  for (let i = 0; i < 200; i++) {
    world.sendStart(world.deviceOn(i % 2, i), i);
    world.sendEnd(world.deviceOn(i % 2, i), i);
    if (i % 4 === 0) world.sendEnd(world.deviceOn(i % 2, i), `early-${i}`);
    if (i % 50 === 49) await world.advance(20);
  }
  const remembered = ({ engine }: typeof first) => {
    const { sessions } = engine.status();
    return sessions.endsRemembered + sessions.earlyEnds;
  };
  assertEquals(first.engine.status().sessions.rememberedMax, 20);
  // The last one of each shard may still be too much.
  assertLessOrEqual(remembered(first), 22);
  assertEquals(remembered(first) + first.metrics.forgottenEnds, 250);
  assertEquals(first.logged("ends are forgotten before their grace is over").length, 1);
  first.kill();
  const second = world.engine({ rememberedMax: 20 });
  await second.start();
  assertEquals(remembered(second), 20);
  // The newest are known still: what is sent again is nothing new.
  const written = world.records().length;
  world.sendEnd(world.deviceOn(1, 199), 199);
  world.sendStart(world.deviceOn(1, 199), 199);
  await world.advance(1000);
  assertEquals([world.records().length, second.metrics.duplicates], [written, 2]);
});

Deno.test("Engine fails when the input is not where it must be", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(6000);
  process.kill();
  world.input.logs[0]!.dropBefore(0);
  world.sendStart("b", 2);
  world.sendStart("c", 3);
  world.input.commitOffset(0, 3);
  world.input.committed[0] = -1;
  const next = world.engine();
  await next.start().catch(() => {});
  assert(next.failure instanceof Error);
  assertEquals((next.failure as { code?: string }).code, "state");
});

Deno.test("Engine reads and writes nothing before it is admitted, and ends where it is not", async () => {
  const world = new EngineWorld();
  world.sendStart("a", 1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = world.engine();
  const started = first.engine.start(promise);
  await world.advance(5_000);
  assertEquals([world.records().length, first.engine.status().started], [0, false]);
  resolve();
  await world.advance(10);
  await started;
  assertEquals(world.storyOf("a"), ["Start 1"]);
  first.kill();
  const second = world.engine();
  await assertRejects(
    () => second.engine.start(Promise.reject(new EngineError("no", { code: "config" }))),
    EngineError,
    "no",
  );
});

Deno.test("Engine ends when one of its fences gets no answer for twelve hours, and asks for it once", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const { engine, log } = world.engine();
  await engine.start();
  log.unrefreshable.add(1);
  log.refreshes.length = 0;
  let failure: unknown = null;
  engine.failed.catch((error) => failure = error);
  // The chores count seconds.
  for (let second = 0; second < 12 * 3600 - 1; second++) await world.advance(1000);
  assertEquals(failure, null);
  assertEquals(log.refreshes.filter((shard) => shard === 1).length, 1);
  assertEquals(log.refreshes.filter((shard) => shard === 0).length, 11);
  for (let second = 0; second < 3600; second++) await world.advance(1000);
  assert(failure instanceof EngineError);
  assertStringIncludes(failure.message, "could not be refreshed for twelve hours");
});

Deno.test("Engine ends when the output goes back behind what it acknowledged", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  for (const device of ["a", "b", "c"]) {
    world.sendStart(device, 1);
    await world.advance(1_000);
  }
  const failed = assertRejects(() => first.engine.failed, EngineError, "took the next batch at 0");
  first.log.setMode(0, { kind: "acknowledged", baseOffset: 0 });
  world.sendStart("d", 1);
  await world.advance(100);
  await failed;
  first.kill();
});
