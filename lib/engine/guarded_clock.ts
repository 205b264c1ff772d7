import type { Clock } from "../ports/clock.ts";

/**
 * The engine's now: it runs on the monotonic clock and is drawn to the wall clock by at most a
 * second a minute, so that a time server's corrections go unnoticed.
 *
 * A wall clock that is off by more than that has jumped. Then `alarm` is set and timers have to
 * stand still, since it would be wrong to time everybody out for a mistyped date. If the jump
 * stands for a minute it is adopted; if it is taken back sooner nothing has happened. A broker that
 * refuses our instants is a second witness against now: then a jump back is adopted sooner.
 *
 * Now does not go back by itself: after a backward jump was adopted it stands until the wall clock
 * has caught up, or until somebody who knows that nothing later was written calls `goBack`.
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
  #doubtedUntilMs = -Infinity;
  #differenceMs = 0;
  #adoptedMs = 0;

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

  /** Sum of the jumps that were adopted, milliseconds. */
  get adoptedMs(): number {
    return this.#adoptedMs;
  }

  /** How far now is ahead of the time that was adopted last: for so long it stands. */
  get aheadMs(): number {
    return Math.max(0, this.#lastMs - Math.floor(this.#lastMonotonicMs + this.#offsetMs));
  }

  /** Whether a broker has refused instants of now lately. */
  get isDoubted(): boolean {
    return this.#lastMonotonicMs < this.#doubtedUntilMs;
  }

  /** The broker refuses instants of now. */
  doubt(): void {
    this.#doubtedUntilMs = this.#clock.monotonicMs() + DOUBTED_MS;
  }

  /**
   * Sets now, where it stands, back to this instant, or to the time that was adopted last if that is
   * later. For the caller to make sure of: no state that is kept, and nothing that was written, is
   * of a later time than `toMs`.
   */
  goBack(toMs: number): void {
    const adoptedMs = this.#lastMs - this.aheadMs;
    this.#lastMs = Math.max(adoptedMs, Math.min(this.#lastMs, toMs));
  }

  /** Epoch milliseconds, whole; never less than before, but for `goBack`. */
  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const elapsedMs = monotonicMs - this.#lastMonotonicMs;
    this.#lastMonotonicMs = monotonicMs;
    const wallMs = this.#clock.wallMs();
    const differenceMs = wallMs - (monotonicMs + this.#offsetMs);
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
    else if (monotonicMs - this.#alarmSinceMs >= this.#adoptAfterMs(differenceMs)) {
      this.#offsetMs += differenceMs;
      this.#adoptedMs += differenceMs;
      this.#alarmSinceMs = NaN;
    }
    const nowMs = Math.floor(monotonicMs + this.#offsetMs);
    if (nowMs > this.#lastMs) this.#lastMs = nowMs;
    this.#differenceMs = wallMs - Math.max(monotonicMs + this.#offsetMs, this.#lastMs);
    return this.#lastMs;
  }

  #adoptAfterMs(differenceMs: number): number {
    return differenceMs < 0 && this.isDoubted ? ADOPT_DOUBTED_AFTER_MS : ADOPT_AFTER_MS;
  }
}

const JUMP_MS = 1000;
const ADOPT_AFTER_MS = 60_000;
const ADOPT_DOUBTED_AFTER_MS = 10_000;
/** Longer than a shard whose instants are refused waits before it tries again. */
const DOUBTED_MS = 60_000;
/** A second a minute. */
const SLEW = 1 / 60;
const ROUNDING_MS = 2;
