import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import { SystemClock } from "../../lib/adapters/system/clock.ts";
import { clockSuite } from "./clock_suite.ts";

clockSuite("SystemClock", () => ({
  clock: new SystemClock(),
  pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

clockSuite("ManualClock", () => {
  const clock = new ManualClock(1_761_955_605_000);
  return {
    clock,
    pass: (ms) => {
      clock.advance(ms);
      return Promise.resolve();
    },
  };
});
