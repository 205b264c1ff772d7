import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import { GuardedClock } from "../../lib/engine/guarded_clock.ts";

const START_MS = Date.UTC(2025, 10, 1);
const HOUR_MS = 3_600_000;

function guarded(): { world: ManualClock; clock: GuardedClock } {
  const world = new ManualClock(START_MS);
  return { world, clock: new GuardedClock(world) };
}

/** Moves the world on in steps of a second, reading the clock as an engine does. */
function run(world: ManualClock, clock: GuardedClock, seconds: number): number {
  let nowMs = clock.nowMs();
  for (let i = 0; i < seconds; i++) {
    world.advance(1000);
    const next = clock.nowMs();
    assert(next >= nowMs, "now went back");
    nowMs = next;
  }
  return nowMs;
}

Deno.test("GuardedClock runs with the wall clock while that is steady", () => {
  const { world, clock } = guarded();
  assertEquals(run(world, clock, 100), START_MS + 100_000);
  assertEquals(clock.alarm, false);
});

Deno.test("GuardedClock is drawn to the wall clock by at most a second a minute", () => {
  const { world, clock } = guarded();
  world.jumpWall(900);
  assertLessOrEqual(run(world, clock, 1) - START_MS, 1000 + 17);
  assertEquals(run(world, clock, 60), world.wallMs());
  assertEquals(clock.alarm, false);
});

for (const jumpMs of [-10 * 365 * 24, -1, 1, 10 * 365 * 24].map((hours) => hours * HOUR_MS)) {
  Deno.test(`GuardedClock raises the alarm at a jump of ${jumpMs} ms and runs on as before`, () => {
    const { world, clock } = guarded();
    run(world, clock, 10);
    world.jumpWall(jumpMs);
    assertEquals(run(world, clock, 30), START_MS + 40_000);
    assertEquals(clock.alarm, true);
  });

  Deno.test(`GuardedClock forgets a jump of ${jumpMs} ms that is taken back`, () => {
    const { world, clock } = guarded();
    world.jumpWall(jumpMs);
    run(world, clock, 50);
    world.jumpWall(-jumpMs);
    assertEquals(run(world, clock, 50), START_MS + 100_000);
    assertEquals(clock.alarm, false);
  });
}

Deno.test("GuardedClock adopts a jump forward that stands for a minute", () => {
  const { world, clock } = guarded();
  world.jumpWall(HOUR_MS);
  assertEquals(run(world, clock, 62), world.wallMs());
  assertEquals(clock.alarm, false);
});

Deno.test("GuardedClock stands after a jump back that stands, until the wall clock is there", () => {
  const { world, clock } = guarded();
  run(world, clock, 10);
  world.jumpWall(-5 * 60_000);
  const adoptedMs = run(world, clock, 62);
  assertEquals(run(world, clock, 200), adoptedMs);
  assertEquals(run(world, clock, 200), world.wallMs());
});

Deno.test("GuardedClock is never behind a wall clock that is a fraction ahead", () => {
  const { world, clock } = guarded();
  world.jumpWall(1);
  assertEquals(clock.nowMs(), world.wallMs());
});

Deno.test("GuardedClock tells how long it stands, and goes back when it is told that it may", () => {
  const { world, clock } = guarded();
  world.jumpWall(HOUR_MS);
  run(world, clock, 62);
  assertEquals([clock.aheadMs, clock.differenceMs, clock.adoptedMs], [0, 0, HOUR_MS]);
  world.jumpWall(-HOUR_MS);
  run(world, clock, 62);
  // It ran on until the jump back was adopted, three readings ago.
  assertEquals([clock.aheadMs, clock.differenceMs], [HOUR_MS - 3000, -HOUR_MS + 3000]);
  assertEquals(clock.alarm, false);
  const later = world.wallMs() + 1000;
  clock.goBack(later);
  assertEquals([clock.nowMs(), clock.aheadMs], [later, 1000]);
  clock.goBack(0);
  assertEquals([clock.nowMs(), clock.aheadMs], [world.wallMs(), 0]);
  assertEquals(run(world, clock, 10), world.wallMs());
  assertEquals([clock.differenceMs, clock.adoptedMs], [0, 0]);
});

Deno.test("GuardedClock.goBack() changes nothing where now does not stand", () => {
  const { world, clock } = guarded();
  run(world, clock, 10);
  clock.goBack(0);
  assertEquals(clock.nowMs(), world.wallMs());
});

Deno.test("GuardedClock adopts a jump back within 10 s when a broker doubts now, and one forward no sooner", () => {
  const { world, clock } = guarded();
  world.jumpWall(HOUR_MS);
  clock.doubt();
  run(world, clock, 30);
  assertEquals([clock.alarm, clock.isDoubted], [true, true]);
  run(world, clock, 32);
  assertEquals([clock.alarm, clock.isDoubted], [false, false]);
  clock.doubt();
  world.jumpWall(-HOUR_MS);
  run(world, clock, 12);
  assertEquals(clock.alarm, false);
  clock.goBack(0);
  assertEquals(clock.nowMs(), world.wallMs());
});
