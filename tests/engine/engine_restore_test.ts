import { assert, assertEquals } from "@std/assert";
import { EngineWorld } from "../support/engine/engine_world.ts";

const MINUTE_MS = 60_000;

Deno.test("Engine finds a session again whose heartbeats were left out for long in catching up", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  const atMs = world.clock.wallMs();
  first.kill();
  await world.advance(20 * MINUTE_MS);
  // Sessions of a moment, two minutes apart: long after the one has its beats left out.
  for (let i = 1; i < 8; i++) {
    world.sendStart(`x${i}`, i, { atMs: atMs + i * 2 * MINUTE_MS });
    world.sendEnd(`x${i}`, i, { atMs: atMs + i * 2 * MINUTE_MS + 10 });
  }
  // More is to come, once this letter is acknowledged.
  world.sendText("no event", { atMs: atMs + 15 * MINUTE_MS });
  world.sendEnd("y", 1, { atMs: atMs + 15 * MINUTE_MS });
  const send = () => new Promise<void>(() => {});
  const second = world.engine({
    wrapPorts: (ports) => ({ ...ports, deadLetters: { ...ports.deadLetters, send } }),
  });
  second.log.setMode(0, "hold");
  await second.start();
  await world.advance(100);
  assertEquals(world.batches().length, 2);
  second.kill();
  const third = world.engine();
  await third.start();
  await world.advance(60 * MINUTE_MS);
  assertEquals(world.storyOf("a").at(-1), "End 1 timeout");
});

Deno.test("Engine that never lives for a grace has no more to restore each time", async () => {
  const world = new EngineWorld();
  world.sendStart("a", 1);
  for (let life = 0; life < 30; life++) {
    const engine = world.engine();
    await engine.start();
    await world.advance(20_000);
    engine.kill();
  }
  const batches = world.batches();
  const { baseOffset, position } = batches.at(-1)!;
  // A heartbeat every 30 s, of which the last tells all.
  assert(batches.length > 15, `${batches.length} batches`);
  assert(baseOffset - position.restoreOffset <= 2, `R is ${position.restoreOffset}`);
  const last = world.engine();
  await last.start();
  await world.advance(60 * MINUTE_MS);
  const story = world.storyOf("a");
  assertEquals([story[0], story.length, story.at(-1)], ["Start 1", 61, "End 1 timeout"]);
});
