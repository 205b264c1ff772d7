import { assertEquals, assertThrows } from "@std/assert";
import { EngineError } from "../../lib/engine/engine_error.ts";
import { chooseStartOffsets, type StartOffsetsOptions } from "../../lib/engine/start_offsets.ts";

/** Two partitions that hold offsets 10 to 50 and 5 to 60. */
function choose(options: Partial<StartOffsetsOptions>): { offsets: number[][]; isFirst: boolean } {
  const { ofShard, isFirstRun } = chooseStartOffsets({
    inputs: [{ topic: "events", partition: 0 }, { topic: "events", partition: 1 }],
    ranges: [{ logStart: 10, end: 50 }, { logStart: 5, end: 60 }],
    committed: [-1, -1],
    read: [null],
    start: "latest",
    ...options,
  });
  return { offsets: ofShard.map((offsets) => [...offsets]), isFirst: isFirstRun };
}

Deno.test("chooseStartOffsets() takes the configured start where nothing else tells", () => {
  assertEquals(choose({ start: "earliest" }), { offsets: [[10, 5]], isFirst: true });
  assertEquals(choose({ start: "latest" }), { offsets: [[50, 60]], isFirst: true });
});

Deno.test("chooseStartOffsets() takes the position of a shard, and the group's offset where that is newer", () => {
  const read = [
    [{ topic: "events", partition: 0, offset: 20 }, { topic: "events", partition: 1, offset: 30 }],
    null,
  ];
  assertEquals(choose({ read, committed: [15, 40] }), {
    offsets: [[20, 40], [15, 40]],
    isFirst: false,
  });
});

Deno.test("chooseStartOffsets() reads all of a partition that was added to a topic that is read", () => {
  const read = [[{ topic: "events", partition: 0, offset: 20 }]];
  assertEquals(choose({ read }).offsets, [[20, 5]]);
  // Also when no record tells of the topic yet, as for a shard that restores its state alone.
  assertEquals(choose({ committed: [20, -1] }).offsets, [[20, 5]]);
});

Deno.test("chooseStartOffsets() refuses offsets that the input does not have", () => {
  assertThrows(() => choose({ committed: [51, 10] }), EngineError, "created anew");
  assertThrows(() => choose({ committed: [9, 10] }), EngineError, "retention removed 1");
});
