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
    // setTimeout(0) sleeps for a millisecond or two, setImmediate for microseconds.
    if (delayMs <= 0) {
      const immediate = setImmediate(wake);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  }
}
