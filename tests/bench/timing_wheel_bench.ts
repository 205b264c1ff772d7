/**
 * The timing wheel alone, one million entries: scheduling, firing and scheduling again one interval
 * later, cancelling. Entries are scattered over memory as after hours of coming and going.
 *
 * Run: `deno run -A tests/bench/timing_wheel_bench.ts`.
 */
import { TimingWheel } from "../../lib/core/timing_wheel.ts";
import { figure, heading, onceNs, randomReadFloorNs } from "./measure.ts";

const ENTRIES = 1_000_000;
const INTERVAL_MS = 30_000;
const START_MS = 1_762_000_000_000;
const STEP = 618_033; // odd and no multiple of 5: visits every entry once

await heading("Timing wheel");
const wheel = new TimingWheel(START_MS);
let entry = 0;
const schedule = onceNs(() => {
  for (let i = 0; i < ENTRIES; i++) {
    wheel.schedule(entry, START_MS + 1 + Math.floor(i * INTERVAL_MS / ENTRIES));
    entry = (entry + STEP) % ENTRIES;
  }
  return ENTRIES;
});
let nowMs = START_MS;
let fire = Infinity;
for (let interval = 0; interval < 4; interval++) {
  fire = Math.min(
    fire,
    onceNs(() => {
      let fired = 0;
      for (const endMs = nowMs + INTERVAL_MS; nowMs < endMs; nowMs++) {
        for (let due = wheel.poll(nowMs); due !== -1; due = wheel.poll(nowMs)) {
          wheel.schedule(due, wheel.cursorMs + INTERVAL_MS);
          fired++;
        }
      }
      return fired;
    }),
  );
}
const cancel = onceNs(() => {
  for (let i = 0; i < ENTRIES; i++) wheel.cancel((i * STEP) % ENTRIES);
  return ENTRIES;
});
const floor = { value: randomReadFloorNs(ENTRIES * 12), of: "one read of the same memory" };
figure("schedule", schedule, "ns", floor);
figure("fire and schedule again", fire, "ns", floor);
figure("cancel", cancel, "ns", floor);
if (wheel.size !== 0) throw new Error("entries are left");
