import { assertEquals } from "@std/assert";
import { DueHeap } from "../../lib/demo/due_heap.ts";
import { SeededRandom } from "../../lib/demo/seeded_random.ts";

Deno.test("DueHeap hands out the earliest first, also past its first capacity", () => {
  const random = new SeededRandom(3);
  const heap = new DueHeap(4);
  const naive: { dueMs: number; item: number }[] = [];
  for (let step = 0; step < 2_000; step++) {
    if (naive.length === 0 || random.fraction() < 0.6) {
      const dueMs = random.uint32();
      heap.push(dueMs, step);
      naive.push({ dueMs, item: step });
      naive.sort((a, b) => a.dueMs - b.dueMs);
    } else {
      assertEquals(heap.nextDueMs(), naive[0]!.dueMs);
      assertEquals(heap.pop(), naive.shift()!.item);
    }
    assertEquals(heap.size, naive.length);
  }
});

Deno.test("DueHeap without anything is due never", () => {
  const heap = new DueHeap();
  assertEquals(heap.nextDueMs(), Infinity);
  heap.push(5, 1);
  heap.pop();
  assertEquals(heap.nextDueMs(), Infinity);
});
