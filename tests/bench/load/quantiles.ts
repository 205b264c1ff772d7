import { type HistogramCounts, quantileMs } from "../../../lib/telemetry/latency_histogram.ts";

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
