/**
 * How far the timers of one partition had fired, by the instants at which their records were made.
 *
 * Timers of a partition fire in the order of their instants. So when one of an instant after
 * `dueMs` has fired, the one due at `dueMs` has had its turn.
 */
export class TimerHistory {
  /** The latest instant of a timer whose record was made in that time; by buckets. */
  readonly #latestAtMs: number[] = [];
  #firstBucket = -1;

  add(emittedAtMs: number, atMs: number): void {
    const bucket = Math.floor(emittedAtMs / BUCKET_MS);
    if (this.#firstBucket < 0) this.#firstBucket = bucket;
    const index = bucket - this.#firstBucket;
    if (index < 0) return;
    while (this.#latestAtMs.length <= index) this.#latestAtMs.push(-Infinity);
    this.#latestAtMs[index] = Math.max(this.#latestAtMs[index]!, atMs);
  }

  /** Whether some timer of a later instant than `dueMs` fired after `fromMs` and before `toMs`. */
  hasFiredPast(dueMs: number, fromMs: number, toMs: number): boolean {
    // Whole buckets only: what was made in a bucket at the edge may lie on the other side of it.
    const from = Math.floor(Math.max(dueMs, fromMs) / BUCKET_MS) + 1 - this.#firstBucket;
    const to = Math.floor(toMs / BUCKET_MS) - this.#firstBucket;
    for (let index = Math.max(0, from); index < Math.min(to, this.#latestAtMs.length); index++) {
      if (this.#latestAtMs[index]! > dueMs) return true;
    }
    return false;
  }
}

const BUCKET_MS = 10;
