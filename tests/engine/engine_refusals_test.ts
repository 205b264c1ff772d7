/** What a broker refuses for what it is: the cause in words, a bounded retry, and going on by itself. */
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import type { EngineError } from "../../lib/engine/engine_error.ts";
import { OutputLogError, type ProduceResult } from "../../lib/ports/output_log.ts";
import { type EngineProcess, EngineWorld, WORLD_START_MS } from "../support/engine/engine_world.ts";

const H = 30_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The broker's clock is right: it is that of the world without its jumps. */
function refuseFutureTimestamps(world: EngineWorld, { log }: EngineProcess): void {
  log.limits = { timestampAheadMsMax: HOUR_MS };
  log.refusalOf = (bytes) => {
    const maxTimestampMs = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(35));
    if (maxTimestampMs <= trueMs(world) + HOUR_MS) return null;
    return { kind: "rejected", cause: "timestamp", reason: "INVALID_TIMESTAMP (32)" };
  };
}

function trueMs(world: EngineWorld): number {
  return WORLD_START_MS + world.clock.monotonicMs();
}

function stateOf({ engine }: EngineProcess, shard = 0): string {
  const { state, reason } = engine.status().shards[shard]!;
  return reason === null ? state : `${state}: ${reason}`;
}

function refuseLarge(bytesMax: number): (bytes: Uint8Array) => ProduceResult | null {
  return ({ length }) =>
    length <= bytesMax
      ? null
      : { kind: "rejected", cause: "too_large", reason: "MESSAGE_TOO_LARGE (10)" };
}

for (const jumpMs of [90 * MINUTE_MS, 10 * 365 * 24 * HOUR_MS]) {
  Deno.test(`Engine holds while the broker refuses a clock ${jumpMs} ms ahead, and is right again within 30 s of it`, async () => {
    const world = new EngineWorld({ outputPartitions: 2 });
    const devices = [world.deviceOn(0), world.deviceOn(1)];
    const process = world.engine();
    await process.start();
    refuseFutureTimestamps(world, process);
    for (const device of devices) world.sendStart(device, 1);
    await world.advance(1000);
    world.clock.jumpWall(jumpMs);
    await world.advance(10 * MINUTE_MS);
    for (const shard of [0, 1]) {
      const state = stateOf(process, shard);
      assertStringIncludes(state, "stalled: INVALID_TIMESTAMP (32): the clocks of this machine");
      assertStringIncludes(state, "message.timestamp.after.max.ms (3600000 ms)");
    }
    const line = process.logged("the broker refuses what this shard writes").at(-1)!;
    assertStringIncludes(line, " ERROR ");
    assertStringIncludes(line, `adoptedJumpsMs=${jumpMs}`);
    // Back-off: each attempt is a fence.
    assertLess(process.metrics.recoveries, 2 * 40);
    assertGreater(process.metrics.refused.timestamp, 20);
    world.sendStart(devices[1]!, 2, { atMs: trueMs(world) });
    world.clock.jumpWall(-jumpMs);
    await world.advance(30_000);
    assertEquals([stateOf(process, 0), stateOf(process, 1)], ["running", "running"]);
    for (const record of world.records()) {
      assertLessOrEqual(record.emittedMs, trueMs(world));
    }
    const [first, second] = devices.map((device) => world.storyOf(device));
    // Some were in time before the jump was adopted; the others of that time coalesce.
    assertEquals([first![0], first!.at(-1)], ["Start 1", "Heartbeat 1 21"]);
    assertLess(first!.length, 4);
    assertEquals(second!.slice(-2), ["End 1 superseded", "Start 2"]);
    world.sendEnd(devices[0]!, 1);
    await world.advance(1000);
    assertEquals(world.storyOf(devices[0]!).at(-1), "End 1 ended");
    assertEquals(process.failure, undefined);
    assertEquals((await process.stop()).isSettled, true);
  });
}

Deno.test("Engine goes on when the clock of the broker, which was behind, is put right", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  const refusal = {
    kind: "rejected",
    cause: "timestamp",
    reason: "INVALID_TIMESTAMP (32)",
  } as const;
  process.log.refusalOf = () => refusal;
  world.sendStart("a", 1);
  await world.advance(5 * MINUTE_MS);
  assertEquals(world.storyOf("a"), []);
  process.log.refusalOf = () => null;
  await world.advance(30_000);
  assertEquals(world.storyOf("a").length, 2);
  assertEquals(stateOf(process), "running");
  assertEquals(process.logged("time goes back").length, 0);
});

Deno.test("Engine lets time stand after a jump that the log took, also where it could go back", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  world.clock.jumpWall(5 * MINUTE_MS);
  await world.advance(2 * MINUTE_MS);
  assertEquals(world.storyOf("a").at(-1), "Heartbeat 1 14");
  world.clock.jumpWall(-5 * MINUTE_MS);
  // The time that ran on until the jump back was adopted counts as well.
  await world.advance(62_000);
  const written = world.records().length;
  await world.advance(3 * MINUTE_MS);
  assertEquals(world.records().length, written);
  assertEquals(process.metrics.recoveries, 0);
  await world.advance(3 * MINUTE_MS);
  assertGreater(world.records().length, written);
});

Deno.test("Engine lets time go back as far as the log allows, where only a later jump was refused", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  refuseFutureTimestamps(world, process);
  world.sendStart("a", 1);
  await world.advance(1000);
  world.clock.jumpWall(10 * MINUTE_MS);
  await world.advance(2 * MINUTE_MS);
  assertEquals(world.storyOf("a").at(-1), "Heartbeat 1 24");
  world.clock.jumpWall(2 * HOUR_MS);
  await world.advance(2 * MINUTE_MS);
  assertStringIncludes(stateOf(process), "INVALID_TIMESTAMP");
  world.clock.jumpWall(-2 * HOUR_MS - 10 * MINUTE_MS);
  await world.advance(30_000);
  assertEquals(stateOf(process), "running");
  // It stands for what is left of the ten minutes, and then goes on.
  const before = world.storyOf("a");
  await world.advance(10 * MINUTE_MS);
  assertGreater(world.storyOf("a").length, before.length + 3);
  assertLessOrEqual(world.records().at(-1)!.emittedMs, trueMs(world));
  assertEquals(process.logged("nothing later was written").length, 1);
});

Deno.test("Engine lets time go back after a jump of which nothing was written", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  world.sendEnd("a", 1);
  await world.advance(1000);
  world.clock.jumpWall(HOUR_MS);
  await world.advance(2 * MINUTE_MS);
  world.clock.jumpWall(-HOUR_MS);
  await world.advance(2 * MINUTE_MS);
  world.sendStart("a", 2);
  await world.advance(H + 10);
  assertEquals(world.storyOf("a").slice(2), ["Start 2", "Heartbeat 2 1"]);
  assertEquals(process.logged("nothing later was written").length, 1);
  assertLessOrEqual(world.records().at(-1)!.emittedMs, world.clock.wallMs());
});

Deno.test("Engine takes no time of a refused clock into the next process", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const [busy, idle] = [world.deviceOn(0), world.deviceOn(1)];
  const first = world.engine();
  await first.start();
  refuseFutureTimestamps(world, first);
  for (const device of [busy, idle]) world.sendStart(device, 1);
  world.sendEnd(idle, 1);
  await world.advance(1000);
  world.clock.jumpWall(2 * HOUR_MS);
  await world.advance(2 * MINUTE_MS);
  await first.stop();
  world.clock.jumpWall(-2 * HOUR_MS);
  const second = world.engine();
  await second.start();
  world.sendStart(idle, 2);
  await world.advance(H + 10);
  assertEquals(world.storyOf(idle).slice(2), ["Start 2", "Heartbeat 2 1"]);
});

for (const knows of [true, false]) {
  Deno.test(`Engine makes smaller batches for a topic that takes no larger ones any more (limit ${knows ? "" : "un"}known)`, async () => {
    const world = new EngineWorld();
    const process = world.engine();
    await process.start();
    await world.advance(1000);
    const bytesMax = 70_000;
    process.log.limits = { batchBytesMax: knows ? bytesMax : null };
    process.log.refusalOf = refuseLarge(bytesMax);
    for (let i = 0; i < 3000; i++) world.sendStart(`d${i}`, i);
    await world.advance(20_000);
    const records = world.records();
    assertEquals(records.length, 3000);
    assertEquals(new Set(records.map(({ device }) => device)).size, 3000);
    assertGreater(process.metrics.refused.too_large, 0);
    const [line] = process.logged("the output topic takes smaller batches than before");
    assertStringIncludes(line!, " WARN ");
    assertEquals(process.logged(" ERROR "), []);
    assertLess(process.metrics.recoveries, 6);
    assertEquals(stateOf(process), "running");
    assertEquals(process.failure, undefined);
  });
}

Deno.test("Engine waits for an output topic that takes too little, and goes on within 30 s of its limit", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  process.log.limits = { batchBytesMax: 1000 };
  process.log.refusalOf = refuseLarge(1000);
  for (let i = 0; i < 100; i++) world.sendStart(`d${i}`, i);
  await world.advance(10 * MINUTE_MS);
  assertEquals(
    stateOf(process),
    "stalled: MESSAGE_TOO_LARGE (10): set max.message.bytes of the output topic to 65536 at " +
      "least, it is 1000",
  );
  // Nothing is tried as long as it can be of no use.
  assertEquals(process.metrics.refused.too_large, 1);
  process.log.limits = { batchBytesMax: 65_536 };
  process.log.refusalOf = refuseLarge(65_536);
  await world.advance(30_000);
  assertEquals(stateOf(process), "running");
  const starts = world.records().filter(({ status }) => status === "SessionStart");
  assertEquals([starts.length, new Set(starts.map(({ device }) => device)).size], [100, 100]);
});

Deno.test("Engine keeps the state of a shard that may not write, and goes on when it may again", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const [denied, other] = [world.deviceOn(0), world.deviceOn(1)];
  const process = world.engine();
  await process.start();
  for (const device of [denied, other]) world.sendStart(device, 1);
  await world.advance(1000);
  const reason = "TOPIC_AUTHORIZATION_FAILED (29)";
  process.log.setMode(0, { kind: "rejected", cause: "access", reason });
  const { produced } = process.log;
  await world.advance(5 * MINUTE_MS);
  assertEquals(
    stateOf(process),
    `stalled: ${reason}: the right to write to the output topic is gone, grant it again`,
  );
  assertEquals(process.engine.status().sessions.active, 2);
  assertLess(process.log.produced - produced, 90);
  assertEquals(process.logged("the broker refuses what this shard writes").length, 5);
  process.log.setMode(0, "append");
  await world.advance(6000);
  assertEquals(stateOf(process), "running");
  assertEquals(process.logged("takes what this shard writes again").length, 1);
  assertEquals(process.metrics.recoveries, 0);
  world.sendEnd(denied, 1);
  await world.advance(1000);
  assertEquals(world.storyOf(denied).at(-1), "End 1 ended");
  const seqs = world.records().filter(({ device }) => device === denied).map(({ seq }) => seq);
  assertEquals(seqs, [...new Set(seqs)].sort((a, b) => a - b));
});

Deno.test("Engine waits for a right that is withdrawn while a shard is restored", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  process.log.acquireFailure = new OutputLogError("Cannot acquire shard 0: no right", {
    code: "access_denied",
    retryable: false,
  });
  process.log.setMode(0, { kind: "out_of_order" });
  world.sendStart("b", 2);
  await world.advance(5 * MINUTE_MS);
  assertEquals(process.failure, undefined);
  assertEquals(stateOf(process), "stalled: Cannot acquire shard 0: no right");
  assertLess(process.log.acquired, 25);
  process.log.acquireFailure = null;
  process.log.setMode(0, "append");
  await world.advance(30_000);
  assertEquals(stateOf(process), "running");
  assertEquals(world.storyOf("b")[0], "Start 2");
});

Deno.test("Engine ends when a right is missing as it starts", async () => {
  const process = new EngineWorld().engine();
  process.log.acquireFailure = new OutputLogError("no right", {
    code: "access_denied",
    retryable: false,
  });
  await process.start().catch(() => {});
  assert(process.failure instanceof OutputLogError);
});

Deno.test("Engine does not hurry where the log refuses a batch for another reason", async () => {
  const world = new EngineWorld();
  const process = world.engine();
  await process.start();
  process.log.setMode(0, { kind: "rejected", cause: "other", reason: "POLICY_VIOLATION (44)" });
  world.sendStart("a", 1);
  await world.advance(10 * MINUTE_MS);
  assertLess(process.log.acquired, 40);
  assertStringIncludes(stateOf(process), "stalled: POLICY_VIOLATION (44): look at the settings");
  process.log.setMode(0, "append");
  await world.advance(30_000);
  assertEquals(world.storyOf("a")[0], "Start 1");
  assertEquals([stateOf(process), process.failure], ["running", undefined]);
});

Deno.test("Engine whose batches are refused leaves a shard to the process that has taken it over", async () => {
  const world = new EngineWorld();
  const refused = world.engine();
  await refused.start();
  refused.log.refusalOf = () => ({ kind: "rejected", cause: "timestamp", reason: "too far ahead" });
  world.sendStart("a", 1);
  await world.advance(2 * MINUTE_MS);
  assertStringIncludes(stateOf(refused), "stalled");
  // Another machine, whose clock is right.
  const other = world.engine();
  await other.start();
  await world.advance(2 * MINUTE_MS);
  assertEquals([other.failure, stateOf(other)], [undefined, "running"]);
  assertEquals((refused.failure as EngineError).code, "fenced");
  assertEquals(world.storyOf("a").at(-1), "Heartbeat 1 8");
});
