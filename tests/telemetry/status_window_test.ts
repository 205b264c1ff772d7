import { assertAlmostEquals, assertEquals, assertLessOrEqual } from "@std/assert";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import { quantileMs } from "../../lib/telemetry/latency_histogram.ts";
import { StatusWindow } from "../../lib/telemetry/status_window.ts";

class Feed {
  readonly metrics = new EngineMetrics();
  readonly window = new StatusWindow();
  nowMs = 0;

  step(ms: number, heartbeats: number): void {
    this.nowMs += ms;
    this.metrics.records.heartbeat += heartbeats;
    this.window.add(this.metrics.snapshot({ monotonicMs: this.nowMs, wallMs: this.nowMs }));
  }
}

Deno.test("StatusWindow has no rates before two instants are known", () => {
  const feed = new Feed();
  assertEquals(feed.window.rates(), null);
  assertEquals(feed.window.recent("produce"), null);
  feed.step(0, 0);
  assertEquals(feed.window.rates(), null);
  feed.step(0, 10);
  assertEquals(feed.window.rates(), null);
});

Deno.test("StatusWindow counts per second over about ten seconds", () => {
  const feed = new Feed();
  feed.step(0, 0);
  for (let i = 0; i < 60; i++) feed.step(1_000, 100);
  for (let i = 0; i < 11; i++) feed.step(1_000, 300);
  const rates = feed.window.rates()!;
  assertAlmostEquals(rates.recordsPerSecond, 300, 1e-9);
  assertAlmostEquals(rates.heartbeatsPerSecond, 300, 1e-9);
  assertLessOrEqual(rates.windowMs, 11_000);
});

Deno.test("StatusWindow keeps its span when fed often", () => {
  const feed = new Feed();
  feed.step(0, 0);
  for (let i = 0; i < 1_000; i++) feed.step(50, 5);
  const { recordsPerSecond, windowMs } = feed.window.rates()!;
  assertAlmostEquals(recordsPerSecond, 100, 1e-9);
  assertAlmostEquals(windowMs, 10_000, 1_000);
});

Deno.test("StatusWindow starts anew after a long silence or when the clock starts anew", () => {
  const feed = new Feed();
  feed.step(0, 0);
  feed.step(1_000, 100);
  feed.step(300_000, 100);
  feed.step(1_000, 700);
  assertAlmostEquals(feed.window.rates()!.recordsPerSecond, 700, 1e-9);
  feed.nowMs = 0;
  feed.step(5, 0);
  assertEquals(feed.window.rates(), null);
});

Deno.test("StatusWindow.recent() forgets latencies older than its window", () => {
  const feed = new Feed();
  feed.metrics.turnTime.record(5_000);
  feed.step(0, 0);
  assertEquals(feed.window.recent("turn")!.count, 1);
  for (let i = 0; i < 20; i++) {
    feed.metrics.turnTime.record(2);
    feed.step(1_000, 0);
  }
  const recent = feed.window.recent("turn")!;
  assertAlmostEquals(quantileMs(recent, 1), 2.02, 1e-9);
});
