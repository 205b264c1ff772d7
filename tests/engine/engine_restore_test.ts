import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryOutputLog } from "../../lib/adapters/memory/memory_output_log.ts";
import { MemoryTopic } from "../../lib/adapters/memory/memory_topic.ts";
import { EngineError } from "../../lib/engine/engine_error.ts";
import type { EnginePorts } from "../../lib/engine/engine_options.ts";
import type { Source } from "../../lib/ports/source.ts";
import { EngineWorld } from "../support/engine/engine_world.ts";
import { withSource } from "../support/engine/with_source.ts";
import { Random } from "../support/random.ts";

const MINUTE_MS = 60_000;

Deno.test("Engine finds a session again whose heartbeats were left out for long in catching up", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  const atMs = world.clock.wallMs();
  first.kill();
  await world.advance(20 * MINUTE_MS);
  // Sessions of a moment, two minutes apart: long after the one has its beats left out.
  for (let i = 1; i < 8; i++) {
    world.sendStart(`x${i}`, i, { atMs: atMs + i * 2 * MINUTE_MS });
    world.sendEnd(`x${i}`, i, { atMs: atMs + i * 2 * MINUTE_MS + 10 });
  }
  // More is to come, once this letter is acknowledged.
  world.sendText("no event", { atMs: atMs + 15 * MINUTE_MS });
  world.sendEnd("y", 1, { atMs: atMs + 15 * MINUTE_MS });
  const send = () => new Promise<number>(() => {});
  const second = world.engine({
    wrapPorts: (ports) => ({ ...ports, deadLetters: { ...ports.deadLetters, send } }),
  });
  second.log.setMode(0, "hold");
  await second.start();
  await world.advance(100);
  assertEquals(world.batches().length, 2);
  second.kill();
  const third = world.engine();
  await third.start();
  await world.advance(60 * MINUTE_MS);
  assertEquals(world.storyOf("a").at(-1), "End 1 timeout");
});

Deno.test("Engine that never lives for a grace has no more to restore each time", async () => {
  const world = new EngineWorld();
  world.sendStart("a", 1);
  for (let life = 0; life < 30; life++) {
    const engine = world.engine();
    await engine.start();
    await world.advance(20_000);
    engine.kill();
  }
  const batches = world.batches();
  const { baseOffset, position } = batches.at(-1)!;
  // A heartbeat every 30 s, of which the last tells all.
  assert(batches.length > 15, `${batches.length} batches`);
  assert(baseOffset - position.restoreOffset <= 2, `R is ${position.restoreOffset}`);
  const last = world.engine();
  await last.start();
  await world.advance(60 * MINUTE_MS);
  const story = world.storyOf("a");
  assertEquals([story[0], story.length, story.at(-1)], ["Start 1", 61, "End 1 timeout"]);
});

Deno.test("Engine counts a session once though its restore broke off and began anew", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  for (let i = 0; i < 8; i++) world.sendStart(`d${i}`, i);
  await world.advance(1000);
  first.kill();
  const second = world.engine({ sessionsMax: 10 });
  second.log.readsUntilFailure = 1;
  await second.start();
  assertEquals(second.log.acquired, 2);
  for (let i = 8; i < 12; i++) world.sendStart(`d${i}`, i);
  await world.advance(1000);
  const { sessions, counters } = second.engine.status();
  assertEquals([sessions.active, counters.droppedStarts], [10, 2]);
});

Deno.test("Engine has every session back in phase after a stop in order, from its checkpoint", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const first = world.engine();
  await first.start();
  for (let i = 0; i < 20; i++) {
    world.sendStart(`d${i}`, i);
    await world.advance(777);
  }
  world.sendEnd("d3", 3);
  world.sendEnd("early", 1);
  await world.advance(10_000);
  const { isSettled } = await first.stop();
  assertEquals(isSettled, true);
  const hashes = first.engine.status().shards.map(({ stateHash }) => stateHash);
  const records = world.records().length;
  const second = world.engine();
  second.log.readsUntilFailure = 1;
  await second.start();
  // It was not the output that was read.
  assertEquals(second.log.readsUntilFailure, 1);
  assertEquals(second.engine.status().shards.map(({ stateHash }) => stateHash), hashes);
  await world.advance(1000);
  world.sendStart("early", 1);
  world.sendStart("d3", 3);
  await world.advance(1000);
  assertEquals(world.storyOf("early"), ["Start 1", "End 1 ended"]);
  assertEquals(world.storyOf("d3").filter((line) => line.startsWith("Start")), ["Start 3"]);
  assert(world.records().length < records + 20, "what was due meanwhile, and no more");
  await world.advance(MINUTE_MS);
  for (const { status, seq, atMs, startedAtMs } of world.records()) {
    if (status === "SessionHeartbeat") assertEquals(atMs - startedAtMs, seq * 30_000);
  }
  assertEquals(second.engine.status().sessions.active, 19);
});

Deno.test("Engine keeps sessions that only a checkpoint knows, also over a crash", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(15_000);
  world.sendStart("b", 2);
  await world.advance(1000);
  await first.stop();
  // Retention has taken everything.
  world.output.partition(0).dropBefore(world.output.partition(0).end);
  const second = world.engine();
  await second.start();
  await world.advance(16_000);
  assertEquals(world.storyOf("a"), ["Heartbeat 1 1"]);
  assertEquals(world.storyOf("b"), []);
  second.kill();
  const third = world.engine();
  await third.start();
  await world.advance(31 * MINUTE_MS);
  assertEquals(world.storyOf("a").at(-1), "End 1 timeout");
  assertEquals(world.storyOf("b").at(-1), "End 2 timeout");
});

Deno.test("Engine uses a checkpoint over an output that holds fences alone", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  await first.stop();
  const partition = world.output.partition(0);
  partition.dropBefore(partition.end);
  for (let life = 0; life < 3; life++) {
    const engine = world.engine();
    await engine.start();
    assertEquals(engine.engine.status().sessions.active, 1);
    await engine.stop();
  }
  assertEquals(partition.end - partition.logStart, 3);
});

Deno.test("Engine does not use a checkpoint that is damaged", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(1000);
  await first.stop();
  world.disk.damageChunk(0, 0);
  const second = world.engine();
  await second.start();
  assertEquals(second.logged("checkpoint is not used").length, 1);
  assertEquals(second.engine.status().sessions.active, 1);
});

Deno.test("Engine puts a checkpoint aside whose early ends the next owner did not know of", async () => {
  const world = new EngineWorld({ inputPartitions: 2 });
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1, { partition: 0 });
  await world.advance(15_000);
  world.sendEnd("early", 1, { partition: 1 });
  await world.advance(1_000);
  await first.stop();
  // The second begins before that is on the disk, and cannot read the end.
  const checkpoint = world.disk.generations.get(0)!;
  world.disk.generations.delete(0);
  const second = world.engine({ wrapPorts: (ports) => withoutPartition(ports, 1) });
  await second.start();
  await world.advance(15_000);
  assertEquals(world.storyOf("a"), ["Start 1", "Heartbeat 1 1"]);
  second.kill();
  world.disk.generations.set(0, checkpoint);
  // The third finds it; what it remembers has to be in its records, or the fourth knows nothing.
  const third = world.engine();
  await third.start();
  assertEquals(third.logged("checkpoint is not used").length, 1);
  assertEquals(third.engine.status().sessions.active, 1);
  await world.advance(8_000);
  world.sendEnd("a", 1, { partition: 0 });
  await world.advance(1_000);
  third.kill();
  world.disk.generations.delete(0);
  const fourth = world.engine();
  await fourth.start();
  world.sendStart("early", 1, { partition: 0 });
  await world.advance(1_000);
  assertEquals(world.storyOf("early"), ["Start 1", "End 1 ended"]);
  await fourth.stop();
});

/** The brokers of an input partition are away. */
function withoutPartition(ports: EnginePorts, away: number): EnginePorts {
  const { source } = ports;
  const start: Source["start"] = (offsets, listener) => {
    source.start(offsets, {
      onFetch: (fetched) => {
        if (fetched.partition !== away) listener.onFetch(fetched);
        else listener.onPartitionState(away, false);
      },
      onPartitionState: (partition, reachable) => listener.onPartitionState(partition, reachable),
      onError: (error) => listener.onError(error),
    });
  };
  return withSource(ports, { start });
}

Deno.test("Engine goes on after the last heartbeat when the interval changes twice without a record", async () => {
  const world = new EngineWorld();
  const first = world.engine();
  await first.start();
  world.sendStart("a", 1);
  await world.advance(100_000);
  await first.stop();
  const second = world.engine({ rules: { heartbeatIntervalMs: 10 * MINUTE_MS } });
  await second.start();
  await second.stop();
  assertEquals(world.storyOf("a").at(-1), "Heartbeat 1 3");
  const third = world.engine({ rules: { heartbeatIntervalMs: 40_000 } });
  await third.start();
  await world.advance(MINUTE_MS);
  const beats = world.records().filter(({ status }) => status === "SessionHeartbeat");
  assertEquals(
    beats.map(({ seq, atMs, startedAtMs }) => [seq, atMs - startedAtMs]),
    [[1, 30_000], [2, 60_000], [3, 90_000], [4, 120_000], [5, 160_000]],
  );
});

Deno.test("Engine writes the same from checkpoints as from the output, whatever the rules change to", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const [fromCheckpoints, fromOutput] = [await story(seed, true), await story(seed, false)];
    assert(fromOutput.length > 30, `seed=${seed}: ${fromOutput.length} records`);
    assertEquals(fromCheckpoints, fromOutput, `seed=${seed}`);
  }
});

/** What becomes of some sessions over stops, pauses and changes of H, M and the policy. */
async function story(seed: number, hasCheckpoints: boolean): Promise<string[]> {
  const random = new Random(seed);
  const world = new EngineWorld();
  for (let life = 0; life < 10; life++) {
    const engine = world.engine({
      rules: {
        heartbeatIntervalMs: random.int(1, 100) * 1000,
        maxDurationMs: random.int(100, 300) * 1000,
        missed: random.pick(["all", "coalesce"]),
      },
    });
    await engine.start();
    for (let i = random.int(0, 3); i > 0; i--) world.sendStart(`d${random.int(1, 5)}`, life);
    await world.advance(random.int(1, 20) * 1000);
    await engine.stop();
    if (!hasCheckpoints) world.disk.generations.clear();
    if (random.chance(0.5)) await world.advance(random.int(1, 200) * 1000);
  }
  // By device: what is overdue after a restore fires in no order among devices.
  const records = world.records().toSorted((a, b) =>
    a.device < b.device ? -1 : a.device > b.device ? 1 : 0
  );
  return records.map(({ device, session, status, reason, seq, atMs, startedAtMs }) =>
    `${device} ${session} ${status} ${reason} ${seq} ${atMs - startedAtMs}`
  );
}

Deno.test("Engine warns when its output topic was created anew, and goes on with no sessions", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const first = world.engine();
  await first.start();
  assertEquals([first.logged("first run").length, first.logged(OUTPUT_IS_EMPTY).length], [1, 0]);
  world.sendStart(world.deviceOn(0), 1);
  await world.advance(1000);
  await first.stop();
  const second = world.engine({
    wrapPorts: (ports) => {
      const limits = { batchBytesMax: 1 << 20, retainedBytesMax: 1 << 30 };
      const anew = new MemoryTopic({ name: "sessions", partitions: 2, ...limits });
      return { ...ports, log: new MemoryOutputLog(anew, ports.clock) };
    },
  });
  await second.start();
  // Once for all shards; and the checkpoint that stands for more output than there is names itself.
  assertEquals([second.logged(OUTPUT_IS_EMPTY).length, second.logged("first run").length], [1, 0]);
  assertEquals(second.logged("checkpoint is not used").length, 1);
  assertEquals(second.engine.status().sessions.active, 0);
  await world.advance(6000);
  // It goes on where the group stood: what is read already is not read again.
  assertEquals(second.metrics.events.start, 0);
});

Deno.test("Engine does not take an output for empty that one shard has a record in, or retention emptied", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const first = world.engine();
  await first.start();
  world.sendStart(world.deviceOn(1), 1);
  await world.advance(1000);
  await first.stop();
  const second = world.engine();
  await second.start();
  assertEquals(second.logged(OUTPUT_IS_EMPTY), []);
  await second.stop();
  for (const partition of world.output.partitions) partition.dropBefore(partition.end);
  const third = world.engine();
  await third.start();
  assertEquals(third.logged(OUTPUT_IS_EMPTY), []);
});

Deno.test("Engine that finds neither a record nor an offset of the group does not begin anew over an output that was used", async () => {
  const world = new EngineWorld({ outputPartitions: 2 });
  const first = world.engine();
  await first.start();
  world.sendStart(world.deviceOn(1), 1);
  await world.advance(60 * MINUTE_MS);
  first.kill();
  // Idle for longer than retention keeps records, and brokers the offsets of a group.
  const partition = world.output.partition(1);
  partition.dropBefore(partition.end);
  world.input.committed.fill(-1);
  const second = world.engine();
  const refusal = await assertRejects(() => second.start(), EngineError);
  assertEquals((refusal as EngineError).code, "state");
  assertEquals([second.metrics.events.start, world.records().length], [0, 0]);
  assertEquals(world.input.committed, [-1]);
  // As the message tells the operator to.
  world.input.committed.fill(1);
  const third = world.engine();
  await third.start();
  await world.advance(1000);
  assertEquals([third.metrics.events.start, third.logged("first run").length], [0, 0]);
});

Deno.test("Engine that idles tells the group's offsets again and again", async () => {
  const world = new EngineWorld();
  world.sendStart("a", 1);
  const process = world.engine();
  await process.start();
  await world.advance(60 * MINUTE_MS);
  assertEquals(world.input.committed, [1]);
  // As if the broker had forgotten them.
  world.input.committed.fill(-1);
  await world.advance(61 * MINUTE_MS);
  assertEquals(world.input.committed, [1]);
});

const OUTPUT_IS_EMPTY = "the output is empty, but input was read before";
