import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import type { Clock } from "../../lib/ports/clock.ts";

export interface ClockFixture {
  readonly clock: Clock;
  /** Resolves once this much of the clock's time has gone by. */
  pass(ms: number): Promise<void>;
}

/** What every clock does. */
export function clockSuite(name: string, makeFixture: () => ClockFixture): void {
  Deno.test(`${name} tells whole milliseconds of the wall and never goes back`, async () => {
    const { clock, pass } = makeFixture();
    assert(Number.isInteger(clock.wallMs()));
    let last = clock.monotonicMs();
    for (let i = 0; i < 20; i++) {
      await pass(0);
      const now = clock.monotonicMs();
      assertGreaterOrEqual(now, last);
      last = now;
    }
  });

  Deno.test(`${name} wakes once, not early and not from inside the call`, async () => {
    const { clock, pass } = makeFixture();
    const begunMs = clock.monotonicMs();
    const wokenMs: number[] = [];
    clock.wakeAfter(20, () => wokenMs.push(clock.monotonicMs()));
    clock.wakeAfter(0, () => wokenMs.push(clock.monotonicMs()));
    assertEquals(wokenMs, []);
    while (wokenMs.length < 2) await pass(5);
    await pass(30);
    assertEquals(wokenMs.length, 2);
    // A timer of the system may round its instant by less than a millisecond.
    assertGreaterOrEqual(wokenMs[1]!, begunMs + 19);
  });

  Deno.test(`${name} does not wake what was cancelled, and cancels as often as asked`, async () => {
    const { clock, pass } = makeFixture();
    const woken: string[] = [];
    const cancelled = [0, 5].map((delayMs) => clock.wakeAfter(delayMs, () => woken.push("no")));
    for (const cancel of [...cancelled, ...cancelled]) cancel();
    const late = [0, 5].map((delayMs) => clock.wakeAfter(delayMs, () => woken.push("yes")));
    while (woken.length < 2) await pass(5);
    for (const cancel of late) cancel();
    await pass(10);
    assertEquals(woken, ["yes", "yes"]);
  });
}
