import { assertEquals } from "@std/assert";
import { InputMerge } from "../../lib/engine/input_merge.ts";
import { batchOf, fetchOf, newPartition, startOf, WHOLE } from "../support/engine/fetches.ts";
import { Random } from "../support/random.ts";

Deno.test("InputMerge takes what sorting by timestamp gives, ties by partition", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const partitions = Array.from({ length: random.int(1, 8) }, (_, index) => newPartition(index));
    const merge = new InputMerge(partitions);
    // Within a partition the order is that of the offsets, whatever the timestamps.
    const queues = partitions.map(() => [] as { timestampMs: number; offset: number }[]);
    const next = partitions.map(() => 0);
    for (const partition of partitions) partition.restart(0);
    for (let round = 0; round < 30; round++) {
      for (const [index, partition] of partitions.entries()) {
        if (random.chance(0.4)) continue;
        const records = Array.from({ length: random.int(1, 6) }, () => random.int(0, 50));
        const fetchOffset = next[index]!;
        partition.add(
          fetchOf([batchOf(fetchOffset, records.map((ms) => startOf("a", 1, ms)))], {
            fetchOffset,
          }),
        );
        partition.decode(1000, WHOLE);
        for (const timestampMs of records) {
          queues[index]!.push({ timestampMs, offset: next[index]!++ });
        }
      }
      merge.refill();
      for (let left = random.int(0, 30); left > 0; left--) {
        const partition = merge.first();
        const heads = queues.flatMap((queue, index) =>
          queue.length > 0 ? [{ ...queue[0]!, index }] : []
        ).sort((a, b) => a.timestampMs - b.timestampMs || a.index - b.index);
        const expected = heads[0];
        assertEquals(partition?.index, expected?.index, `seed=${seed} round=${round}`);
        if (partition === null || expected === undefined) break;
        const queued = partition.head()!;
        assertEquals(queued.chunk.offset(queued.next), expected.offset);
        queued.pending++;
        partition.taken(queued);
        merge.advance();
        partition.done(queued);
        queues[expected.index]!.shift();
      }
    }
  }
});
