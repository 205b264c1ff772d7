import { assertEquals } from "@std/assert";
import { readCollectorTrace } from "./collector_trace.ts";

Deno.test("readCollectorTrace() adds up the pauses of each thread, the busiest first", () => {
  const trace = readCollectorTrace([
    "[7963:0x557b10cc5000]      186 ms: Scavenge 4.4 (5.4) -> 4.1 (6.1) MB, pooled: 0.0 MB, " +
    "1.13 / 0.00 ms (average mu = 1.000, current mu = 1.000) allocation failure; ",
    '{"level":"info","message":"engine runs"}',
    "[7963:0x7fcdb4060000]      164 ms: Scavenge (interleaved) 5.0 (7.0) -> 5.0 (7.8) MB, " +
    "2.5 / 0.00 ms (average mu = 1.000, current mu = 1.000) allocation failure; ",
    "[7963:0x7fcdb4060000]      264 ms: Scavenge 5.0 (7.0) -> 5.0 (7.8) MB, 1.00 / 0.00 ms ",
    "[7963:0x7fcdb4060000]      375 ms: Incremental Mark-Compact 10.4 (19.5) -> 6.7 (19.5) MB, " +
    "pooled: 0.0 MB, 28.5 / 0.00 ms (+ 0.2 ms in 3 steps since start of marking, biggest step " +
    "0.1 ms, walltime since start of marking 31 ms) (average mu = 0.923, current mu = 0.923) " +
    "external memory pressure; GC in old space requested",
    "[7963:0x7fcdb4060000]      975 ms: Mark-Compact (reduce) 10.4 (19.5) -> 6.9 (19.5) MB, " +
    "pooled: 0.0 MB, 3.00 / 0.00 ms (+ 1.2 ms in 3 steps since start of marking, biggest step " +
    "0.7 ms, walltime since start of marking 31 ms) (average mu = 0.923) task",
    "[7963:0x557b10cc5000]      980 ms: Mark-Compact 4.0 (9.5) -> 3.0 (9.5) MB, 1.00 / 0.00 ms",
  ]);
  assertEquals(trace, [
    {
      scavenges: { count: 2, totalMs: 3.5, maxMs: 2.5 },
      markCompacts: { count: 2, totalMs: 31.5, maxMs: 28.5 },
      markingStepMaxMs: 0.7,
      liveMb: { first: 6.7, last: 6.9 },
    },
    {
      scavenges: { count: 1, totalMs: 1.13, maxMs: 1.13 },
      markCompacts: { count: 1, totalMs: 1, maxMs: 1 },
      markingStepMaxMs: 0,
      liveMb: { first: 3, last: 3 },
    },
  ]);
});

Deno.test("readCollectorTrace() finds nothing in a log without collections", () => {
  assertEquals(readCollectorTrace(["", "ms: Scavenge"]), []);
});
