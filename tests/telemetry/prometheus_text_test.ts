import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import type { Metric, MetricSource } from "../../lib/telemetry/metric.ts";
import { METRICS } from "../../lib/telemetry/metric_table.ts";
import { HISTOGRAM_BOUNDS_MS, prometheusText } from "../../lib/telemetry/prometheus_text.ts";
import { hasPromtool, promtoolFindings } from "../support/promtool.ts";

function sourceUnderTest(metrics: EngineMetrics | null): MetricSource {
  return {
    engine: metrics?.snapshot({ monotonicMs: 10_000, wallMs: 1_761_955_605_000 }) ?? null,
    process: {
      residentMemoryBytes: 1e8,
      heapUsedBytes: 2e7,
      cpuSeconds: 2.5,
      startedAtMs: 1_761_955_600_000,
    },
    build: { version: "1.2.3", commit: "abcdef0", deno: "2.9.6", v8: "15.0" },
  };
}

/** Every metric has samples. */
function fullMetrics(): EngineMetrics {
  const metrics = new EngineMetrics();
  metrics.heapUsedBytes = 3e7;
  metrics.openShards(2);
  metrics.openInputs([{ topic: "events", partition: 0 }]);
  metrics.inputs.position[0] = 10;
  metrics.inputs.highWatermark[0] = 15;
  metrics.shards.outputEndOffset.fill(5);
  metrics.shards.sessionsActive.set([3, 4]);
  const newest = { lastAtMs: 4_000, durationMs: 250, heldMaxMs: 1.5, bytes: 1_000, written: 1 };
  Object.assign(metrics.checkpoint, newest);
  metrics.records.heartbeat = 133_333;
  metrics.rejected.not_json = 2;
  metrics.clockOffsetMs = -12;
  for (const ms of [0.05, 1, 5, 5, 70, 4_000_000]) metrics.produceLatency.record(ms);
  return metrics;
}

function lineOf(text: string, start: string): string {
  const line = text.split("\n").find((candidate) => candidate.startsWith(start + " "));
  assert(line !== undefined, `no line starts with ${start}`);
  return line.slice(start.length + 1);
}

Deno.test({
  name: "prometheusText() is clean under promtool, with and without an engine that answers",
  ignore: !hasPromtool(),
  async fn() {
    for (const metrics of [fullMetrics(), new EngineMetrics(), null]) {
      assertEquals(await promtoolFindings(prometheusText(sourceUnderTest(metrics))), "");
    }
  },
});

Deno.test("prometheusText() renders every metric of the table once", () => {
  const text = prometheusText(sourceUnderTest(fullMetrics()));
  for (const { name, type, help } of METRICS) {
    assertEquals(text.split(`# TYPE ${name} ${type}\n`).length, 2, name);
    assertStringIncludes(text, `# HELP ${name} ${help}\n`);
    assert(new RegExp(`^${name}(_count|[{ ])`, "m").test(text), `${name} has no sample`);
  }
});

Deno.test("prometheusText() shows the process's metrics when the engine does not answer", () => {
  const text = prometheusText(sourceUnderTest(null));
  assertEquals(lineOf(text, "sessionwheel_engine_up"), "0");
  assertEquals(lineOf(text, "process_resident_memory_bytes"), "100000000");
  assertFalse(text.includes("sessionwheel_sessions_active"));
});

Deno.test("prometheusText() leaves out what is not known", () => {
  const metrics = new EngineMetrics();
  metrics.openInputs([{ topic: "events", partition: 0 }]);
  const text = prometheusText(sourceUnderTest(metrics));
  assertFalse(text.includes("sessionwheel_input_position"));
  assertFalse(text.includes("sessionwheel_checkpoint_age_seconds"));
  assertStringIncludes(text, "sessionwheel_checkpoints_total 0\n");
});

Deno.test("prometheusText() gives values in base units with their labels", () => {
  const text = prometheusText(sourceUnderTest(fullMetrics()));
  const records = 'sessionwheel_records_total{status="SessionHeartbeat",reason=""}';
  assertEquals(lineOf(text, records), "133333");
  assertEquals(lineOf(text, 'sessionwheel_events_rejected_total{reason="not_json"}'), "2");
  assertEquals(lineOf(text, 'sessionwheel_input_lag_records{topic="events",partition="0"}'), "5");
  assertEquals(lineOf(text, 'sessionwheel_shard_state{shard="1",state="restoring"}'), "1");
  assertEquals(lineOf(text, 'sessionwheel_shard_state{shard="1",state="running"}'), "0");
  assertEquals(lineOf(text, "sessionwheel_sessions_active"), "7");
  assertEquals(lineOf(text, "sessionwheel_checkpoint_age_seconds"), "6");
  assertEquals(lineOf(text, "sessionwheel_checkpoint_duration_seconds"), "0.25");
  assertEquals(lineOf(text, "sessionwheel_checkpoint_pause_seconds"), "0.0015");
  assertEquals(lineOf(text, "sessionwheel_clock_offset_seconds"), "-0.012");
});

Deno.test("The classic buckets of a histogram are cumulative and hold values equal to a bound", () => {
  const text = prometheusText(sourceUnderTest(fullMetrics()));
  const name = "sessionwheel_produce_duration_seconds";
  const bucket = (le: string) => Number(lineOf(text, `${name}_bucket{le="${le}"}`));
  assertEquals(bucket("0.0001"), 1);
  assertEquals(bucket("0.001"), 2);
  assertEquals(bucket("0.0025"), 2);
  assertEquals(bucket("0.005"), 4);
  assertEquals(bucket("0.1"), 5);
  assertEquals(bucket("1800"), 5);
  assertEquals(bucket("+Inf"), 6);
  assertEquals(Number(lineOf(text, `${name}_count`)), 6);
  assertEquals(lineOf(text, `${name}_sum`), "4000.08105");
  assertEquals(
    text.match(new RegExp(`^${name}_bucket`, "gm"))!.length,
    HISTOGRAM_BOUNDS_MS.length + 1,
  );
});

Deno.test("prometheusText() escapes labels", () => {
  const metrics = fullMetrics();
  metrics.openInputs([{ topic: 'a"b\\c\nd', partition: 0 }]);
  const text = prometheusText(sourceUnderTest(metrics));
  assertStringIncludes(text, 'sessionwheel_input_paused{topic="a\\"b\\\\c\\nd",partition="0"} 0\n');
});

Deno.test("docs/metrics.md lists exactly the metrics there are", async () => {
  const url = new URL("../../docs/metrics.md", import.meta.url);
  const rows = (await Deno.readTextFile(url)).split("\n").filter((line) =>
    /^\| `[a-z_]+` \| (counter|gauge|histogram) /.test(line)
  );
  assertEquals(rows, METRICS.map(documentedRow));
});

function documentedRow({ name, type, labels, help }: Metric): string {
  const labelText = labels.map((label) => `\`${label}\``).join(", ");
  return `| \`${name}\` | ${type} | ${labelText === "" ? "" : labelText + " "}| ${help} |`;
}
