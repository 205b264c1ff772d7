import { assert, assertEquals, assertFalse } from "@std/assert";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import { eventsTotal, recordsTotal, restoreProgress } from "../../lib/telemetry/engine_status.ts";

const NOW = { monotonicMs: 5_000, wallMs: 1_761_955_605_000 };

Deno.test("EngineMetrics.snapshot() survives a structured clone unchanged", () => {
  const metrics = new EngineMetrics();
  metrics.openShards(3);
  metrics.openInputs([{ topic: "events", partition: 4 }]);
  metrics.events.start = 7;
  metrics.produceLatency.record(1.5);
  const status = metrics.snapshot(NOW);
  assertEquals(structuredClone(status), status);
  assertEquals(status.counters.events.start, 7);
  assertEquals(status.latencies.produce.count, 1);
});

Deno.test("EngineMetrics.snapshot() does not change with the metrics", () => {
  const metrics = new EngineMetrics();
  metrics.openShards(1);
  const status = metrics.snapshot(NOW);
  const before = structuredClone(status);
  metrics.events.end++;
  metrics.rejected.not_json++;
  metrics.records.heartbeat += 5;
  metrics.deadLetters.sent++;
  metrics.timestampsCorrected.future++;
  metrics.turnTime.record(1);
  metrics.shards.sessionsActive[0] = 9;
  metrics.shards.setState(0, "running");
  assertEquals(status, before);
});

Deno.test("EngineMetrics.snapshot() works before the topics are known", () => {
  const status = new EngineMetrics().snapshot(NOW);
  assertEquals(status.phase, "starting");
  assertEquals(status.shards, []);
  assertEquals(status.inputs, []);
  assertEquals(status.sessions.active, 0);
  assertEquals(status.stateHash, "0000000000000000");
  assertEquals(status.checkpoint, {
    ageMs: null,
    durationMs: null,
    heldMaxMs: null,
    bytes: null,
    written: 0,
    failures: 0,
  });
});

Deno.test("EngineMetrics.snapshot() sums the shards", () => {
  const metrics = new EngineMetrics();
  metrics.openShards(2);
  metrics.shards.sessionsActive.set([3, 4]);
  metrics.shards.endsRemembered.set([1, 2]);
  metrics.shards.earlyEnds.set([0, 1]);
  const { sessions } = metrics.snapshot(NOW);
  const { active, activeMax, endsRemembered, earlyEnds, rememberedMax } = sessions;
  assertEquals([active, activeMax], [7, 0]);
  assertEquals([endsRemembered, earlyEnds, rememberedMax], [3, 1, 0]);
});

Deno.test("ShardColumns adds the state hashes modulo 2^64, by big integer or by word", () => {
  const metrics = new EngineMetrics();
  metrics.openShards(2);
  metrics.shards.stateHash[0] = 0xffff_ffff_ffff_fffen;
  metrics.shards.stateHashWords.set([3, 0], 2);
  const status = metrics.snapshot(NOW);
  assertEquals(status.shards.map((shard) => shard.stateHash), [
    "fffffffffffffffe",
    "0000000000000003",
  ]);
  assertEquals(status.stateHash, "0000000000000001");
});

Deno.test("InputColumns knows the lag once both offsets are known, and never a negative one", () => {
  const metrics = new EngineMetrics();
  metrics.openInputs([0, 1, 2].map((partition) => ({ topic: "events", partition })));
  metrics.inputs.position.set([10, 10, -1]);
  metrics.inputs.highWatermark.set([25, 8, 30]);
  metrics.inputs.reachable[1] = 1;
  metrics.inputs.paused[2] = 1;
  assertEquals(metrics.snapshot(NOW).inputs.map((input) => input.lagRecords), [15, 0, null]);
  assertEquals(metrics.snapshot(NOW).inputs[2], {
    topic: "events",
    partition: 2,
    position: null,
    highWatermark: 30,
    lagRecords: null,
    reachable: false,
    paused: true,
  });
});

Deno.test("ShardColumns.allRunning() needs every shard", () => {
  const metrics = new EngineMetrics();
  metrics.openShards(2);
  metrics.shards.setState(0, "running");
  assertFalse(metrics.shards.allRunning());
  metrics.shards.setState(1, "running");
  assert(metrics.shards.allRunning());
  metrics.shards.setState(1, "stopped", "fenced");
  assertEquals(metrics.snapshot(NOW).shards[1]!.reason, "fenced");
});

Deno.test("restoreProgress() goes from 0 to 1 over the shards that restore", () => {
  const metrics = new EngineMetrics();
  assertEquals(restoreProgress(metrics.snapshot(NOW)), 0);
  metrics.openShards(2);
  assertEquals(restoreProgress(metrics.snapshot(NOW)), 0);
  metrics.shards.restoreTotal.set([100, 300]);
  metrics.shards.restoreDone.set([100, 0]);
  assertEquals(restoreProgress(metrics.snapshot(NOW)), 0.25);
  metrics.shards.setState(0, "running");
  metrics.shards.setState(1, "running");
  metrics.started = true;
  assertEquals(restoreProgress(metrics.snapshot(NOW)), 1);
});

Deno.test("The age of the checkpoint follows the monotonic clock", () => {
  const metrics = new EngineMetrics();
  const newest = { lastAtMs: 2_000, durationMs: 40, heldMaxMs: 1.5, bytes: 99, written: 1 };
  Object.assign(metrics.checkpoint, newest);
  assertEquals(metrics.snapshot(NOW).checkpoint, {
    ageMs: 3_000,
    durationMs: 40,
    heldMaxMs: 1.5,
    bytes: 99,
    written: 1,
    failures: 0,
  });
});

Deno.test("eventsTotal() and recordsTotal() count every kind once", () => {
  const metrics = new EngineMetrics();
  Object.assign(metrics.events, { start: 1, end: 2, otherType: 4, nullValue: 8 });
  metrics.rejected.bad_field = 16;
  metrics.rejected.undecodable = 32;
  Object.assign(metrics.records, { start: 1, heartbeat: 2, ended: 4, superseded: 8, timeout: 16 });
  const { counters } = metrics.snapshot(NOW);
  assertEquals(eventsTotal(counters), 63);
  assertEquals(recordsTotal(counters.records), 31);
});
