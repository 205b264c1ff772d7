import { assertEquals } from "@std/assert";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";

Deno.test("ManualClock.advance() wakes in the order of the instants, each at its instant", () => {
  const clock = new ManualClock(1_000);
  const seen: string[] = [];
  const note = (name: string) => () => {
    seen.push(`${name}@${clock.monotonicMs()}/${clock.wallMs()}`);
  };
  clock.wakeAfter(30, note("c"));
  clock.wakeAfter(10, note("a"));
  clock.wakeAfter(30, note("d"));
  clock.wakeAfter(20, note("b"));
  clock.wakeAfter(31, note("e"));
  clock.advance(30);
  assertEquals(seen, ["a@10/1010", "b@20/1020", "c@30/1030", "d@30/1030"]);
  assertEquals([clock.monotonicMs(), clock.nextWakeMs()], [30, 31]);
});

Deno.test("ManualClock.advance() also runs what a wake asks for within the span", () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  const again = () => {
    seen.push(clock.monotonicMs());
    clock.wakeAfter(10, again);
  };
  clock.wakeAfter(10, again);
  clock.advance(35);
  assertEquals(seen, [10, 20, 30]);
  assertEquals(clock.monotonicMs(), 35);
});

Deno.test("ManualClock.runDue() runs what is due now and not what that asks for", () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  const cancel = clock.wakeAfter(0, () => {
    seen.push("first");
    cancelSecond();
    clock.wakeAfter(0, () => seen.push("later"));
  });
  const cancelSecond = clock.wakeAfter(0, () => seen.push("second"));
  clock.wakeAfter(0, () => seen.push("third"));
  clock.wakeAfter(1, () => seen.push("not due"));
  assertEquals(clock.runDue(), 2);
  assertEquals(seen, ["first", "third"]);
  cancel();
  assertEquals(clock.runDue(), 1);
  assertEquals(seen, ["first", "third", "later"]);
});

Deno.test("ManualClock.jumpWall() moves the wall clock alone, and no wake", () => {
  const clock = new ManualClock(5_000);
  let woken = 0;
  clock.wakeAfter(1_000, () => woken++);
  clock.jumpWall(-3_000);
  assertEquals([clock.wallMs(), clock.monotonicMs(), woken], [2_000, 0, 0]);
  clock.advance(1_000);
  assertEquals([clock.wallMs(), clock.monotonicMs(), woken], [3_000, 1_000, 1]);
});
