import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { TimingWheel } from "../../lib/core/timing_wheel.ts";

/** A seeded generator (mulberry32), so that a failure can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What the wheel is compared with: a plain binary heap of (deadline, entry). */
class NaiveTimers {
  readonly deadlines = new Map<number, number>();
  readonly #heap: [deadline: number, entry: number][] = [];

  schedule(entry: number, deadline: number): void {
    this.deadlines.set(entry, deadline);
    const heap = this.#heap;
    let i = heap.push([deadline, entry]) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]![0] <= heap[i]![0]) break;
      [heap[parent], heap[i]] = [heap[i]!, heap[parent]!];
      i = parent;
    }
  }

  earliest(): number {
    const heap = this.#heap;
    while (heap.length > 0 && this.deadlines.get(heap[0]![1]) !== heap[0]![0]) {
      const last = heap.pop()!;
      if (heap.length === 0) break;
      heap[0] = last;
      for (let i = 0;;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < heap.length && heap[child]![0] < heap[least]![0]) least = child;
        }
        if (least === i) break;
        [heap[least], heap[i]] = [heap[i]!, heap[least]!];
        i = least;
      }
    }
    return heap.length === 0 ? Infinity : heap[0]![0];
  }
}

const spreads: Record<string, () => number[]> = {
  "within level 0": () => [1, 30_000],
  "across level 0 and 1": () => [0, 2_000_000],
  "up to level 3": () => [0, 1_900_000_000],
  "in one slot": () => [30_000, 30_001],
};

for (const [name, spread] of Object.entries(spreads)) {
  Deno.test(`TimingWheel agrees with a heap over random steps, deadlines ${name}`, () => {
    const [least, most] = spread() as [number, number];
    for (let seed = 1; seed <= 4; seed++) {
      const next = random(seed);
      let now = 1_761_955_605_000 + Math.floor(next() * 1e6);
      const wheel = new TimingWheel(now);
      const naive = new NaiveTimers();
      for (let step = 0; step < (most > 1e9 ? 6_000 : 60_000); step++) {
        const entry = Math.floor(next() * 3_000);
        const choice = next();
        if (choice < 0.5) {
          if (naive.deadlines.has(entry)) continue;
          const deadline = now + least + Math.floor(next() * (most - least));
          wheel.schedule(entry, deadline);
          naive.schedule(entry, deadline);
        } else if (choice < 0.65) {
          if (!naive.deadlines.delete(entry)) continue;
          wheel.cancel(entry);
        } else {
          now += Math.floor(next() * next() * most * (choice < 0.7 ? 1.2 : 0.001));
          const bound = wheel.nextDeadlineMs();
          assertGreaterOrEqual(naive.earliest(), bound, `seed ${seed}: bound is not a lower bound`);
          while (true) {
            const fired = wheel.poll(now);
            const earliest = naive.earliest();
            if (fired === -1) {
              assertEquals(earliest > now, true, `seed ${seed}: missed ${earliest} at ${now}`);
              break;
            }
            const deadline = naive.deadlines.get(fired);
            assertEquals(deadline, earliest, `seed ${seed}, step ${step}: fired out of order`);
            assertEquals(earliest <= now, true, `seed ${seed}: fired early`);
            naive.deadlines.delete(fired);
            // Half of them beat on, some of those before `now`.
            if (next() < 0.5) {
              const again = earliest + least + Math.floor(next() * (most - least));
              wheel.schedule(fired, again);
              naive.schedule(fired, again);
            }
          }
          assertEquals(wheel.size, naive.deadlines.size, `seed ${seed}: size`);
        }
      }
    }
  });
}

Deno.test("TimingWheel.poll() fires nothing before its deadline and fires exactly at it", () => {
  const wheel = new TimingWheel(1_000);
  wheel.schedule(7, 31_000);
  assertEquals(wheel.poll(30_999), -1);
  assertEquals(wheel.poll(31_000), 7);
  assertEquals(wheel.size, 0);
  assertEquals(wheel.nextDeadlineMs(), Infinity);
});

Deno.test("TimingWheel.poll() finds what is scheduled at its own instant while it drains it", () => {
  const wheel = new TimingWheel(0);
  wheel.schedule(1, 100);
  assertEquals(wheel.poll(100), 1);
  wheel.schedule(2, 100);
  assertEquals(wheel.poll(100), 2);
  assertEquals(wheel.poll(100), -1);
});

Deno.test("TimingWheel fires an overdue entry first", () => {
  const wheel = new TimingWheel(50_000);
  wheel.schedule(1, 50_000);
  wheel.schedule(2, 10);
  wheel.schedule(3, 5);
  wheel.cancel(3);
  assertEquals(wheel.nextDeadlineMs(), 50_000);
  assertEquals([wheel.poll(50_000), wheel.poll(50_000), wheel.poll(50_000)], [2, 1, -1]);
});

Deno.test("TimingWheel runs past 2^32 ms, beat by beat", () => {
  const wheel = new TimingWheel(0);
  let beats = 0;
  const hour = 3_600_000;
  wheel.schedule(1, hour);
  for (let now = 0; now <= 2 ** 33; now += hour / 2) {
    if (wheel.poll(now) === 1) {
      assertEquals(now, (beats + 1) * hour);
      beats++;
      wheel.schedule(1, now + hour);
    }
  }
  assertEquals(beats, Math.floor(2 ** 33 / hour));
});

Deno.test("TimingWheel skips an empty decade at once", () => {
  const wheel = new TimingWheel(0);
  assertEquals(wheel.poll(315_360_000_000), -1);
  wheel.schedule(1, 315_360_030_000);
  assertEquals(wheel.poll(315_360_029_999), -1);
  assertEquals(wheel.poll(315_360_030_000), 1);
});
