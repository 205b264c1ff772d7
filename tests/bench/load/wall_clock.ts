/**
 * Epoch milliseconds with a fraction, never outside the millisecond that `Date.now()` shows.
 *
 * `performance.now()` gives the fraction; where the wall clock is slewed or stepped away from it,
 * the difference is taken over. Generator and analyser run on one machine, so their readings
 * agree to a few microseconds.
 */
export class WallClock {
  #offsetMs = findOffsetMs();

  nowMs(): number {
    const wholeMs = Date.now();
    const ms = performance.now() + this.#offsetMs;
    if (ms < wholeMs) this.#offsetMs += wholeMs - ms;
    else if (ms >= wholeMs + 1) this.#offsetMs -= ms - wholeMs - 0.999;
    else return ms;
    return performance.now() + this.#offsetMs;
  }
}

/** Waits for a few edges of the wall clock's millisecond; the earliest seen is the truest. */
function findOffsetMs(): number {
  let offsetMs = -Infinity;
  for (let edge = 0; edge < 5; edge++) {
    const before = Date.now();
    let now = before;
    while (now === before) now = Date.now();
    offsetMs = Math.max(offsetMs, now - performance.now());
  }
  return offsetMs;
}
