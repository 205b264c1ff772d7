import { assert, assertEquals } from "@std/assert";
import { RestorePoint } from "../../lib/core/restore_point.ts";
import { Random } from "../support/random.ts";

const WINDOW_MS = 256;

/** R by its definition, with every batch remembered. */
class NaiveRestorePoint {
  readonly #batches: { clockMs: number; offset: number }[] = [];
  readonly #holds: { sinceMs: number; untilMs: number; offset: number }[];
  #logEnd: number;

  constructor(offset: number, clockMs: number, logEnd: number) {
    this.#holds = [{ sinceMs: -Infinity, untilMs: clockMs + WINDOW_MS, offset }];
    this.#logEnd = logEnd;
  }

  hold(sinceMs: number, untilMs: number): void {
    const offset = this.offset(sinceMs);
    this.#holds.push({ sinceMs, untilMs: untilMs + WINDOW_MS, offset });
  }

  acknowledged(clockMs: number, baseOffset: number, nextOffset: number): void {
    this.#batches.push({ clockMs, offset: baseOffset });
    this.#logEnd = nextOffset;
  }

  offset(clockMs: number): number {
    // Held: not after any offset that is held still, which is the one of the oldest such hold.
    const held = this.#holds.filter(({ untilMs }) => clockMs <= untilMs);
    const inWindow = this.#batches.find((batch) => batch.clockMs >= clockMs - WINDOW_MS);
    return Math.min(inWindow?.offset ?? this.#logEnd, ...held.map(({ offset }) => offset));
  }
}

Deno.test("RestorePoint is never after the R of its definition, and seldom far before it", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    let clockMs = 1000;
    let end = random.int(0, 500);
    const from = random.int(0, end);
    const point = new RestorePoint(WINDOW_MS, from, clockMs, end);
    const naive = new NaiveRestorePoint(from, clockMs, end);
    let last = 0;
    let lagging = 0;
    for (let step = 0; step < 2000; step++) {
      const sinceMs = clockMs;
      clockMs += random.chance(0.02) ? random.int(0, 5 * WINDOW_MS) : random.int(0, 9);
      if (random.chance(0.01)) {
        const untilMs = clockMs + random.pick([0, 0, random.int(0, 4 * WINDOW_MS)]);
        point.hold(sinceMs, untilMs);
        naive.hold(sinceMs, untilMs);
      }
      const offset = point.offset(clockMs);
      const exact = naive.offset(clockMs);
      assert(offset <= exact, `seed=${seed} step=${step}: ${offset} is after ${exact}`);
      assert(offset >= last, `seed=${seed} step=${step}: ${offset} goes back from ${last}`);
      last = offset;
      if (exact - offset > 200) lagging++;
      // Some batches are in flight for a while.
      if (random.chance(0.5)) {
        const count = random.int(1, 20);
        point.acknowledged(clockMs, end, end + count);
        naive.acknowledged(clockMs, end, end + count);
        end += count;
      }
    }
    assert(lagging < 400, `seed=${seed}: ${lagging} of 2000`);
  }
});

Deno.test("RestorePoint stands still for a window after a restore, and then moves on", () => {
  const point = new RestorePoint(100, 7, 1000, 50);
  point.acknowledged(1001, 50, 60);
  assertEquals([point.offset(1000), point.offset(1050), point.offset(1100)], [7, 7, 7]);
  assertEquals(point.offset(1101), 50);
});

Deno.test("RestorePoint is the end of the log while all that is active is in flight", () => {
  assertEquals(new RestorePoint(100, 7, 0, 50).offset(1_000_000), 50);
});

Deno.test("RestorePoint.hold() keeps it where it was while all was on time", () => {
  const point = new RestorePoint(100, 0, 0, 0);
  for (let i = 0; i < 100; i++) point.acknowledged(i * 10, i * 5, i * 5 + 5);
  const before = point.offset(990);
  // The last batch before the window: between two that are kept there may be others.
  assertEquals(before, 88 * 5);
  point.hold(990, 1500);
  for (let i = 0; i < 60; i++) point.acknowledged(1000 + i * 10, 500 + i * 5, 505 + i * 5);
  assertEquals([point.offset(1000), point.offset(1600)], [before, before]);
  assert(point.offset(1601) > 500);
});

Deno.test("RestorePoint keeps so many batches as it needs, for months", () => {
  const point = new RestorePoint(256, 0, 0, 0);
  for (let i = 0; i < 300_000; i++) {
    point.acknowledged(i, i, i + 1);
    const offset = point.offset(i);
    assert(i < 257 || (offset >= i - 258 && offset <= i - 256), `${offset} at ${i}`);
  }
});
