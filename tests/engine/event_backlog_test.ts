import { assertEquals } from "@std/assert";
import { EventBacklog } from "../../lib/engine/event_backlog.ts";
import { batchOf, fetchOf, newPartition, startOf, WHOLE } from "../support/engine/fetches.ts";
import { Random } from "../support/random.ts";

Deno.test("EventBacklog gives back its events in order and lowers positions to the first of each", () => {
  const random = new Random(1);
  const backlog = new EventBacklog();
  const partitions = [0, 1, 2].map((index) => newPartition(index));
  for (const partition of partitions) {
    partition.restart(0);
    const records = Array.from({ length: 20_000 }, () => startOf("a", 1));
    partition.add(fetchOf([batchOf(0, records)]));
    partition.decode(1000, WHOLE);
  }
  const queue: { index: number; offset: number; frontierMs: number }[] = [];
  for (let step = 0; step < 30_000; step++) {
    const partition = random.pick(partitions);
    const queued = partition.head();
    // First it grows, past where it is compacted, then it shrinks.
    if (queued !== null && random.chance(step < 12_000 ? 0.8 : 0.3)) {
      queued.pending++;
      queue.push({ index: partition.index, offset: queued.next, frontierMs: step });
      backlog.push(partition, queued, queued.next, step);
      partition.taken(queued);
    } else if (queue.length > 0) {
      const { index, offset, frontierMs } = queue.shift()!;
      const { event, queued: first } = backlog;
      assertEquals(
        [backlog.partition.index, first.chunk.offset(event), backlog.frontierMs],
        [index, offset, frontierMs],
      );
      backlog.partition.done(first);
      backlog.shift();
    }
    assertEquals(backlog.size, queue.length);
    if (step % 500 > 0) continue;
    const taken = Float64Array.from(partitions, ({ position }) => position);
    const lowered = taken.slice();
    backlog.lowerPositions(lowered);
    const expected = [...taken].map((position, i) =>
      queue.find(({ index }) => index === i)?.offset ?? position
    );
    assertEquals([...lowered], expected);
  }
  backlog.clear();
  assertEquals(backlog.size, 0);
});
