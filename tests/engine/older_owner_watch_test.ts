import { assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { EngineError } from "../../lib/engine/engine_error.ts";
import { type EngineProcess, EngineWorld } from "../support/engine/engine_world.ts";

const NEW_ID = "the broker gave this shard a new producer id";
const WAITING = "shard cannot be restored yet";
const EPOCH_MAX = 32_766;

Deno.test("Engine does not start beside an older owner that writes and that it cannot fence", async () => {
  const world = await withSession();
  const older = world.engine();
  await older.start();
  const { process, starting } = startUnderNewId(world);
  // The older one writes a heartbeat meanwhile.
  await world.advance(45_000);
  const error = await assertRejects(() => starting, EngineError) as EngineError;
  assertEquals(error.code, "state");
  assertStringIncludes(error.message, "Partition 0 of the output topic sessions is written by");
  assertEquals([older.failure, process.isStarted], [undefined, false]);
  assertEquals(older.engine.status().sessions.active, 1);
});

Deno.test("Engine waits a heartbeat interval for a recent owner that it cannot fence, and goes on", async () => {
  const world = await withSession();
  const { process, starting } = startUnderNewId(world);
  await world.advance(29_000);
  assertEquals([process.isStarted, process.logged(NEW_ID).length], [false, 0]);
  assertStringIncludes(process.logged(WAITING)[0]!, "waiting 30 s whether that writes again");
  const { state, reason } = process.engine.status().shards[0]!;
  assertEquals(state, "restoring");
  assertStringIncludes(reason!, "waiting 30 s whether that writes again");
  await world.advance(8_000);
  await starting;
  assertEquals([process.isStarted, process.logged(NEW_ID).length], [true, 1]);
  assertEquals(process.engine.status().sessions.active, 1);
});

Deno.test("Engine does not wait for an owner that has not written for long", async () => {
  const world = await withSession();
  await world.advance(6 * 60_000);
  const { process, starting } = startUnderNewId(world);
  await world.advance(1000);
  await starting;
  assertEquals([process.logged(WAITING), process.logged(NEW_ID).length], [[], 1]);
});

Deno.test("Engine does not wait where nobody is fenced at all", async () => {
  const world = await withSession();
  const { process, starting } = startUnderNewId(world, { fencing: false });
  await world.advance(1000);
  await starting;
  assertEquals(process.isStarted, true);
});

Deno.test("Engine does not take its own batches for those of an older owner", async () => {
  const world = await withSession();
  // It gets the last epoch of the producer id, so that it recovers under another one.
  while (world.output.nextOwner(0).epoch < EPOCH_MAX - 1);
  const process = world.engine();
  await process.start();
  await world.advance(40_000);
  process.log.setMode(0, { kind: "out_of_order" });
  await world.advance(30_000);
  process.log.setMode(0, "append");
  await world.advance(60_000);
  assertEquals(process.failure, undefined);
  assertEquals(process.engine.status().shards[0]!.state, "running");
  assertGreater(process.logged(NEW_ID).length, 0);
});

/** A world with a session, whose owner is dead. */
async function withSession(): Promise<EngineWorld> {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(40_000);
  process.kill();
  return world;
}

/** Starts a process to which the broker gives another producer id than the one before had. */
function startUnderNewId(
  world: EngineWorld,
  options: { readonly fencing?: boolean } = {},
): { process: EngineProcess; starting: Promise<void> } {
  useUpEpochs(world);
  const process = world.engine(options);
  const starting = process.engine.start().then(() => void (process.isStarted = true));
  starting.catch(() => {});
  return { process, starting };
}

function useUpEpochs(world: EngineWorld): void {
  const { producerId } = world.output.nextOwner(0);
  while (world.output.nextOwner(0).producerId === producerId);
}
