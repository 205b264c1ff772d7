import type { Clock } from "../ports/clock.ts";

/**
 * The engine's now: it runs on the monotonic clock and is drawn to the wall clock by at most a
 * second a minute, so that a time server's corrections go unnoticed.
 *
 * A wall clock that is off by more than that has jumped. Then `alarm` is set and timers have to
 * stand still, since it would be wrong to time everybody out for a mistyped date. If the jump
 * stands for a minute it is adopted; if it is taken back sooner nothing has happened. Now never
 * goes back: after a backward jump was adopted it stands until the wall clock has caught up.
 *
 * ```
 *            |difference| > 1 s                 stands for 60 s
 *   steady ────────────────────► alarm ────────────────────────► steady, at the new wall clock
 *      ▲                           │
 *      └───────────────────────────┘ taken back
 * ```
 */
export class GuardedClock {
  readonly #clock: Clock;
  /** Wall clock minus monotonic clock, as adopted. */
  #offsetMs: number;
  #lastMs: number;
  #lastMonotonicMs: number;
  #alarmSinceMs = NaN;
  #differenceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMonotonicMs = clock.monotonicMs();
    this.#offsetMs = clock.wallMs() - this.#lastMonotonicMs;
    this.#lastMs = clock.wallMs();
  }

  /** Whether the wall clock has jumped and that is not settled: timers stand still. */
  get alarm(): boolean {
    return !Number.isNaN(this.#alarmSinceMs);
  }

  /** Wall clock minus now, milliseconds, as of the last reading. */
  get differenceMs(): number {
    return this.#differenceMs;
  }

  /** Epoch milliseconds, whole; never less than before. */
  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const elapsedMs = monotonicMs - this.#lastMonotonicMs;
    this.#lastMonotonicMs = monotonicMs;
    const differenceMs = this.#clock.wallMs() - (monotonicMs + this.#offsetMs);
    this.#differenceMs = differenceMs;
    if (Math.abs(differenceMs) <= JUMP_MS) {
      this.#alarmSinceMs = NaN;
      // The wall clock is whole milliseconds, the monotonic one is not: an event that was stamped
      // in this very millisecond must not lie in the future.
      if (differenceMs > 0 && differenceMs <= ROUNDING_MS) this.#offsetMs += differenceMs;
      else if (Math.abs(differenceMs) > ROUNDING_MS) {
        const stepMs = elapsedMs * SLEW;
        this.#offsetMs += Math.max(-stepMs, Math.min(stepMs, differenceMs));
      }
    } else if (!this.alarm) this.#alarmSinceMs = monotonicMs;
    else if (monotonicMs - this.#alarmSinceMs >= ADOPT_AFTER_MS) {
      this.#offsetMs += differenceMs;
      this.#alarmSinceMs = NaN;
    }
    const nowMs = Math.floor(monotonicMs + this.#offsetMs);
    if (nowMs > this.#lastMs) this.#lastMs = nowMs;
    return this.#lastMs;
  }
}

const JUMP_MS = 1000;
const ADOPT_AFTER_MS = 60_000;
/** A second a minute. */
const SLEW = 1 / 60;
const ROUNDING_MS = 2;
