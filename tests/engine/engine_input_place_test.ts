import { assert, assertEquals } from "@std/assert";
import type { EnginePorts } from "../../lib/engine/engine_options.ts";
import type { Source } from "../../lib/ports/source.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";

Deno.test("Engine closes the batch of a shard that leaves the input at the place where it left", async () => {
  const world = new EngineWorld({ batchBytesMax: 65_536 });
  for (let i = 0; i < 500; i++) world.sendStart(`d${i}`, i);
  const first = world.engine({ limits: { backlogEventsMax: 50 } });
  // One batch gets into the log, and no other.
  first.log.setMode(0, "hold");
  await first.start();
  first.kill();
  assert(first.logged("left the input").length > 0, "it has not left the input");
  assert(world.records().length < 500);
  const second = world.engine();
  await second.start();
  await world.advance(2000);
  assertEquals(world.records().filter(({ status }) => status === "SessionStart").length, 500);
});

Deno.test("Engine places a shard that restores its state at its log, not where it was before", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const process = world.engine({ wrapPorts: withSlowOffsets });
  const refused = { kind: "rejected", cause: "other", reason: "for a test" } as const;
  const send = async (shard: number, number: number, ms: number) => {
    world.sendStart(world.deviceOn(shard, number), number);
    await world.advance(ms);
  };
  await process.start();
  await send(0, 1, 50);
  await send(1, 1, 50);
  // A batch without an answer, one behind it that is refused, an event that waits.
  process.log.setMode(0, "hold");
  await send(0, 2, 10);
  process.log.setMode(0, refused);
  await send(0, 3, 10);
  await send(0, 4, 10);
  // The other shard restores its state: the input is read again, and this one skips what it took.
  process.log.setMode(1, refused);
  await send(1, 2, 10);
  process.log.setMode(1, "append");
  await world.advance(100);
  // It hears that its first batch is there and the next is refused.
  process.log.release(0);
  await world.advance(4);
  await send(0, 5, 4);
  process.kill();
  await world.engine().start();
  await world.advance(100);
  for (const number of [1, 2, 3, 4, 5]) {
    assertEquals(world.storyOf(world.deviceOn(0, number)), [`Start ${number}`]);
  }
});

/** The committed offsets take longer than the ends of the input. */
function withSlowOffsets(ports: EnginePorts): EnginePorts {
  const after = <T>(ms: number, value: () => Promise<T>): Promise<T> =>
    new Promise<void>((resolve) => ports.clock.wakeAfter(ms, resolve)).then(value);
  const { source } = ports;
  const slow: Source = {
    open: () => source.open(),
    ranges: () => after(3, () => source.ranges()),
    committedOffsets: () => after(10, () => source.committedOffsets()),
    commitOffsets: (offsets) => source.commitOffsets(offsets),
    start: (offsets, listener) => source.start(offsets, listener),
    setPaused: (partition, paused) => source.setPaused(partition, paused),
    stop: () => source.stop(),
  };
  return { ...ports, source: slow };
}
