import { assertEquals } from "@std/assert";
import type { EnginePorts } from "../../lib/engine/engine_options.ts";
import type { Source } from "../../lib/ports/source.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";
import { withSource } from "../support/engine/with_source.ts";

const GRACE_MS = 30_000;
const STANDSTILL_MS = 60_000;
/** What a broker takes for an answer. */
const ANSWER_MS = 50;

const SOURCES: readonly (readonly [name: string, wrap: (ports: EnginePorts) => EnginePorts])[] = [
  ["answers late", (ports) => slow(ports, { losesTouch: false })],
  ["first has lost touch with its broker", (ports) => slow(ports, { losesTouch: true })],
];

for (const [name, wrapPorts] of SOURCES) {
  Deno.test(`Engine that stood still takes the events of that time in theirs, where its source ${name}`, async () => {
    const world = new EngineWorld({ rules: { graceMs: GRACE_MS } });
    const process = world.engine({ wrapPorts });
    await process.start();
    const [repeating, ending, silent] = [0, 1, 2].map((n) => world.deviceOn(0, n));
    world.sendStart(repeating!, 1);
    world.sendStart(ending!, 2);
    world.sendStart(silent!, 3);
    await world.advance(100);
    world.sendEnd(repeating!, 1);
    await world.advance(100);
    process.freeze();
    await world.advance(1000);
    // By now's clock session 1 would be forgotten when this is read, and begin anew.
    world.sendStart(repeating!, 1);
    world.sendEnd(ending!, 2);
    await world.advance(STANDSTILL_MS);
    process.thaw();
    await world.advance(1000);
    assertEquals(world.storyOf(repeating!), ["Start 1", "End 1 ended"]);
    assertEquals(world.storyOf(ending!), ["Start 2", "End 2 ended"]);
    assertEquals(world.storyOf(silent!), ["Start 3", "Heartbeat 3 2"]);
  });
}

Deno.test("Engine that stood still does not wait without end for a source that does not answer", async () => {
  const world = new EngineWorld();
  let isAway = false;
  const process = world.engine({
    wrapPorts: (ports) =>
      withSource(ports, {
        ranges: () => isAway ? new Promise(() => {}) : ports.source.ranges(),
      }),
  });
  await process.start();
  const device = world.deviceOn(0);
  world.sendStart(device, 1);
  await world.advance(1000);
  process.freeze();
  isAway = true;
  await world.advance(STANDSTILL_MS);
  process.thaw();
  await world.advance(4000);
  assertEquals(world.storyOf(device), ["Start 1"]);
  await world.advance(2000);
  assertEquals(world.storyOf(device), ["Start 1", "Heartbeat 1 2"]);
});

/** The same source, whose answers take a while; after a standstill its requests have timed out. */
function slow(ports: EnginePorts, { losesTouch }: { readonly losesTouch: boolean }): EnginePorts {
  const { source, clock } = ports;
  let answeredMs = Infinity;
  const start: Source["start"] = (offsets, listener) => {
    source.start(offsets, {
      onError: (error) => listener.onError(error),
      onPartitionState: (partition, reachable) => listener.onPartitionState(partition, reachable),
      onFetch: (fetched) => {
        const isOverdue = clock.monotonicMs() - answeredMs > 30_000;
        answeredMs = clock.monotonicMs();
        if (losesTouch && isOverdue) listener.onPartitionState(fetched.partition, false);
        clock.wakeAfter(ANSWER_MS, () => {
          if (losesTouch) listener.onPartitionState(fetched.partition, true);
          listener.onFetch(fetched);
        });
      },
    });
  };
  return withSource(ports, { start });
}
