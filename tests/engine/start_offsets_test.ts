import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { InputPosition } from "../../lib/core/position.ts";
import { EngineError } from "../../lib/engine/engine_error.ts";
import { SourceError } from "../../lib/ports/source.ts";
import { chooseStartOffsets, type StartOffsetsOptions } from "../../lib/engine/start_offsets.ts";

interface Case extends Partial<StartOffsetsOptions> {
  readonly name: string;
  readonly expected: readonly (readonly number[])[];
  readonly isFirstRun?: boolean;
  readonly firstCommit?: readonly number[];
}

/** Partitions a/0 and a/1, from 10 to 100 each. */
const BASE: StartOffsetsOptions = {
  inputs: [{ topic: "a", partition: 0 }, { topic: "a", partition: 1 }],
  ranges: [{ logStart: 10, end: 100 }, { logStart: 10, end: 100 }],
  committed: [-1, -1],
  read: [null],
  start: "earliest",
  hadOutput: false,
  groupId: "rooms",
};

const CASES: readonly Case[] = [
  {
    name: "nothing known, earliest",
    expected: [[10, 10]],
    isFirstRun: true,
    firstCommit: [10, 10],
  },
  {
    name: "nothing known, latest",
    start: "latest",
    expected: [[100, 100]],
    isFirstRun: true,
    firstCommit: [100, 100],
  },
  { name: "a committed offset alone", committed: [20, 30], expected: [[20, 30]] },
  { name: "a committed offset at the end", committed: [100, 100], expected: [[100, 100]] },
  { name: "a position alone", read: [at(40, 50)], expected: [[40, 50]] },
  {
    name: "a position after what is committed",
    committed: [20, 30],
    read: [at(40, 50)],
    expected: [[40, 50]],
  },
  // It cannot be before it: committed is what every shard has.
  {
    name: "a position before what is committed",
    committed: [60, 60],
    read: [at(40, 70)],
    expected: [[60, 70]],
  },
  {
    name: "several shards, one of them without a log",
    committed: [20, 30],
    read: [at(40, 50), null, at(25, 99)],
    expected: [[40, 50], [20, 30], [25, 99]],
  },
  {
    name: "a shard without a log and nothing committed, latest",
    start: "latest",
    read: [at(40, 50), null],
    // Everything of a topic that is known is to be read: its events may be of that shard.
    expected: [[40, 50], [10, 10]],
  },
  {
    name: "a partition that was added to a topic with positions, latest",
    start: "latest",
    read: [[{ topic: "a", partition: 0, offset: 40 }]],
    expected: [[40, 10]],
  },
  {
    name: "a partition that was added to a topic with committed offsets alone, latest",
    start: "latest",
    committed: [40, -1],
    expected: [[40, 10]],
  },
  {
    name: "a topic that was added, latest",
    inputs: [{ topic: "a", partition: 0 }, { topic: "b", partition: 0 }],
    start: "latest",
    read: [[{ topic: "a", partition: 0, offset: 40 }]],
    expected: [[40, 100]],
    // Of the other one the group's offset stays as it is.
    firstCommit: [-1, 100],
  },
  {
    name: "a topic that was added and whose beginning is committed, latest",
    inputs: [{ topic: "a", partition: 0 }, { topic: "b", partition: 0 }],
    start: "latest",
    committed: [-1, 70],
    read: [[{ topic: "a", partition: 0, offset: 40 }], at(40, 50).slice(0, 1), [
      { topic: "a", partition: 0, offset: 40 },
      { topic: "b", partition: 0, offset: 80 },
    ]],
    expected: [[40, 70], [40, 70], [40, 80]],
  },
  {
    name: "a topic that was added, earliest",
    inputs: [{ topic: "a", partition: 0 }, { topic: "b", partition: 0 }],
    read: [[{ topic: "a", partition: 0, offset: 40 }]],
    expected: [[40, 10]],
    firstCommit: [-1, 10],
  },
  {
    name: "a position with a topic that is no input any more",
    read: [[...at(40, 50), { topic: "gone", partition: 0, offset: 9999 }]],
    expected: [[40, 50]],
  },
  {
    name: "a committed offset, an output that retention emptied",
    hadOutput: true,
    committed: [20, -1],
    expected: [[20, 10]],
  },
  {
    name: "a position in one shard alone, an output with records",
    hadOutput: true,
    read: [null, at(40, 50)],
    expected: [[10, 10], [40, 50]],
  },
  {
    name: "a partition that is empty",
    ranges: [{ logStart: 100, end: 100 }, { logStart: 10, end: 100 }],
    read: [at(100, 50)],
    expected: [[100, 50]],
  },
];

for (const { name, expected, isFirstRun = false, firstCommit = null, ...changes } of CASES) {
  Deno.test(`chooseStartOffsets() with ${name}`, () => {
    const chosen = chooseStartOffsets({ ...BASE, ...changes });
    assertEquals(chosen.ofShard.map((offsets) => [...offsets]), expected);
    assertEquals([chosen.isFirstRun, chosen.firstCommit], [isFirstRun, firstCommit]);
  });
}

const REFUSED: readonly (Partial<StartOffsetsOptions> & { name: string; text: string })[] = [
  {
    name: "a position past the end",
    read: [at(40, 101)],
    text: "Partition 1 of the input topic a ends at offset 100",
  },
  {
    name: "a committed offset past the end",
    committed: [101, 50],
    text: "deleted and created anew",
  },
  {
    name: "a position that retention has passed",
    read: [at(9, 50)],
    text: "retention removed 1 records",
  },
  {
    name: "a committed offset that retention has passed",
    committed: [5, 50],
    text: "--reset-offsets --to-earliest",
  },
  {
    name: "to guess a start, when the output had records",
    hadOutput: true,
    text: "kafka-consumer-groups --group rooms --topic a --reset-offsets",
  },
  {
    name: "to guess the end as a start, when the output had records",
    hadOutput: true,
    start: "latest",
    read: [null, null],
    text: "nothing tells how far a was read",
  },
];

for (const { name, text, ...changes } of REFUSED) {
  Deno.test(`chooseStartOffsets() refuses ${name}`, () => {
    const error = assertThrows(() => chooseStartOffsets({ ...BASE, ...changes }), EngineError);
    assertEquals((error as EngineError).code, "state");
    assertStringIncludes((error as Error).message, text);
  });
}

Deno.test("chooseStartOffsets() refuses to forget a partition that was added meanwhile", () => {
  const read = [[...at(40, 50), { topic: "a", partition: 2, offset: 7 }]];
  const error = assertThrows(() => chooseStartOffsets({ ...BASE, read }), SourceError);
  assertEquals((error as SourceError).code, "partitions_added");
  assertStringIncludes((error as Error).message, "partition 2 of it is read already");
});

function at(first: number, second: number): InputPosition[] {
  return [
    { topic: "a", partition: 0, offset: first },
    { topic: "a", partition: 1, offset: second },
  ];
}
