import { assertEquals } from "@std/assert";
import type { InputPartition } from "../../lib/engine/input_partition.ts";
import {
  batchOf,
  fetchOf,
  newPartition,
  recordOf,
  startOf,
  WHOLE,
} from "../support/engine/fetches.ts";
import { Random } from "../support/random.ts";

const BROKEN = recordOf("broken");

Deno.test("InputPartition moves its position event by event, and past what holds none", () => {
  const partition = newPartition();
  partition.restart(5);
  assertEquals([partition.position, partition.isBehind, partition.head()], [5, true, null]);
  add(partition, [
    batchOf(5, [recordOf(null), startOf("a", 1), recordOf(null), startOf("b", 2), recordOf(null)]),
  ], 12);
  assertEquals(partition.position, 6);
  assertEquals(take(partition), 6);
  assertEquals(partition.position, 8);
  assertEquals(take(partition), 8);
  assertEquals([partition.position, partition.head(), partition.isBehind], [10, null, true]);
  add(partition, [batchOf(10, [recordOf(null), recordOf(null)])], 12);
  assertEquals([partition.position, partition.isBehind], [12, false]);
});

Deno.test("InputPartition offers nothing from its first dead letter on until that is acknowledged", () => {
  const partition = newPartition();
  partition.restart(0);
  const { open, letters } = add(partition, [
    batchOf(0, [startOf("a", 1), BROKEN, startOf("b", 2), BROKEN, startOf("c", 3)]),
  ], 7);
  assertEquals(letters.map(({ offset }) => offset), [1, 3]);
  assertEquals(take(partition), 0);
  assertEquals([partition.position, partition.head()], [1, null]);
  // What was fetched after it waits behind it.
  add(partition, [batchOf(5, [startOf("d", 4), startOf("e", 5)])], 7);
  assertEquals([partition.position, partition.head(), partition.isBehind], [1, null, true]);
  open();
  assertEquals(partition.position, 2);
  assertEquals([take(partition), take(partition), take(partition)], [2, 4, 5]);
  assertEquals([take(partition), partition.position, partition.isBehind], [6, 7, false]);
});

Deno.test("InputPartition holds its position at a dead letter after which nothing comes", () => {
  const partition = newPartition();
  partition.restart(0);
  const first = add(partition, [batchOf(0, [BROKEN])], 2);
  const second = add(partition, [batchOf(1, [BROKEN])], 2);
  assertEquals(partition.position, 0);
  // Their acknowledgements may come in any order.
  second.open();
  assertEquals(partition.position, 0);
  first.open();
  assertEquals([partition.position, partition.isBehind], [2, false]);
});

Deno.test("InputPartition keeps nothing of fetches without an event while a dead letter waits", () => {
  const partition = newPartition();
  partition.restart(0);
  const { open } = add(partition, [batchOf(0, [BROKEN, startOf("a", 1)])], 6);
  for (let offset = 2; offset < 6; offset++) {
    add(partition, [batchOf(offset, [recordOf(null)])], 6);
  }
  assertEquals([partition.position, partition.isBehind], [0, true]);
  open();
  assertEquals([partition.position, partition.head()!.nextOffset], [1, 6]);
  assertEquals([take(partition), partition.position, partition.isBehind], [1, 6, false]);
});

Deno.test("InputPartition forgets all when it is restarted, late acknowledgements included", () => {
  const partition = newPartition();
  partition.restart(0);
  const { open } = add(partition, [batchOf(0, [startOf("a", 1), BROKEN, startOf("b", 2)])], 3);
  partition.restart(0);
  assertEquals([partition.position, partition.queuedEvents, partition.head()], [0, 0, null]);
  add(partition, [batchOf(0, [startOf("a", 1), BROKEN, startOf("b", 2)])], 3);
  open();
  assertEquals([take(partition), partition.head(), partition.position], [0, null, 1]);
});

Deno.test("InputPartition keeps the events that are taken and not applied as they are", () => {
  const partition = newPartition();
  partition.restart(0);
  add(partition, [batchOf(0, [startOf("a", 1), startOf("b", 2)])], 2);
  const queued = partition.head()!;
  queued.pending += 2;
  partition.taken(queued);
  partition.taken(queued);
  assertEquals([partition.position, partition.head()], [2, null]);
  // More is fetched and decoded before the first ones are applied.
  for (let offset = 2; offset < 40; offset++) {
    add(partition, [batchOf(offset, [startOf("x", offset)])], 40);
    take(partition);
  }
  assertEquals([queued.chunk.count, queued.chunk.offset(0), queued.chunk.offset(1)], [2, 0, 1]);
  partition.done(queued);
  partition.done(queued);
  assertEquals(queued.chunk.count, 0);
});

Deno.test("InputPartition's position is the first offset that is not taken, whatever comes", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const partition = newPartition();
    partition.restart(0);
    // Of each offset whether it is an event, a dead letter or nothing; when each letter is open.
    const kinds: ("event" | "letter" | "nothing")[] = [];
    const openLetters = new Set<number>();
    const taken = new Set<number>();
    const opens: { open: () => void; offsets: number[] }[] = [];
    for (let step = 0; step < 200; step++) {
      const choice = random.int(0, 2);
      if (choice === 0) {
        const from = kinds.length;
        const count = random.int(1, 5);
        for (let i = 0; i < count; i++) {
          kinds.push(random.pick(["event", "event", "letter", "nothing"]));
        }
        const records = kinds.slice(from).map((kind, i) =>
          kind === "event" ? startOf("a", from + i) : kind === "letter" ? BROKEN : recordOf(null)
        );
        const { open, letters } = add(partition, [batchOf(from, records)], kinds.length, from);
        const offsets = letters.map(({ offset }) => offset);
        if (offsets.length > 0) opens.push({ open, offsets });
      } else if (choice === 1 && opens.length > 0) {
        const [{ open, offsets }] = opens.splice(random.int(0, opens.length - 1), 1) as [
          typeof opens[0],
        ];
        open();
        for (const offset of offsets) openLetters.add(offset);
      } else if (partition.head() !== null) taken.add(take(partition)!);
      const isPassed = (offset: number) =>
        kinds[offset] === "nothing" || taken.has(offset) || openLetters.has(offset);
      let first = 0;
      while (first < kinds.length && isPassed(first)) first++;
      const where = `seed=${seed} step=${step}`;
      const passed = partition.position;
      // It may stand before what holds no event, where a fetch ends with that; never after.
      for (let offset = passed; offset < first; offset++) {
        assertEquals(kinds[offset] === "event", false, where);
      }
      assertEquals(passed <= first, true, `${where}: ${passed} is past ${first}`);
      assertEquals(partition.head() === null, kinds[first] !== "event", where);
    }
  }
});

function add(
  partition: InputPartition,
  batches: readonly Uint8Array[],
  highWatermark: number,
  fetchOffset = 0,
): ReturnType<InputPartition["decode"]> {
  partition.add(fetchOf(batches, { highWatermark, fetchOffset }));
  return partition.decode(1000, WHOLE);
}

/** Takes the next event and applies it. @returns its offset. */
function take(partition: InputPartition): number | null {
  const queued = partition.head();
  if (queued === null) return null;
  const offset = queued.chunk.offset(queued.next);
  queued.pending++;
  partition.taken(queued);
  partition.done(queued);
  return offset;
}
