import type { Clock } from "../../../lib/ports/clock.ts";

/** A clock that moves when it is told to, and wakes who is due then, in order. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wallStartMs = Date.UTC(2025, 10, 1);
  #waiting: { dueMs: number; wake: () => void }[] = [];

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wakeAfter(delayMs: number, wake: () => void): () => void {
    const entry = { dueMs: this.#nowMs + delayMs, wake };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  now(): { monotonicMs: number; wallMs: number } {
    return { monotonicMs: this.monotonicMs(), wallMs: this.wallMs() };
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    while (true) {
      const due = this.#waiting.filter((entry) => entry.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.wake();
    }
    this.#nowMs = endMs;
  }

  /** Advances once whoever is to be woken has asked for it. */
  async advanceWhenAwaited(ms: number): Promise<void> {
    while (this.#waiting.length === 0) await Promise.resolve();
    this.advance(ms);
  }
}
