import {
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { EngineError } from "../../lib/engine/engine_error.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";

Deno.test("Engine refuses to start where retention took the last record of an active session", async () => {
  const world = await twoSessions();
  dropAllButLastBatch(world);
  const { logStart } = world.output.partition(0);
  const { restoreOffset } = world.batches().at(-1)!.position;
  const second = world.engine();
  const error = await assertRejects(() => second.start(), EngineError) as EngineError;
  assertEquals(error.code, "state");
  for (
    const text of [
      "Partition 0 of the output topic sessions",
      `begins at offset ${logStart}`,
      `from ${restoreOffset} on`,
      "1 of the 2 sessions that were active",
      "no End",
      "output.lostSessions: forget",
    ]
  ) assertStringIncludes(error.message, text);
  assertEquals(second.log.acquired, 1);
});

Deno.test("Engine forgets sessions whose last record retention took, where it may, and says how many", async () => {
  const world = await twoSessions();
  dropAllButLastBatch(world);
  const second = world.engine({ lostSessions: "forget" });
  await second.start();
  assertEquals(second.engine.status().sessions.active, 1);
  const lines = second.logged("the output begins after the offset");
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "lost=1");
  // From its next batch on nothing is amiss.
  await world.advance(61_000);
  second.kill();
  const third = world.engine();
  await third.start();
  assertEquals(third.engine.status().sessions.active, 1);
});

Deno.test("Engine starts where retention took records from R on, but of no session that is active", async () => {
  const world = await twoSessions();
  world.sendEnd("a", 1);
  const first = world.engine();
  await first.start();
  await world.advance(10_000);
  world.sendEnd("b", 2);
  await world.advance(1000);
  first.kill();
  dropAllButLastBatch(world);
  const second = world.engine();
  await second.start();
  assertEquals(second.engine.status().sessions.active, 0);
  assertEquals(second.logged("the output begins after the offset"), []);
});

Deno.test("Engine starts from a checkpoint that has the sessions whose records retention took", async () => {
  const world = await twoSessions();
  const first = world.engine();
  await first.start();
  await world.advance(1000);
  await first.stop();
  dropAllButLastBatch(world);
  const second = world.engine();
  await second.start();
  assertEquals(second.engine.status().sessions.active, 2);
});

Deno.test("Engine does not take sessions for written that it only had from a checkpoint which is gone", async () => {
  const world = await twoSessions();
  const first = world.engine();
  await first.start();
  world.sendStart("c", 3);
  await world.advance(1000);
  await first.stop();
  dropAllButLastBatch(world);
  const second = world.engine();
  await second.start();
  // One more has a record in the log then, and only the checkpoint has the third.
  const batches = world.batches().length;
  while (world.batches().length === batches) await world.advance(100);
  second.kill();
  const withState = world.engine();
  await withState.start();
  assertEquals(withState.engine.status().sessions.active, 3);
  withState.kill();
  const third = world.engine({ wrapPorts: (ports) => ({ ...ports, checkpoints: null }) });
  const error = await assertRejects(() => third.start(), EngineError) as EngineError;
  assertStringIncludes(error.message, "1 of the 3 sessions that were active");
});

Deno.test("Engine ends, and does not try again, where a shard that recovers finds its sessions lost", async () => {
  const world = await twoSessions();
  const process = world.engine();
  await process.start();
  assertEquals(process.engine.status().sessions.active, 2);
  dropAllButLastBatch(world);
  process.log.setMode(0, { kind: "out_of_order" });
  await world.advance(120_000);
  assertInstanceOf(process.failure, EngineError);
  assertStringIncludes((process.failure as EngineError).message, "output.lostSessions: forget");
  assertEquals(process.engine.status().phase, "failed");
  assertEquals(process.log.acquired, 2);
});

/** Two sessions, whose heartbeats are not in the same batches; the process that wrote them is dead. */
async function twoSessions(): Promise<EngineWorld> {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(15_000);
  world.sendStart("b", 2);
  await world.advance(120_000);
  process.kill();
  assertGreater(world.batches().at(-1)!.position.restoreOffset, 0);
  return world;
}

/** As retention does it: by whole batches, and never the last one. */
function dropAllButLastBatch(world: EngineWorld): void {
  const { baseOffset, position } = world.batches().at(-1)!;
  world.output.partition(0).dropBefore(baseOffset);
  assertLess(position.restoreOffset, world.output.partition(0).logStart);
}
