import {
  countUpTo,
  type HistogramCounts,
  quantileMs,
} from "../../../lib/telemetry/latency_histogram.ts";

/** What a histogram is reported as, milliseconds; null where nothing was recorded. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

export function quantilesOf(histogram: HistogramCounts): Quantiles {
  const { count } = histogram;
  const at = (q: number) => count === 0 ? null : quantileMs(histogram, q);
  return {
    count,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: count === 0 ? null : histogram.maxMs,
  };
}

/**
 * The same of values that were cut to whole milliseconds, as record timestamps are: p50, p90, p99
 * and p99.9 lie within their millisecond by how many values are below. Otherwise a p99 that moves by
 * a hundredth of a millisecond may show as one that moves by a third. Good up to 60 ms, where the
 * histogram's buckets become wider than that.
 */
export function quantilesOfWholeMs(histogram: HistogramCounts): Quantiles {
  const { count } = histogram;
  const at = (q: number) => {
    if (count === 0) return null;
    const wanted = q * count;
    const ms = Math.floor(quantileMs(histogram, q));
    const below = ms === 0 ? 0 : countUpTo(histogram, ms - 1);
    const within = countUpTo(histogram, ms) - below;
    return within === 0 ? ms : ms + Math.min(1, Math.max(0, (wanted - below) / within));
  };
  const { max } = quantilesOf(histogram);
  return { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max };
}
