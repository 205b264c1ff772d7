import type { Clock } from "../../lib/ports/clock.ts";

/**
 * The clock as one process sees it: when the process is killed nothing of it wakes any more, and
 * while it is stopped (SIGSTOP) its wakes wait.
 */
export class ProcessClock implements Clock {
  readonly #clock: Clock;
  #isKilled = false;
  #waiting: (() => void)[] | null = null;
  /** Wakes so far: a process that spins shows by it. */
  wakes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  get isSuspended(): boolean {
    return this.#waiting !== null;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** At least a little later: what a process does takes time. */
  wakeAfter(delayMs: number, wake: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (this.#isKilled || isCancelled) return;
      if (this.#waiting !== null) return void this.#waiting.push(run);
      this.wakes++;
      wake();
    };
    const cancel = this.#clock.wakeAfter(Math.max(delayMs, WAKE_MS_MIN), run);
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  kill(): void {
    this.#isKilled = true;
    this.#waiting = null;
  }

  suspend(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const run of waiting) run();
  }
}

const WAKE_MS_MIN = 0.05;
