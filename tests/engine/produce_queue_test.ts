import { assert, assertEquals } from "@std/assert";
import { ProduceQueue } from "../../lib/engine/produce_queue.ts";
import type { ShardBatch } from "../../lib/engine/shard_runner.ts";
import type { ProduceResult } from "../../lib/ports/output_log.ts";
import { EngineParts } from "../support/engine/engine_parts.ts";

const AWAY: ProduceResult = { kind: "retriable", reason: "no leader" };
const FENCED: ProduceResult = { kind: "fenced", reason: "a newer owner" };

/** A queue over shards that run, and what it told its owner. */
class Queue {
  readonly parts: EngineParts;
  readonly queue: ProduceQueue;
  readonly told: string[] = [];

  constructor(shards = 1) {
    this.parts = new EngineParts({ shards });
    this.queue = new ProduceQueue(this.parts.context, {
      onRoom: ({ index }) => this.told.push(`room ${index}`),
      onRecover: ({ index }, reason, refusal) => {
        const what = refusal === null ? "recover" : `recover from ${refusal.cause}`;
        this.told.push(`${what} ${index}: ${reason}`);
      },
      onFenced: ({ index }, reason) => this.told.push(`fenced ${index}: ${reason}`),
    });
    for (let shard = 0; shard < shards; shard++) this.parts.warm(shard);
  }

  /** Batches with a start each, which go out together. */
  send(...shards: number[]): ShardBatch[] {
    const batches = shards.map((shard) => {
      const batch = this.parts.batch(shard);
      this.queue.add(this.parts.runners[shard]!, batch);
      return batch;
    });
    this.queue.flush();
    return batches;
  }

  /** Answers a batch of a call: a number is the offset at which the log has it. */
  answer(call: number, result: ProduceResult | number, batch = 0): void {
    const { batches, onResult } = this.parts.log.calls[call]!;
    const { shard } = batches[batch]!;
    if (typeof result === "object") onResult(shard, result);
    else onResult(shard, { kind: "acknowledged", baseOffset: result });
  }

  /** The batches of each call, by their bytes. */
  calls(): Uint8Array[][] {
    return this.parts.log.calls.map(({ batches }) => batches.map(({ bytes }) => bytes));
  }

  state(shard = 0): string {
    const { state, reason } = this.parts.metrics.shards.snapshot()[shard]!;
    return reason === null ? state : `${state}: ${reason}`;
  }
}

Deno.test("ProduceQueue.flush() sends what was added in one call, in order", () => {
  const { queue, parts } = new Queue(3);
  const [second, first] = [parts.batch(2), parts.batch(0)];
  queue.add(parts.runners[2]!, second);
  queue.add(parts.runners[0]!, first);
  assertEquals(parts.log.calls.length, 0);
  queue.flush();
  queue.flush();
  assertEquals(parts.log.calls.map(({ batches }) => batches), [[
    { shard: 2, bytes: second.bytes },
    { shard: 0, bytes: first.bytes },
  ]]);
  assertEquals(parts.metrics.produceRequests, 1);
});

Deno.test("ProduceQueue.add() keeps a call below a megabyte, but for a batch that is larger itself", () => {
  const { queue, parts } = new Queue(6);
  const sizes = [300_000, 700_000, 1, 2, 1_500_000, 10];
  for (const [shard, size] of sizes.entries()) {
    queue.add(parts.runners[shard]!, { ...parts.batch(shard), bytes: new Uint8Array(size) });
  }
  queue.flush();
  const sent = parts.log.calls.map(({ batches }) => batches.map(({ bytes }) => bytes.length));
  assertEquals(sent, [[300_000, 700_000], [1, 2], [1_500_000], [10]]);
});

Deno.test("ProduceQueue counts a batch once it is acknowledged, and tells that there is room", () => {
  const test = new Queue(2);
  const { parts, queue } = test;
  parts.clock.advance(1000);
  parts.start(1, "a");
  parts.end(1, "a");
  const batch = parts.close(1);
  queue.add(parts.runners[1]!, batch);
  queue.flush();
  parts.clock.advance(7);
  assertEquals([parts.metrics.batches, parts.metrics.records.start], [0, 0]);
  test.answer(0, 50);
  const { metrics, runners } = parts;
  assertEquals(test.told, ["room 1"]);
  assertEquals(metrics.batches, 1);
  assertEquals(metrics.outputBytes, batch.bytes.length);
  assertEquals(metrics.records, { start: 1, heartbeat: 0, ended: 1, superseded: 0, timeout: 0 });
  assertEquals([runners[1]!.logEnd, metrics.shards.outputEndOffset[1]], [52, 52]);
  assertEquals(metrics.shards.inFlightBatches[1], 0);
  const { produce, endToEnd } = metrics.snapshot({ monotonicMs: 0, wallMs: 0 }).latencies;
  assertEquals([produce.count, endToEnd.count], [1, 2]);
});

Deno.test("ProduceQueue settles batches in the order of the log, whatever order answers come in", () => {
  const test = new Queue();
  test.send(0);
  test.send(0);
  test.answer(1, 11);
  assertEquals([test.told.length, test.parts.metrics.batches], [0, 0]);
  assertEquals(test.parts.runners[0]!.writer.inFlight.length, 2);
  test.answer(0, 10);
  assertEquals(test.told, ["room 0"]);
  assertEquals([test.parts.runners[0]!.logEnd, test.parts.metrics.batches], [12, 2]);
});

Deno.test("ProduceQueue sends all batches of a shard again in order, each in a call of its own", async () => {
  const test = new Queue(2);
  const [first] = test.send(0, 1);
  const [second] = test.send(0);
  test.answer(0, AWAY);
  // The second is to be answered first: its answer must not be taken for the next sending's.
  await test.parts.advance(10_000);
  assertEquals(test.parts.log.calls.length, 2);
  test.answer(1, { kind: "out_of_order" });
  assertEquals(test.state(), "stalled: no leader");
  assertEquals(test.parts.metrics.produceRetries, 2);
  await test.parts.advance(19);
  assertEquals(test.parts.log.calls.length, 2);
  await test.parts.advance(1);
  assertEquals(test.calls().slice(2), [[first!.bytes], [second!.bytes]]);
  test.answer(2, 10);
  test.answer(3, 11);
  assertEquals(test.told, ["room 0", "room 0"]);
  assertEquals([test.state(), test.parts.runners[0]!.logEnd], ["running", 12]);
  // The other shard of the first call was no part of that.
  assertEquals(test.parts.runners[1]!.writer.inFlight.length, 1);
});

Deno.test("ProduceQueue waits longer from failure to failure, at most a second, and then begins anew", async () => {
  const test = new Queue();
  test.send(0);
  for (const delayMs of [20, 40, 80, 160, 320, 640, 1000, 1000]) {
    const calls = test.parts.log.calls.length;
    test.answer(calls - 1, AWAY);
    await test.parts.advance(delayMs - 1);
    assertEquals(test.parts.log.calls.length, calls, `before ${delayMs} ms`);
    await test.parts.advance(1);
    assertEquals(test.parts.log.calls.length, calls + 1, `after ${delayMs} ms`);
  }
  test.answer(test.parts.log.calls.length - 1, 10);
  test.send(0);
  const calls = test.parts.log.calls.length;
  test.answer(calls - 1, AWAY);
  await test.parts.advance(20);
  assertEquals(test.parts.log.calls.length, calls + 1);
  // It is said once in ten seconds.
  assertEquals(test.parts.lines.length, 1);
});

Deno.test("ProduceQueue has a shard restored whose log disagrees, and tells of no room", () => {
  const test = new Queue(3);
  test.send(0, 1);
  test.answer(0, { kind: "out_of_order" });
  test.answer(0, { kind: "rejected", cause: "too_large", reason: "too large" }, 1);
  // The first is in the log, so there is room; but what follows it is not.
  test.send(2);
  test.send(2);
  test.answer(2, { kind: "out_of_order" });
  test.answer(1, 10);
  assertEquals(test.told, [
    "recover 0: the broker misses a sequence before the first batch",
    "recover from too_large 1: too large",
    "recover 2: the broker misses a sequence before the first batch",
  ]);
});

Deno.test("ProduceQueue sends what may not be written again, ever more rarely, and says why", async () => {
  const test = new Queue(2);
  const reason = "TOPIC_AUTHORIZATION_FAILED (29)";
  const [first] = test.send(0, 1);
  const [second] = test.send(0);
  const { metrics, runners } = test.parts;
  const denied: ProduceResult = { kind: "rejected", cause: "access", reason };
  test.answer(0, denied);
  assertEquals(test.parts.log.calls.length, 2);
  test.answer(1, denied);
  for (let attempt = 0; attempt < 10; attempt++) {
    const calls = test.parts.log.calls.length;
    await test.parts.advance(5000);
    assertEquals(test.calls().slice(calls), [[first!.bytes], [second!.bytes]]);
    test.answer(calls, denied);
    test.answer(calls + 1, denied);
  }
  assertEquals(
    test.state(),
    `stalled: ${reason}: the right to write to the output topic is gone, grant it again`,
  );
  assertEquals(metrics.refused, { timestamp: 0, too_large: 0, access: 22, other: 0 });
  assertEquals(test.parts.lines.length, 1);
  assertEquals(test.told, []);
  await test.parts.advance(5000);
  const calls = test.parts.log.calls.length;
  test.answer(calls - 2, 10);
  assertEquals([test.state(), runners[0]!.refusal], ["running", null]);
  assertEquals(test.told, ["room 0"]);
});

Deno.test("ProduceQueue tells that a newer process owns the shard, and tells of no room", () => {
  const test = new Queue();
  test.send(0);
  test.send(0);
  test.answer(1, FENCED);
  assertEquals(test.told, []);
  test.answer(0, 10);
  assertEquals(test.told, ["fenced 0: a newer owner"]);
});

Deno.test("ProduceQueue takes no answer for a shard that has dropped its state since", async () => {
  const test = new Queue(2);
  const runner = test.parts.runners[0]!;
  test.send(0, 1);
  runner.dropState();
  test.parts.run(runner);
  test.answer(0, 10);
  assertEquals([test.told, runner.logEnd, test.parts.metrics.batches], [[], 0, 0]);
  // Nor does it send for such a one what it was about to send again.
  test.answer(0, AWAY, 1);
  const other = test.parts.runners[1]!;
  other.dropState();
  test.parts.run(other);
  test.send(1);
  await test.parts.advance(10_000);
  assertEquals(test.parts.log.calls.length, 2);
});

Deno.test("ProduceQueue.stop() lets nothing be sent again, but takes answers", async () => {
  const test = new Queue(2);
  test.send(0, 1);
  test.answer(0, AWAY);
  test.queue.stop();
  await test.parts.advance(10_000);
  assertEquals(test.parts.log.calls.length, 1);
  test.answer(0, 10, 1);
  assert(test.told.includes("room 1"), test.told.join());
});
