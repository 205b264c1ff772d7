import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { readInputPositions } from "../../lib/core/position.ts";
import { ENGINE_LIMITS, type EngineLimits } from "../../lib/engine/engine_limits.ts";
import { EngineInputs } from "../../lib/engine/engine_inputs.ts";
import { InputPartition } from "../../lib/engine/input_partition.ts";
import type { DeadLetter } from "../../lib/ports/dead_letters.ts";
import { type InputRange, SourceError } from "../../lib/ports/source.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import { batchOf, fetchOf, newDecoder, recordOf, startOf } from "../support/engine/fetches.ts";

/** Inputs over a source that only tells what was asked of it. */
class Inputs {
  monotonicMs = 0;
  work = 0;
  failure: unknown;
  /** Questions for the ranges, to be answered by the test. */
  readonly asked: PromiseWithResolvers<readonly InputRange[]>[] = [];
  readonly calls: string[] = [];
  readonly metrics = new EngineMetrics();
  readonly letters: { letters: readonly DeadLetter[]; acknowledge: (count?: number) => void }[] =
    [];
  readonly inputs: EngineInputs;

  constructor(names: readonly string[], limits: Partial<EngineLimits> = {}) {
    const { metrics } = this;
    const partitions = names.map((name, i) => ({ topic: name.split("/")[0]!, partition: i }));
    metrics.openInputs(partitions);
    this.inputs = new EngineInputs({
      source: {
        open: () => Promise.resolve(partitions),
        ranges: () => {
          const answer = Promise.withResolvers<readonly InputRange[]>();
          this.asked.push(answer);
          return answer.promise;
        },
        committedOffsets: () => Promise.resolve([]),
        commitOffsets: () => Promise.resolve(),
        start: (offsets) => this.calls.push(`start ${offsets}`),
        setPaused: (partition, paused) =>
          this.calls.push(`${paused ? "pause" : "resume"} ${partition}`),
        stop: () => Promise.resolve(),
      },
      deadLetters: {
        send: (letters) =>
          new Promise((resolve) => {
            const acknowledge = (count = letters.length) => resolve(count);
            this.letters.push({ letters, acknowledge });
          }),
        close: () => Promise.resolve(),
      },
      partitions: partitions.map(({ topic, partition }) =>
        new InputPartition(partition, topic, partition, newDecoder(metrics))
      ),
      metrics,
      limits: { ...ENGINE_LIMITS, ...limits },
      nowMs: () => 1000,
      monotonicMs: () => this.monotonicMs,
      onWork: () => this.work++,
      onFailure: (error) => this.failure = error,
    });
  }

  /** Events at these offsets on. */
  fetch(partition: number, from: number, count: number, highWatermark: number): void {
    const events = Array.from({ length: count }, () => startOf("a", 1));
    const batches = count > 0 ? [batchOf(from, events)] : [];
    this.inputs.onFetch(fetchOf(batches, { partition, fetchOffset: from, highWatermark }));
  }

  /** One fetch of letters at these offsets on, each of `letterBytes`, in key, value and a header. */
  fetchLetters(from: number, count: number, letterBytes = 12): void {
    const key = new Uint8Array(2);
    const headers = [{ key: new Uint8Array(1), value: new Uint8Array(3) }];
    const letter = { ...recordOf("x".repeat(letterBytes - 6)), key, headers };
    const batch = batchOf(from, Array.from({ length: count }, () => letter));
    this.inputs.onFetch(fetchOf([batch], { fetchOffset: from, highWatermark: 1000 }));
  }

  async acknowledge(index: number): Promise<void> {
    this.letters[index]!.acknowledge();
    await Promise.resolve();
    await Promise.resolve();
  }

  /** The source tells where its only partition ends, as it was asked the `index`th time. */
  async tellEnd(index: number, end: number): Promise<void> {
    this.asked[index]!.resolve([{ logStart: 0, end }]);
    await Promise.resolve();
    await Promise.resolve();
  }

  take(partition: number, count = 1): void {
    for (let i = 0; i < count; i++) {
      const queued = this.inputs.partitions[partition]!.head()!;
      queued.pending++;
      this.inputs.partitions[partition]!.taken(queued);
      this.inputs.partitions[partition]!.done(queued);
    }
  }
}

Deno.test("EngineInputs waits a second for a partition that is behind and has nothing queued", () => {
  const world = new Inputs(["a", "a"]);
  const { inputs } = world;
  inputs.start(Float64Array.of(0, 0), [5, 0]);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [true, true]);
  world.monotonicMs = 999;
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [true, true]);
  world.monotonicMs = 1000;
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, false]);
  world.fetch(0, 0, 2, 5);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, true]);
  // It starts over when it has given what it had.
  world.take(0, 2);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [true, true]);
  world.monotonicMs = 2000;
  assertEquals(inputs.mustWait(), false);
  world.fetch(0, 2, 3, 5);
  world.take(0, 3);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, false]);
});

Deno.test("EngineInputs waits for no partition that cannot be fetched, but takes what it has of it", () => {
  const world = new Inputs(["a", "a"]);
  const { inputs } = world;
  inputs.start(Float64Array.of(0, 0), [5, 0]);
  inputs.onPartitionState(0, false);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, false]);
  world.fetch(0, 0, 2, 5);
  assertEquals(inputs.isBehind(null), true);
  world.take(0, 2);
  assertEquals(inputs.isBehind(null), false);
  inputs.onPartitionState(0, true);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [true, true]);
});

Deno.test("EngineInputs waits anew, after a standstill, for a partition that was waited for before", async () => {
  const world = new Inputs(["a"]);
  const { inputs } = world;
  inputs.start(Float64Array.of(0), [5]);
  assertEquals(inputs.mustWait(), true);
  // The answer was under way when the process was stopped for an hour.
  world.monotonicMs = 3_600_000;
  inputs.doubt();
  await world.tellEnd(0, 9);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [true, true]);
  world.monotonicMs += 1000;
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, false]);
});

Deno.test("EngineInputs takes no ends for those of now that were asked for before the last standstill", async () => {
  const world = new Inputs(["a"]);
  const { inputs } = world;
  inputs.start(Float64Array.of(0), [0]);
  world.monotonicMs = 60_000;
  inputs.doubt();
  world.monotonicMs = 120_000;
  inputs.doubt();
  await world.tellEnd(0, 0);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [true, true]);
  await world.tellEnd(1, 0);
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, false]);
});

Deno.test("EngineInputs pauses a partition that has too much queued, until half of that is taken", () => {
  const world = new Inputs(["a", "a"], { queuedEventsMax: 10 });
  const { inputs } = world;
  inputs.start(Float64Array.of(0, 0), [100, 0]);
  world.calls.length = 0;
  world.fetch(0, 0, 10, 100);
  assertEquals(world.calls, []);
  world.fetch(0, 10, 1, 100);
  assertEquals([world.calls, inputs.partitions[0]!.paused], [["pause 0"], true]);
  // What is queued is behind all the same: timers must not run on.
  assertEquals(inputs.isBehind(null), true);
  // What was under way when it was paused waits as it came.
  world.fetch(0, 11, 5, 100);
  assertEquals(inputs.partitions[0]!.queuedEvents, 11);
  world.take(0, 6);
  inputs.resume();
  assertEquals(world.calls, ["pause 0"]);
  world.take(0);
  inputs.resume();
  inputs.resume();
  assertEquals(world.calls, ["pause 0", "resume 0"]);
  assertEquals(inputs.partitions[0]!.queuedEvents, 9);
  // A restart resumes as well.
  world.fetch(0, 16, 20, 100);
  inputs.start(Float64Array.of(3, 0), [100, 0]);
  assertEquals(world.calls, ["pause 0", "resume 0", "pause 0", "resume 0", "start 3,0"]);
});

Deno.test("EngineInputs counts a partition as not behind for a shard that has all of it", () => {
  const world = new Inputs(["a", "a"]);
  const { inputs } = world;
  inputs.start(Float64Array.of(0, 0), [5, 0]);
  world.fetch(0, 0, 5, 5);
  assertEquals(inputs.isBehind(Float64Array.of(5, 0)), false);
  assertEquals(inputs.isBehind(Float64Array.of(2, 0)), false);
  world.take(0, 2);
  assertEquals(inputs.isBehind(Float64Array.of(2, 0)), true);
});

Deno.test("EngineInputs asks for a round when a letter is acknowledged, unless it read anew meanwhile", async () => {
  const world = new Inputs(["a"]);
  const { inputs } = world;
  const broken = fetchOf([batchOf(0, [recordOf("broken"), startOf("a", 1)])], { highWatermark: 2 });
  inputs.start(Float64Array.of(0), [2]);
  inputs.onFetch(broken);
  assertEquals([world.letters.length, world.work, inputs.positions()[0]], [1, 0, 0]);
  world.letters[0]!.acknowledge();
  await Promise.resolve();
  assertEquals([world.work, inputs.positions()[0]], [1, 1]);
  inputs.start(Float64Array.of(0), [2]);
  inputs.onFetch(broken);
  inputs.start(Float64Array.of(0), [2]);
  world.letters[1]!.acknowledge();
  await Promise.resolve();
  assertEquals([world.work, inputs.positions()[0]], [1, 0]);
});

Deno.test("EngineInputs passes on what nobody can wait out", () => {
  const world = new Inputs(["a"]);
  const error = new SourceError("gone", { code: "unknown_topic", retryable: false });
  world.inputs.onError(error);
  assertEquals(world.failure, error);
});

Deno.test("EngineInputs knows how many bytes the positions take at most, also of very many", () => {
  for (
    const names of [["a"], Array(1500).fill("x".repeat(249)), ["a", "b", "größe/1", "größe/2"]]
  ) {
    const { inputs } = new Inputs(names);
    const offsets = new Float64Array(names.length).fill(2 ** 53 - 1);
    const bytes = inputs.encode(offsets);
    assertLessOrEqual(bytes.length, inputs.positionBytesMax);
    assert(inputs.positionBytesMax < bytes.length * 2 + 1000);
    assertEquals(
      readInputPositions(bytes, 0)!.sort((a, b) => a.partition - b.partition),
      names.map((name, partition) => ({
        topic: name.split("/")[0]!,
        partition,
        offset: 2 ** 53 - 1,
      })),
    );
  }
});

Deno.test("EngineInputs counts as sent what was acknowledged, and goes on behind what was given up", async () => {
  const world = new Inputs(["a"]);
  world.inputs.start(Float64Array.of(0), [3]);
  const batch = batchOf(0, [recordOf("broken"), recordOf("broken too"), startOf("a", 1)]);
  world.inputs.onFetch(fetchOf([batch], { fetchOffset: 0, highWatermark: 3 }));
  assertEquals(world.letters.map(({ letters }) => letters.length), [2]);
  assertEquals([world.metrics.deadLetters.sent, world.inputs.partitions[0]!.head()], [0, null]);
  world.letters[0]!.acknowledge(1);
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(world.metrics.deadLetters.sent, 1);
  assertEquals(world.inputs.partitions[0]!.head()!.next, 0);
});

const FEW_LETTERS = { unansweredLettersMax: 10, unansweredLetterBytesMax: 1000 };

Deno.test("EngineInputs pauses a partition whose letters are not answered, until half of them are", async () => {
  const world = new Inputs(["a"], FEW_LETTERS);
  const { inputs } = world;
  inputs.start(Float64Array.of(0), [1000]);
  world.calls.length = 0;
  // The sink never answers: without a pause, fetches would go on for ever.
  let offset = 0;
  while (!inputs.partitions[0]!.paused && offset < 100) {
    world.fetchLetters(offset, 4);
    offset += 4;
  }
  assertEquals([offset, world.calls], [12, ["pause 0"]]);
  inputs.resume();
  inputs.report();
  assertEquals([world.calls, world.metrics.inputs.paused[0]], [["pause 0"], 1]);
  // What was under way when it was paused waits as it came.
  world.fetchLetters(offset, 4);
  assertEquals([world.letters.length, inputs.partitions[0]!.isBehind], [3, true]);
  await world.acknowledge(0);
  inputs.resume();
  assertEquals([world.calls, world.work], [["pause 0"], 1]);
  await world.acknowledge(1);
  assertEquals(world.work, 2);
  inputs.resume();
  inputs.resume();
  assertEquals([world.calls, world.letters.length], [["pause 0", "resume 0"], 5]);
  for (const index of [2, 3, 4]) await world.acknowledge(index);
  const { unanswered } = inputs.partitions[0]!;
  assertEquals([unanswered.count, unanswered.bytes, inputs.positions()[0]], [0, 0, 16]);
});

Deno.test("EngineInputs makes no more letters of one fetch at a time than may be unanswered", async () => {
  const world = new Inputs(["a"], FEW_LETTERS);
  const { inputs } = world;
  const [partition] = inputs.partitions;
  inputs.start(Float64Array.of(0), [1000]);
  world.calls.length = 0;
  world.fetchLetters(0, 95);
  for (let batch = 0; batch < 9; batch++) {
    const [first] = world.letters[batch]!.letters;
    const most = batch === 8 ? 95 - 8 * 11 : 11;
    assertEquals([world.letters.length, first!.offset], [batch + 1, batch * 11]);
    assertEquals([partition!.unanswered.count, partition!.isBehind], [most, true]);
    inputs.resume();
    assertEquals(world.letters.length, batch + 1);
    await world.acknowledge(batch);
    assertEquals(inputs.positions()[0], Math.min(95, (batch + 1) * 11));
    inputs.resume();
  }
  assertEquals([world.letters.length, partition!.paused, partition!.hasUndecoded], [
    9,
    false,
    false,
  ]);
  assertEquals(world.metrics.rejected.not_json, 95);
  // By their bytes, too: 300 of each, and more than 1000 pause it.
  world.fetchLetters(95, 7, 300);
  assertEquals(world.letters.slice(9).map(({ letters }) => letters.length), [4]);
  await world.acknowledge(9);
  inputs.resume();
  assertEquals(world.letters.slice(9).map(({ letters }) => letters.length), [4, 3]);
});

Deno.test("EngineInputs forgets at a restart what of a fetch was not decoded", () => {
  const world = new Inputs(["a"], FEW_LETTERS);
  const { inputs } = world;
  inputs.start(Float64Array.of(0), [1000]);
  world.fetchLetters(0, 50);
  inputs.start(Float64Array.of(2), [1000]);
  inputs.resume();
  assertEquals([world.letters.length, inputs.partitions[0]!.hasUndecoded], [1, false]);
  world.fetch(0, 2, 3, 1000);
  assertEquals([inputs.partitions[0]!.head()!.chunk.offset(0), inputs.positions()[0]], [2, 2]);
});

Deno.test("EngineInputs pauses a partition also for the bytes of few letters", async () => {
  const world = new Inputs(["a"], FEW_LETTERS);
  const { inputs } = world;
  inputs.start(Float64Array.of(0), [1000]);
  world.calls.length = 0;
  world.fetchLetters(0, 1, 500);
  world.fetchLetters(1, 1, 500);
  assertEquals([world.calls, inputs.partitions[0]!.unanswered.bytes], [[], 1000]);
  world.fetchLetters(2, 1, 7);
  assertEquals(world.calls, ["pause 0"]);
  await world.acknowledge(0);
  inputs.resume();
  assertEquals(world.calls, ["pause 0"]);
  await world.acknowledge(1);
  inputs.resume();
  assertEquals(world.calls, ["pause 0", "resume 0"]);
});

Deno.test("EngineInputs waits a second for events behind letters that pause their partition", async () => {
  const world = new Inputs(["a"], { ...FEW_LETTERS, queuedEventsMax: 1 });
  const { inputs } = world;
  inputs.start(Float64Array.of(0), [1000]);
  world.fetchLetters(0, 11);
  world.fetch(0, 11, 2, 1000);
  assertEquals([inputs.partitions[0]!.paused, inputs.mustWait(), inputs.isBehind(null)], [
    true,
    true,
    true,
  ]);
  world.monotonicMs = 1000;
  assertEquals([inputs.mustWait(), inputs.isBehind(null)], [false, false]);
  // Paused for its events alone, with letters that are answered, it stays so until half are taken.
  await world.acknowledge(0);
  inputs.resume();
  assertEquals(inputs.partitions[0]!.paused, true);
  world.take(0, 2);
  inputs.resume();
  assertEquals(inputs.partitions[0]!.paused, false);
});

Deno.test("EngineInputs counts letters from before a restart until they are answered", async () => {
  const world = new Inputs(["a"], FEW_LETTERS);
  const { inputs } = world;
  const { unanswered } = inputs.partitions[0]!;
  inputs.start(Float64Array.of(0), [1000]);
  world.fetchLetters(0, 11);
  world.calls.length = 0;
  // Read again: what lies before the letters can be had, up to the next letters.
  inputs.start(Float64Array.of(0), [1000]);
  world.fetch(0, 0, 3, 1000);
  assertEquals(world.calls, ["resume 0", "start 0"]);
  world.fetchLetters(3, 11);
  assertEquals([world.calls.at(-1), unanswered.count], ["pause 0", 12]);
  // However often it happens: no more than twice the bound.
  while (unanswered.count <= 20) {
    inputs.start(Float64Array.of(0), [1000]);
    assertEquals(inputs.partitions[0]!.paused, false);
    world.fetchLetters(3, 11);
  }
  world.calls.length = 0;
  inputs.start(Float64Array.of(0), [1000]);
  inputs.resume();
  assertEquals(world.calls, ["resume 0", "start 0", "pause 0"]);
  world.fetchLetters(3, 11);
  assertEquals(unanswered.count, 21);
  // The answers to those from before resume it, and take off what was theirs alone.
  await world.acknowledge(0);
  inputs.resume();
  assertEquals([unanswered.count, world.calls.length], [10, 3]);
  const { work } = world;
  for (let index = 1; index <= 6; index++) await world.acknowledge(index);
  assertEquals([unanswered.count, world.work], [4, work + 6]);
  inputs.resume();
  assertEquals(world.calls.slice(3), ["resume 0", "pause 0"]);
  assertEquals([unanswered.count, inputs.positions()[0]], [11, 3]);
});
