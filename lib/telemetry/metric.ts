import type { BuildInfo } from "./build_info.ts";
import type { EngineStatus, InputStatus, ShardStatus } from "./engine_status.ts";
import type { HistogramCounts } from "./latency_histogram.ts";
import type { ProcessInfo } from "./process_info.ts";

/** Where the samples of a scrape come from. `engine` is null when it does not answer. */
export interface MetricSource {
  readonly engine: EngineStatus | null;
  readonly process: ProcessInfo;
  readonly build: BuildInfo;
}

/** One metric: what it is called, what it means and how its samples are read. */
export type Metric = NumberMetric | HistogramMetric;

export interface NumberMetric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
  /** No samples when the value is not known. */
  readonly read: (source: MetricSource) => Iterable<Sample>;
}

export interface HistogramMetric {
  readonly name: string;
  readonly type: "histogram";
  readonly help: string;
  readonly labels: readonly [];
  readonly read: (source: MetricSource) => HistogramCounts | null;
}

/** The label values in the order of the metric's labels, and the value. */
export type Sample = readonly [labelValues: readonly string[], value: number];

export const NO_LABELS: readonly string[] = [];

/** A gauge without labels; null = not known. */
export function gauge(
  name: string,
  help: string,
  of: (status: EngineStatus) => number | null,
): NumberMetric {
  return single(name, "gauge", help, of);
}

/** A counter without labels. */
export function counter(
  name: string,
  help: string,
  of: (status: EngineStatus) => number,
): NumberMetric {
  return single(name, "counter", help, of);
}

function single(
  name: string,
  type: NumberMetric["type"],
  help: string,
  of: (status: EngineStatus) => number | null,
): NumberMetric {
  return {
    name,
    type,
    help,
    labels: NO_LABELS,
    read: ({ engine }) => engine === null ? [] : known(NO_LABELS, of(engine)),
  };
}

/** A counter with one label. */
export function labelled(
  name: string,
  help: string,
  label: string,
  of: (status: EngineStatus) => readonly (readonly [string, number])[],
): NumberMetric {
  return {
    name,
    type: "counter",
    help,
    labels: [label],
    read: ({ engine }) =>
      engine === null ? [] : of(engine).map(([labelValue, value]) => [[labelValue], value]),
  };
}

/** A gauge an input partition. */
export function input(
  name: string,
  help: string,
  of: (input: InputStatus) => number | null,
): NumberMetric {
  return {
    name,
    type: "gauge",
    help,
    labels: ["topic", "partition"],
    read: ({ engine }) =>
      engine?.inputs.flatMap((i) => known([i.topic, String(i.partition)], of(i))) ?? [],
  };
}

/** A gauge a shard. */
export function shard(
  name: string,
  help: string,
  of: (shard: ShardStatus) => number | null,
): NumberMetric {
  return {
    name,
    type: "gauge",
    help,
    labels: ["shard"],
    read: ({ engine }) => engine?.shards.flatMap((s) => known([String(s.shard)], of(s))) ?? [],
  };
}

/** A histogram without labels. */
export function histogram(
  name: string,
  help: string,
  of: (status: EngineStatus) => HistogramCounts,
): HistogramMetric {
  return {
    name,
    type: "histogram",
    help,
    labels: [],
    read: ({ engine }) => engine === null ? null : of(engine),
  };
}

export function known(labelValues: readonly string[], value: number | null): Sample[] {
  return value === null ? [] : [[labelValues, value]];
}

export function bit(condition: boolean): number {
  return condition ? 1 : 0;
}

export function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
