import { countUpTo, type HistogramCounts } from "./latency_histogram.ts";
import type { Metric, MetricSource } from "./metric.ts";
import { METRICS } from "./metric_table.ts";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Renders every metric in the text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A metric without samples is left
 * out; so are the engine's when it does not answer.
 */
export function prometheusText(source: MetricSource): string {
  const lines: string[] = [];
  for (const metric of METRICS) {
    const samples = metric.type === "histogram"
      ? histogramLines(metric.name, metric.read(source))
      : numberLines(metric, source);
    if (samples.length === 0) continue;
    lines.push(`# HELP ${metric.name} ${escapeHelp(metric.help)}`);
    lines.push(`# TYPE ${metric.name} ${metric.type}`);
    lines.push(...samples);
  }
  return lines.join("\n") + "\n";
}

/**
 * Upper bounds of the classic buckets. Each takes in the fine bucket that holds its bound, so a value
 * up to 1.6 % above may be counted with it.
 */
export const HISTOGRAM_BOUNDS_MS: readonly number[] = [
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000,
  30_000,
  60_000,
  300_000,
  1_800_000,
];

function numberLines(metric: Exclude<Metric, { type: "histogram" }>, source: MetricSource) {
  const lines: string[] = [];
  for (const [labelValues, value] of metric.read(source)) {
    lines.push(`${metric.name}${labelText(metric.labels, labelValues)} ${numberText(value)}`);
  }
  return lines;
}

function histogramLines(name: string, histogram: HistogramCounts | null): string[] {
  if (histogram === null) return [];
  const lines: string[] = [];
  for (const boundMs of HISTOGRAM_BOUNDS_MS) {
    const count = numberText(countUpTo(histogram, boundMs));
    lines.push(`${name}_bucket{le="${numberText(boundMs / 1000)}"} ${count}`);
  }
  const count = numberText(histogram.count);
  lines.push(`${name}_bucket{le="+Inf"} ${count}`);
  lines.push(`${name}_sum ${numberText(histogram.sumMs / 1000)}`);
  lines.push(`${name}_count ${count}`);
  return lines;
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  return `{${names.map((name, i) => `${name}="${escapeLabel(values[i]!)}"`).join(",")}}`;
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
