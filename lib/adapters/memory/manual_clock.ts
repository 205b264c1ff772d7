import type { Clock } from "../../ports/clock.ts";

interface Wake {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * A clock that moves when it is told to, for tests and the simulator.
 *
 * Wakes run inside `advance` and `runDue`, in the order of their instants and, for one instant, in
 * the order they were asked for; during a wake the clock stands at that wake's instant.
 */
export class ManualClock implements Clock {
  /** Wall clock minus monotonic clock: the wall clock's own sum would lose a little at each step. */
  #offsetMs: number;
  #monotonicMs = 0;
  readonly #wakes: Wake[] = [];

  constructor(wallMs = 0) {
    this.#offsetMs = wallMs;
  }

  wallMs(): number {
    return Math.floor(this.#monotonicMs + this.#offsetMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wakeAfter(delayMs: number, wake: () => void): () => void {
    const entry = { dueMs: this.#monotonicMs + Math.max(0, delayMs), wake };
    let place = this.#wakes.length;
    while (place > 0 && this.#wakes[place - 1]!.dueMs > entry.dueMs) place--;
    this.#wakes.splice(place, 0, entry);
    return () => {
      const found = this.#wakes.indexOf(entry);
      if (found >= 0) this.#wakes.splice(found, 1);
    };
  }

  /** Moves both clocks on, running every wake that comes due on the way. */
  advance(ms: number): void {
    const targetMs = this.#monotonicMs + ms;
    for (let next = this.#wakes[0]; next && next.dueMs <= targetMs; next = this.#wakes[0]) {
      this.#wakes.shift();
      this.#monotonicMs = next.dueMs;
      next.wake();
    }
    this.#monotonicMs = targetMs;
  }

  /** Runs the wakes that are due now, those not that they ask for in turn. Returns how many. */
  runDue(): number {
    const due = this.#wakes.filter(({ dueMs }) => dueMs <= this.#monotonicMs);
    let ran = 0;
    for (const entry of due) {
      const found = this.#wakes.indexOf(entry);
      // An earlier one of these may have cancelled it.
      if (found < 0) continue;
      this.#wakes.splice(found, 1);
      entry.wake();
      ran++;
    }
    return ran;
  }

  /** Moves the wall clock alone, in either direction, as a time server or an operator does. */
  jumpWall(ms: number): void {
    this.#offsetMs += ms;
  }

  /** The monotonic instant of the next wake, or null. */
  nextWakeMs(): number | null {
    return this.#wakes[0]?.dueMs ?? null;
  }
}
