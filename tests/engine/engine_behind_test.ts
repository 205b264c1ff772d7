import { assertEquals } from "@std/assert";
import type { EnginePorts } from "../../lib/engine/engine_options.ts";
import type { Source } from "../../lib/ports/source.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";
import { withSource } from "../support/engine/with_source.ts";

Deno.test("Engine that starts behind lets no shard run ahead of the input, not the most recent one either", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const recent = world.deviceOn(0);
  const other = world.deviceOn(1);
  const first = world.engine();
  await first.start();
  world.sendStart(other, 1);
  world.sendStart(recent, 2);
  await world.advance(1000);
  // Only the one shard writes again, so its log stands for more of the input.
  world.sendStart(recent, 3);
  await world.advance(1000);
  first.kill();
  world.sendEnd(recent, 3);
  await world.advance(100_000);
  const second = world.engine({ wrapPorts: withSlowFetch });
  await second.start();
  await world.advance(1000);
  assertEquals(world.storyOf(recent), ["Start 2", "End 2 superseded", "Start 3", "End 3 ended"]);
});

/** A broker takes a moment for the first answer. */
function withSlowFetch(ports: EnginePorts): EnginePorts {
  const { source, clock } = ports;
  const start: Source["start"] = (offsets, listener) => {
    clock.wakeAfter(50, () => source.start(offsets, listener));
  };
  return withSource(ports, { start });
}
