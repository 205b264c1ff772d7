import { assertEquals } from "@std/assert";
import { SlotBitmap } from "../../lib/core/slot_bitmap.ts";
import { Random } from "../support/random.ts";

const SLOTS = 4096;

Deno.test("SlotBitmap finds the next occupied slot as a set does", () => {
  const random = new Random(1);
  const bitmap = new SlotBitmap(SLOTS);
  const occupied = new Set<number>();
  for (let step = 0; step < 30_000; step++) {
    // Dense and nearly empty by turns, in few places.
    const slot = random.pick([random.int(0, SLOTS - 1), random.int(0, 70), SLOTS - 1]);
    if (random.chance(step % 10_000 < 5000 ? 0.6 : 0.05)) {
      bitmap.set(slot);
      occupied.add(slot);
    } else {
      bitmap.clear(slot);
      occupied.delete(slot);
    }
    const from = random.int(0, SLOTS - 1);
    assertEquals(bitmap.next(from), nextOf(occupied, from));
  }
});

Deno.test("SlotBitmap finds each slot alone from each slot before it", () => {
  for (let slot = 0; slot < SLOTS; slot += 31) {
    const bitmap = new SlotBitmap(SLOTS);
    bitmap.set(slot);
    for (let from = 0; from < SLOTS; from += 1) {
      assertEquals(bitmap.next(from), from <= slot ? slot : -1);
    }
  }
});

function nextOf(occupied: ReadonlySet<number>, from: number): number {
  let next = -1;
  for (const slot of occupied) if (slot >= from && (next < 0 || slot < next)) next = slot;
  return next;
}
