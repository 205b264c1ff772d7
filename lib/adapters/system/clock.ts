import { clearImmediate, setImmediate } from "node:timers";
import type { Clock } from "../../ports/clock.ts";

/** The clocks and timers of this machine; the one place in the program that reads them. */
export class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  wakeAfter(delayMs: number, wake: () => void): () => void {
    // Deno 2.6, the base of some binaries, now and then runs a timer that was cleared. In the
    // engine each of those would start rounds of its own: 40 % of a core after a minute.
    let isWanted = true;
    const run = () => {
      if (isWanted) wake();
    };
    // setTimeout(0) sleeps for a millisecond or two, setImmediate for microseconds.
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => {
        isWanted = false;
        clearImmediate(immediate);
      };
    }
    const timer = setTimeout(run, delayMs);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }
}
