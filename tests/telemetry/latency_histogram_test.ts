import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
} from "@std/assert";
import fc from "fast-check";
import {
  countUpTo,
  difference,
  LatencyHistogram,
  quantileMs,
} from "../../lib/telemetry/latency_histogram.ts";

const anyMs = fc.double({ min: 0, max: 3_600_000, noNaN: true });
const anyMsList = fc.array(anyMs, { minLength: 1, maxLength: 200 });

function recorded(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

Deno.test("LatencyHistogram.quantile() is never below the true quantile and at most 1.6 % or 0.01 ms above", () => {
  fc.assert(fc.property(anyMsList, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
    const sorted = [...values].sort((a, b) => a - b);
    const truth = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
    const found = recorded(values).quantile(q);
    assertGreaterOrEqual(found, truth - 1e-9);
    assertLessOrEqual(found, Math.max(truth * (1 + 1 / 64), truth) + 0.0101);
  }));
});

Deno.test("LatencyHistogram.quantile(1) is the largest value itself", () => {
  assertEquals(recorded([1, 2, 1234.567]).quantile(1), 1234.567);
});

Deno.test("LatencyHistogram keeps whole milliseconds below 1.28 s within a bucket of 1.6 %", () => {
  const histogram = recorded([5, 5, 5, 1000]);
  assertAlmostEquals(histogram.quantile(0.5), 5.04, 1e-9);
  assertEquals(countUpTo(histogram, 5), 3);
  assertEquals(countUpTo(histogram, 4.9), 0);
});

Deno.test("LatencyHistogram.record() counts what is out of range at the ends", () => {
  const histogram = recorded([-5, NaN, 0, 3_600_000, 9_999_999, Infinity]);
  assertEquals(histogram.count, 6);
  assertEquals(countUpTo(histogram, 0), 3);
  assertEquals(countUpTo(histogram, 3_599_999 * 0.98), 3);
  assertEquals(histogram.maxMs, Infinity);
});

Deno.test("LatencyHistogram.record() takes a count", () => {
  const histogram = new LatencyHistogram();
  histogram.record(2, 1_000);
  histogram.record(4, 1);
  assertEquals(histogram.count, 1_001);
  assertEquals(histogram.sumMs, 2_004);
  assertAlmostEquals(histogram.quantile(0.99), 2.02, 1e-9);
});

Deno.test("LatencyHistogram.merge() equals recording everything in one", () => {
  fc.assert(fc.property(anyMsList, anyMsList, (a, b) => {
    const merged = recorded(a);
    merged.merge(structuredClone(recorded(b).snapshot()));
    const all = recorded([...a, ...b]);
    assertEquals(merged.counts, all.counts);
    assertEquals(merged.maxMs, all.maxMs);
    assertAlmostEquals(merged.sumMs, all.sumMs, 1e-3);
  }));
});

Deno.test("difference() gives what was recorded between two snapshots", () => {
  const histogram = recorded([1, 2, 500]);
  const older = histogram.snapshot();
  for (let i = 0; i < 100; i++) histogram.record(7);
  const between = difference(histogram.snapshot(), older);
  assertEquals(between.count, 100);
  assertAlmostEquals(between.sumMs, 700, 1e-9);
  assertAlmostEquals(quantileMs(between, 0.99), 7.04, 1e-9);
  assertAlmostEquals(between.maxMs, 7.04, 1e-9);
  assertEquals(difference(older, older).maxMs, 0);
});

Deno.test("countUpTo() grows with its limit and reaches every value", () => {
  fc.assert(fc.property(anyMsList, anyMs, anyMs, (values, a, b) => {
    const histogram = recorded(values);
    assertLessOrEqual(
      countUpTo(histogram, Math.min(a, b)),
      countUpTo(histogram, Math.max(a, b)),
    );
    assertGreaterOrEqual(countUpTo(histogram, a), values.filter((value) => value <= a).length);
    assertEquals(countUpTo(histogram, 3_600_000), values.length);
  }));
});

Deno.test("LatencyHistogram.snapshot() does not change with later records", () => {
  const histogram = recorded([1]);
  const snapshot = histogram.snapshot();
  histogram.record(2);
  assertEquals(snapshot.count, 1);
  assertEquals(quantileMs(snapshot, 1), 1);
});

Deno.test("LatencyHistogram.reset() forgets everything, and an empty one has no quantile", () => {
  const histogram = recorded([1, 2]);
  histogram.reset();
  assertEquals(histogram.count, 0);
  assertEquals(histogram.sumMs, 0);
  assert(Number.isNaN(histogram.quantile(0.5)));
});
