import { assertEquals } from "@std/assert";
import { MemoryInput } from "../../lib/adapters/memory/memory_input.ts";
import { MemorySource } from "../../lib/adapters/memory/memory_source.ts";
import { SourceError } from "../../lib/ports/source.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";
import { withSource } from "../support/engine/with_source.ts";

Deno.test("Engine that was fenced before its first commit leaves the group's offsets alone", async () => {
  const world = new EngineWorld();
  world.sendStart("before", 1);
  const held = Promise.withResolvers<void>();
  const older = world.engine({
    start: "latest",
    wrapPorts: (ports) =>
      withSource(ports, {
        // Suspended in between: it finds the ends of the input when it goes on.
        ranges: () => held.promise.then(() => ports.source.ranges()),
      }),
  });
  const olderStart = older.start().catch(() => {});
  await world.advance(100);
  const newer = world.engine({ start: "latest" });
  await newer.start();
  newer.log.setMode(0, "refuse");
  world.sendStart("a", 1);
  await world.advance(100);
  held.resolve();
  await olderStart;
  newer.kill();
  assertEquals((older.failure as { code?: string } | undefined)?.code, "fenced");
  assertEquals(world.input.committed, [1]);
  const last = world.engine({ start: "latest" });
  await last.start();
  await world.advance(1000);
  assertEquals(world.storyOf("a"), ["Start 1"]);
  assertEquals(world.storyOf("before"), []);
});

Deno.test("Engine that waits for its first commit ends when it is fenced", async () => {
  const world = new EngineWorld();
  let isAway = true;
  const older = world.engine({
    start: "latest",
    wrapPorts: (ports) =>
      withSource(ports, {
        commitOffsets: (offsets) => {
          if (!isAway) return ports.source.commitOffsets(offsets);
          const away = { code: "other", retryable: true } as const;
          return Promise.reject(new SourceError("Cannot commit: no coordinator", away));
        },
      }),
  });
  const olderStart = older.start().catch(() => {});
  await world.advance(1000);
  assertEquals(older.logged("cannot commit the first offsets").length, 1);
  world.sendStart("before", 1);
  const newer = world.engine({ start: "latest" });
  await newer.start();
  isAway = false;
  await olderStart;
  assertEquals((older.failure as { code?: string } | undefined)?.code, "fenced");
  assertEquals(world.input.committed, [1]);
  assertEquals(newer.failure, undefined);
});

for (const wroteOfIt of [false, true]) {
  Deno.test(
    `Engine goes on with an added topic where it first began, ${
      wroteOfIt ? "in shards that wrote nothing, too" : "when it died before it wrote of it"
    }`,
    async () => {
      const world = new EngineWorld({ outputPartitions: 2 });
      const first = world.engine({ start: "latest" });
      await first.start();
      world.sendStart(world.deviceOn(0), 1);
      world.sendStart(world.deviceOn(1), 1);
      await world.advance(1000);
      first.kill();
      const input = new MemoryInput({
        topics: [{ name: "events", partitions: 1 }, { name: "more", partitions: 1 }],
        bufferBytesMax: 1 << 20,
      });
      const send = (partition: number, deviceId: string) => {
        const value = JSON.stringify({ type: "start", deviceId, sessionId: 1 });
        const record = { key: null, value: new TextEncoder().encode(value), headers: [] };
        input.appendRecords(partition, [{ ...record, timestampMs: world.clock.wallMs() }]);
      };
      for (const shard of [0, 1]) send(0, world.deviceOn(shard));
      input.committed[0] = world.input.committed[0]!;
      const old = world.deviceOn(1, 1);
      send(1, old);
      const engine = () =>
        world.engine({
          start: "latest",
          wrapPorts: (ports) => ({ ...ports, source: new MemorySource(input, ports.clock) }),
        });
      const second = engine();
      await second.start();
      // Of the topic that was read before, the group's offset is as it was.
      assertEquals(input.committed, [0, 1]);
      if (wroteOfIt) {
        send(1, world.deviceOn(0, 1));
        await world.advance(1000);
        assertEquals(world.storyOf(world.deviceOn(0, 1)), ["Start 1"]);
      }
      second.kill();
      // The input is read by nobody now.
      const later = world.deviceOn(1, 2);
      send(1, later);
      const third = engine();
      await third.start();
      await world.advance(1000);
      assertEquals([world.storyOf(later), world.storyOf(old)], [["Start 1"], []]);
    },
  );
}

Deno.test("Engine waits with its first commit for brokers that are away", async () => {
  const world = new EngineWorld();
  let refusals = 3;
  const process = world.engine({
    wrapPorts: (ports) =>
      withSource(ports, {
        commitOffsets: (offsets) => {
          if (refusals-- <= 0) return ports.source.commitOffsets(offsets);
          const away = { code: "other", retryable: true } as const;
          return Promise.reject(new SourceError("Cannot commit: no coordinator", away));
        },
      }),
  });
  world.sendStart("a", 1);
  await process.start();
  await world.advance(100);
  assertEquals(world.storyOf("a"), ["Start 1"]);
});
