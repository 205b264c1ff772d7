import { assertEquals, assertLess } from "@std/assert";
import type { EnginePorts } from "../../lib/engine/engine_options.ts";
import type { Source } from "../../lib/ports/source.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";

Deno.test("Engine gives up waiting after three quarters of its time, and touches no closed port", async () => {
  for (const mode of ["refuse", "hold"] as const) {
    const world = new EngineWorld();
    const process = world.engine();
    await process.start();
    world.sendStart("a", 1);
    await world.advance(1000);
    process.log.setMode(0, mode);
    world.sendEnd("a", 1);
    await world.advance(1000);
    const { isSettled, tookMs } = await process.stop();
    assertEquals(isSettled, false);
    assertLess(tookMs, 8000);
    process.log.release(0);
    await world.advance(20_000);
    assertEquals(process.log.misuse, []);
    const next = world.engine();
    await next.start();
    await world.advance(1000);
    assertEquals(world.storyOf("a"), ["Start 1", "End 1 ended"]);
  }
});

Deno.test("Engine writes what it has taken before it stops, and nothing twice after the next start", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const first = world.engine();
  first.log.latencyMs = 30;
  await first.start();
  for (let i = 0; i < 300; i++) world.sendStart(`d${i}`, i);
  await world.advance(1);
  const { isSettled } = await first.stop();
  assertEquals(isSettled, true);
  const second = world.engine();
  await second.start();
  await world.advance(2000);
  const starts = world.records().filter(({ status }) => status === "SessionStart");
  assertEquals(starts.length, 300);
  assertEquals(new Set(starts.map(({ device }) => device)).size, 300);
});

Deno.test("Engine commits at its stop what it has written, so that a lag tool sees none", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const process = world.engine();
  await process.start();
  for (let i = 0; i < 30; i++) world.sendStart(`d${i}`, i);
  await world.advance(100);
  await process.stop();
  assertEquals(world.input.committed, [30]);
});

Deno.test("Engine stops at any step of a shard's way back, and its source stays stopped", async () => {
  for (let afterMs = 0; afterMs < 4; afterMs += 0.05) {
    const world = new EngineWorld({ outputPartitions: 2 });
    const stops: string[] = [];
    const process = world.engine({
      limits: { backlogEventsMax: 5 },
      wrapPorts: (ports) => watched(ports, stops),
    });
    await process.start();
    process.log.setMode(0, "refuse");
    for (let i = 0; i < 40; i++) {
      world.sendStart(`d${i}`, i);
      await world.advance(1);
    }
    await world.advance(100);
    assertEquals(process.logged("left the input").length, 1);
    process.log.setMode(0, "append");
    // The batch is sent again soon, and the shard comes back.
    const sent = process.log.produced;
    while (process.log.produced === sent) await world.advance(0.05);
    await world.advance(afterMs);
    await process.stop();
    await world.advance(1000);
    assertEquals(stops.at(-1), "stop", `after ${afterMs} ms: ${stops}`);
    assertEquals(process.log.misuse, []);
  }
});

Deno.test("Engine stops while it starts", async () => {
  const world = new EngineWorld({ outputPartitions: 8 });
  const first = world.engine();
  await first.start();
  for (let i = 0; i < 50; i++) world.sendStart(`d${i}`, i);
  await world.advance(100);
  await first.stop();
  for (let steps = 0; steps < 12; steps++) {
    const process = world.engine();
    const started = process.engine.start();
    for (let i = 0; i < steps; i++) await Promise.resolve();
    const { isSettled } = await process.stop();
    await started;
    await world.advance(100);
    assertEquals([isSettled, process.failure, process.log.misuse], [true, undefined, []]);
  }
});

/** The ports with a source that tells of each start and stop, and takes its time to answer. */
function watched(ports: EnginePorts, calls: string[]): EnginePorts {
  const { source, clock } = ports;
  const pause = () => new Promise<void>((resolve) => clock.wakeAfter(0.5, resolve));
  const watchedSource: Source = {
    open: () => source.open(),
    ranges: () => pause().then(() => source.ranges()),
    committedOffsets: () => source.committedOffsets(),
    commitOffsets: (offsets) => source.commitOffsets(offsets),
    setPaused: (partition, paused) => source.setPaused(partition, paused),
    start: (offsets, listener) => {
      calls.push("start");
      source.start(offsets, listener);
    },
    stop: () => {
      calls.push("stop");
      return pause().then(() => source.stop());
    },
  };
  return { ...ports, source: watchedSource };
}
