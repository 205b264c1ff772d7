import { assertEquals } from "@std/assert";
import { EngineWorld, WORLD_START_MS } from "../support/engine/engine_world.ts";

const MINUTE_MS = 60_000;

Deno.test("Engine follows the time of the events that a first run finds in the input", async () => {
  const world = new EngineWorld();
  const atMs = WORLD_START_MS - 60 * MINUTE_MS;
  world.sendStart("a", 1, { atMs });
  world.sendEnd("a", 1, { atMs: atMs + 10 * MINUTE_MS });
  world.sendStart("b", 2, { atMs: atMs + 11 * MINUTE_MS });
  const process = world.engine();
  await process.start();
  await world.advance(2000);
  assertEquals(world.storyOf("a"), ["Start 1", "End 1 ended"]);
  assertEquals(world.storyOf("b").at(-1), "End 2 timeout");
});

Deno.test("Engine follows the time of the events also while it fetches no more of them", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  await first.stop();
  const atMs = world.clock.wallMs();
  await world.advance(60 * MINUTE_MS);
  // More than a round takes, in one fetch: the rest is queued while the partition is paused.
  const again = new TextEncoder().encode('{"type":"start","deviceId":"a","sessionId":1}');
  const end = new TextEncoder().encode('{"type":"end","deviceId":"a","sessionId":1}');
  world.input.appendRecords(
    0,
    Array.from({ length: 20_100 }, (_, i) => ({
      timestampMs: atMs + i,
      key: null,
      value: i < 20_090 ? again : end,
      headers: [],
    })),
  );
  const second = world.engine({ limits: { queuedEventsMax: 20 } });
  await second.start();
  await world.advance(2000);
  assertEquals(world.storyOf("a"), ["Start 1", "End 1 ended"]);
});
