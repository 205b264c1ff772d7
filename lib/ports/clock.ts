/**
 * The two clocks and the alarm of this machine, as the engine sees them.
 *
 * The only implementation that reads a real clock is `adapters/system/clock.ts`; the simulator's
 * moves when it is told to.
 */
export interface Clock {
  /** Wall clock, epoch milliseconds, whole. May jump in either direction. */
  wallMs(): number;
  /** Milliseconds since an arbitrary instant, with a fraction. Never goes back. */
  monotonicMs(): number;
  /**
   * Calls `wake` once, `delayMs` from now or later (0 = as soon as pending I/O was looked at).
   * The returned function cancels it; cancelling twice, or after the call, does nothing.
   */
  wakeAfter(delayMs: number, wake: () => void): () => void;
}
