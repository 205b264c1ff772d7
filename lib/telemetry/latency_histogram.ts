/**
 * Counts of durations in log-linear buckets, after HdrHistogram (Gil Tene): exact counts, 64 buckets
 * a doubling, so that a quantile is off by at most 1.6 %, over 0.01 ms … 1 h in 12 KB.
 *
 * Values are cut down to whole units of 0.01 ms. Below 128 units each has a bucket of its own; above,
 * a bucket is the seven highest bits of the value.
 */
export class LatencyHistogram implements HistogramCounts {
  readonly counts: Float64Array<ArrayBuffer> = new Float64Array(BUCKET_COUNT);
  /** Sum and largest value; in a typed array, since a class field that grows into a double boxes. */
  readonly #totals = new Float64Array(2);

  /**
   * Allocates nothing and costs 4 ns (measured over mixed values, 20 M calls). Below 0 and NaN
   * count as 0, above one hour as one hour; `sumMs` and `maxMs` keep what was above.
   */
  record(valueMs: number, count = 1): void {
    const positiveMs = valueMs > 0 ? valueMs : 0;
    const units = positiveMs < RANGE_MS ? (positiveMs * UNITS_PER_MS) | 0 : RANGE_UNITS;
    const shift = 25 - Math.clz32(units | 64);
    this.counts[(shift << 6) + (units >>> shift)]! += count;
    this.#totals[0]! += positiveMs * count;
    if (positiveMs > this.#totals[1]!) this.#totals[1] = positiveMs;
  }

  get sumMs(): number {
    return this.#totals[0]!;
  }

  get maxMs(): number {
    return this.#totals[1]!;
  }

  /** How many values were recorded. Costs a pass over the buckets (1 µs). */
  get count(): number {
    return sum(this.counts);
  }

  /** See `quantileMs`. */
  quantile(q: number): number {
    return quantileMs(this, q);
  }

  /** A copy that can be sent to another thread. */
  snapshot(): HistogramCounts {
    return {
      counts: this.counts.slice(),
      count: this.count,
      sumMs: this.sumMs,
      maxMs: this.maxMs,
    };
  }

  /** Adds what another histogram, or a snapshot of one, has counted. */
  merge(other: HistogramCounts): void {
    for (let i = 0; i < BUCKET_COUNT; i++) this.counts[i]! += other.counts[i]!;
    this.#totals[0]! += other.sumMs;
    if (other.maxMs > this.#totals[1]!) this.#totals[1] = other.maxMs;
  }

  reset(): void {
    this.counts.fill(0);
    this.#totals.fill(0);
  }
}

/** What a histogram has counted, as plain data: survives a structured clone. */
export interface HistogramCounts {
  /** One count a bucket. */
  readonly counts: Float64Array<ArrayBuffer>;
  readonly count: number;
  readonly sumMs: number;
  /** The largest value itself, not its bucket's edge; 0 when nothing was recorded. */
  readonly maxMs: number;
}

/**
 * The smallest bucket edge at or below which a share of at least `q` (0 … 1) of the values lies, not
 * above the largest value. Never below the true quantile and at most 1.6 % (or 0.01 ms) above it.
 * NaN when nothing was recorded.
 */
export function quantileMs(histogram: HistogramCounts, q: number): number {
  const { counts, count, maxMs } = histogram;
  if (count === 0) return NaN;
  const rank = Math.max(1, Math.ceil(q * count));
  let seen = 0;
  for (let i = 0; i < BUCKET_COUNT - 1; i++) {
    seen += counts[i]!;
    if (seen >= rank) return Math.min(bucketEndMs(i), maxMs);
  }
  return maxMs;
}

/**
 * How many values are at most `limitMs`. The bucket that holds `limitMs` counts as a whole, so values
 * up to 1.6 % above it may be among them; a value equal to it always is.
 */
export function countUpTo(histogram: HistogramCounts, limitMs: number): number {
  let seen = 0;
  for (let i = 0; i < BUCKET_COUNT && bucketStartMs(i) <= limitMs; i++) {
    seen += histogram.counts[i]!;
  }
  return seen;
}

/**
 * What was recorded between two snapshots of one histogram. `maxMs` is the edge of the highest bucket
 * in use, since the largest value of a stretch of time is not kept.
 */
export function difference(newer: HistogramCounts, older: HistogramCounts): HistogramCounts {
  const counts = new Float64Array(BUCKET_COUNT);
  let highest = -1;
  for (let i = 0; i < BUCKET_COUNT; i++) {
    counts[i] = Math.max(0, newer.counts[i]! - older.counts[i]!);
    if (counts[i]! > 0) highest = i;
  }
  const edgeMs = highest === BUCKET_COUNT - 1 ? newer.maxMs : bucketEndMs(highest);
  return {
    counts,
    count: sum(counts),
    sumMs: Math.max(0, newer.sumMs - older.sumMs),
    maxMs: highest < 0 ? 0 : Math.min(edgeMs, newer.maxMs),
  };
}

const UNITS_PER_MS = 100;
const RANGE_MS = 3_600_000;
const RANGE_UNITS = RANGE_MS * UNITS_PER_MS;
const RANGE_SHIFT = 25 - Math.clz32(RANGE_UNITS);
const BUCKET_COUNT = (RANGE_SHIFT << 6) + (RANGE_UNITS >>> RANGE_SHIFT) + 1;

function bucketStartMs(bucket: number): number {
  const shift = Math.max(0, (bucket >> 6) - 1);
  return ((bucket - (shift << 6)) * 2 ** shift) / UNITS_PER_MS;
}

function bucketEndMs(bucket: number): number {
  return bucketStartMs(bucket + 1);
}

function sum(counts: Float64Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  return total;
}
