import { assertEquals, assertStringIncludes } from "@std/assert";
import { EngineReport } from "../../lib/engine/engine_report.ts";
import { EngineParts } from "../support/engine/engine_parts.ts";

Deno.test("EngineReport.update() tells what each shard holds, and nothing of one that is restored", () => {
  const parts = new EngineParts({ shards: 2 });
  const report = new EngineReport(parts.context);
  for (const shard of [0, 1]) {
    parts.warm(shard);
    parts.start(shard, "a");
    parts.start(shard, "b");
    parts.end(shard, "b");
    parts.end(shard, "early");
    parts.close(shard);
  }
  report.update();
  const hash = parts.runners[0]!.shard!.active.stateHash.value();
  const [first, second] = parts.metrics.shards.snapshot();
  for (const { sessionsActive, endsRemembered, earlyEnds, inFlightBatches } of [first!, second!]) {
    assertEquals([sessionsActive, endsRemembered, earlyEnds, inFlightBatches], [2, 1, 1, 1]);
  }
  assertEquals(BigInt(`0x${first!.stateHash}`), hash);
  parts.runners[1]!.dropState();
  report.update();
  const restored = parts.metrics.shards.snapshot()[1]!;
  assertEquals([restored.sessionsActive, restored.endsRemembered, restored.earlyEnds], [0, 0, 0]);
  assertEquals([restored.inFlightBatches, restored.stateHash], [0, "0".repeat(16)]);
  assertEquals(parts.metrics.shards.snapshot()[0], first);
});

Deno.test("EngineReport.update() tells how many events wait for a shard", () => {
  const parts = new EngineParts();
  const report = new EngineReport(parts.context);
  parts.batch(0);
  for (const device of ["a", "b", "c"]) parts.start(0, device);
  report.update();
  assertEquals(parts.metrics.shards.queuedEvents[0], 3);
  parts.runners[0]!.dropBacklog();
  report.update();
  assertEquals(parts.metrics.shards.queuedEvents[0], 0);
});

Deno.test("EngineReport.update() tells what the core has counted, and where the input stands", () => {
  const parts = new EngineParts();
  const report = new EngineReport(parts.context);
  const { counters } = parts.context;
  parts.warm(0);
  parts.start(0, "device-0");
  counters.lateStarts = 2;
  counters.orphanEnds = 3;
  counters.droppedStarts = 4;
  counters.coalescedHeartbeats = 5;
  report.update();
  const { metrics } = parts;
  assertEquals([metrics.duplicates, metrics.lateStarts, metrics.orphanEnds], [1, 2, 3]);
  assertEquals([metrics.droppedStarts, metrics.heartbeatsCoalesced], [4, 5]);
  assertEquals(metrics.inputs.position[0], 2);
});

Deno.test("EngineReport.update() says once a minute that ends are forgotten before their time", () => {
  const parts = new EngineParts();
  const report = new EngineReport(parts.context);
  const { counters } = parts.context;
  report.update();
  assertEquals(parts.lines, []);
  for (let second = 0; second < 3; second++) {
    counters.forgottenEnds += 5;
    report.update();
  }
  assertEquals([parts.lines.length, parts.metrics.forgottenEnds], [1, 15]);
  parts.clock.advance(60_000);
  report.update();
  assertEquals(parts.lines.length, 1);
  counters.forgottenEnds++;
  report.update();
  assertEquals(parts.lines.length, 2);
});

Deno.test("EngineReport.update() says once that the clock jumped, and once that it is settled", () => {
  const parts = new EngineParts();
  const { clock, lines, metrics, context } = parts;
  const report = new EngineReport(context);
  const update = () => {
    context.clock.nowMs();
    report.update();
  };
  update();
  assertEquals([metrics.clockJumpAlarm, lines.length], [false, 0]);
  clock.jumpWall(3_600_000);
  for (let i = 0; i < 3; i++) update();
  assertEquals([metrics.clockJumpAlarm, metrics.clockOffsetMs], [true, 3_600_000]);
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "the wall clock jumped");
  assertStringIncludes(lines[0]!, "byMs=3600000");
  clock.jumpWall(-3_600_000);
  for (let i = 0; i < 3; i++) update();
  assertEquals([metrics.clockJumpAlarm, metrics.clockOffsetMs, lines.length], [false, 0, 2]);
  assertStringIncludes(lines[1]!, "settled");
  clock.jumpWall(-5000);
  update();
  assertEquals(lines.length, 3);
  assertStringIncludes(lines[2]!, "byMs=-5000");
});

Deno.test("EngineReport.update() says once that shards are ahead of the wall clock, and once that they are not", () => {
  const parts = new EngineParts();
  const { clock, lines, metrics, context } = parts;
  const report = new EngineReport(context);
  parts.punctuate(0);
  clock.jumpWall(-20_000);
  const update = (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      clock.advance(1000);
      context.clock.nowMs();
      report.update();
    }
  };
  update(10);
  assertEquals([metrics.clockJumpAlarm, metrics.clockAheadMs], [true, 10_000]);
  update(60);
  assertEquals([metrics.clockJumpAlarm, metrics.clockAheadMs], [false, 0]);
  assertEquals(lines.length, 2);
  // The wall clock is put back further, and that is adopted.
  parts.punctuate(0);
  clock.jumpWall(-100_000);
  update(70);
  assertEquals(metrics.clockAheadMs, 40_000);
  assertStringIncludes(lines.at(-1)!, "the sessions' time is ahead of the wall clock");
  assertStringIncludes(lines.at(-1)!, "aheadMs=");
  update(40);
  assertEquals(metrics.clockAheadMs, 0);
  assertStringIncludes(lines.at(-1)!, "at the sessions' time again");
  assertEquals(lines.filter((line) => line.includes("sessions' time")).length, 2);
});
