import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import {
  checkpointPauseMs,
  heapUsedBytes,
  openFiles,
  type ResourceSample,
  ResourceSampler,
  slopeMbPerHour,
  summarizeResources,
} from "./resource_samples.ts";

const MINUTE = 60_000;
const MEGABYTE = 2 ** 20;

function sampleAt(minutes: number, megabytes: number, files = 40): ResourceSample {
  return {
    atMs: 1_761_955_605_000 + minutes * MINUTE,
    residentBytes: megabytes * MEGABYTE,
    openFiles: files,
    heapUsedBytes: null,
    checkpointPauseMs: null,
  };
}

Deno.test("slopeMbPerHour() finds the slope of a straight line, rising, falling and level", () => {
  for (const slope of [12, -3, 0]) {
    const samples = [0, 1, 2, 7, 60].map((minutes) =>
      sampleAt(minutes, 200 + slope * minutes / 60)
    );
    assertAlmostEquals(slopeMbPerHour(samples)!, slope, 1e-6);
  }
});

Deno.test("slopeMbPerHour() lets noise that comes and goes count little", () => {
  // A saw of 20 MB every six minutes, as a collector makes it, over a leak of 2 MB an hour.
  const samples = Array.from({ length: 1_200 }, (_, i) => {
    const minutes = i / 10;
    return sampleAt(minutes, 300 + 2 * minutes / 60 + 20 * ((minutes % 6) / 6));
  });
  assertAlmostEquals(slopeMbPerHour(samples)!, 2, 0.6);
});

Deno.test("slopeMbPerHour() says nothing of two samples, or of one instant", () => {
  assertEquals(slopeMbPerHour([sampleAt(0, 1), sampleAt(1, 2)]), null);
  assertEquals(slopeMbPerHour([sampleAt(0, 1), sampleAt(0, 2), sampleAt(0, 3)]), null);
});

Deno.test("summarizeResources() tells first, last and most, and leaves out the time after the end", () => {
  const samples = [
    sampleAt(0, 100, 40),
    { ...sampleAt(1, 130, 45), heapUsedBytes: 10, checkpointPauseMs: 1.5 },
    { ...sampleAt(2, 110, 41), heapUsedBytes: 30, checkpointPauseMs: 1.25 },
    { ...sampleAt(3, 0, 0) },
  ];
  const found = summarizeResources(samples)!;
  assertEquals([found.samples, found.minutes], [3, 2]);
  assertEquals(found.residentBytes, {
    first: 100 * MEGABYTE,
    last: 110 * MEGABYTE,
    max: 130 * MEGABYTE,
  });
  assertEquals(found.openFiles, { first: 40, last: 41, max: 45 });
  assertEquals(found.heapUsedBytes, { first: 10, last: 30, max: 30 });
  assertAlmostEquals(found.rssSlopeMbPerHour!, 300, 1e-6);
  assertEquals(found.checkpointPauseMaxMs, 1.5);
  assertEquals(summarizeResources([sampleAt(1, 1)])!.checkpointPauseMaxMs, null);
  assertEquals(summarizeResources([sampleAt(0, 0)]), null);
});

Deno.test("heapUsedBytes() sums the threads", () => {
  const text =
    '# TYPE sessionwheel_heap_used_bytes gauge\nsessionwheel_heap_used_bytes{thread="a"} ' +
    '1.5e6\nsessionwheel_heap_used_bytes{thread="b"} 500000\nother 7\n';
  assertEquals(heapUsedBytes(text), 2_000_000);
  assertEquals(heapUsedBytes("other 7\n"), null);
});

Deno.test("checkpointPauseMs() finds the value, in milliseconds", () => {
  const text = "# TYPE sessionwheel_checkpoint_pause_seconds gauge\n" +
    "sessionwheel_checkpoint_pause_seconds 0.0015\nother 7\n";
  assertEquals(checkpointPauseMs(text), 1.5);
  assertEquals(checkpointPauseMs("other 7\n"), null);
});

Deno.test("ResourceSampler samples at its beginning and its end, and this process holds files", async () => {
  const sampler = new ResourceSampler(Deno.pid, 3_600_000, () => Promise.resolve(null));
  const samples = await sampler.stop();
  assertEquals(samples.length >= 1, true);
  for (const sample of samples) {
    assertGreater(sample.residentBytes, MEGABYTE);
    assertGreater(sample.openFiles, 2);
  }
  assertEquals(await openFiles(2 ** 30), 0);
});
