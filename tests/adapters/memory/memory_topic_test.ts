import { assert, assertEquals, assertLessOrEqual, assertRejects, assertThrows } from "@std/assert";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import { MemoryInput } from "../../../lib/adapters/memory/memory_input.ts";
import { MemoryOutputLog } from "../../../lib/adapters/memory/memory_output_log.ts";
import { MemoryTopic } from "../../../lib/adapters/memory/memory_topic.ts";
import { encodeRecordBatch } from "../../../lib/core/record_batch_encoder.ts";
import { OutputLogError } from "../../../lib/ports/output_log.ts";
import { readBatches } from "../../contract/read_batches.ts";

function recordOf(value: string) {
  return { timestampMs: 1, key: null, value: new TextEncoder().encode(value), headers: [] };
}

function batchOf(...values: string[]): Uint8Array<ArrayBuffer> {
  const producer = { producerId: -1, epoch: -1, baseSequence: -1 };
  return encodeRecordBatch({ baseOffset: 0, ...producer, records: values.map(recordOf) });
}

Deno.test("MemoryTopic drops its oldest batches beyond its bound", async () => {
  const topic = new MemoryTopic({ name: "t", partitions: 2, retainedBytesMax: 20_000 });
  for (let i = 0; i < 100; i++) topic.append(0, batchOf(`${i}:${"x".repeat(900)}`));
  const partition = topic.partition(0);
  assertLessOrEqual(partition.bytes, 10_000);
  assertEquals(partition.end, 100);
  const kept = readBatches(partition.read(partition.logStart, partition.end, Infinity));
  assertEquals(kept[0]!.baseOffset, partition.logStart);
  assertEquals(kept.at(-1)!.baseOffset, 99);
  assertEquals(topic.partition(1).logStart, 0);

  const log = new MemoryOutputLog(topic, new ManualClock());
  const error = await assertRejects(async () => {
    for await (const _ of log.read(0, 0, 100));
  }, OutputLogError);
  assertEquals([error.code, error.retryable], ["other", false]);
});

Deno.test("MemoryTopic keeps the newest batch however large it is", () => {
  const topic = new MemoryTopic({ name: "t", partitions: 1, retainedBytesMax: 100 });
  topic.append(0, batchOf("a"));
  topic.append(0, batchOf("x".repeat(1_000)));
  assertEquals([topic.partition(0).logStart, topic.partition(0).end], [1, 2]);
});

Deno.test("MemoryTopic refuses what no broker would take", () => {
  const topic = new MemoryTopic({ name: "t", partitions: 1 });
  const flipped = batchOf("a");
  flipped[65]! ^= 1;
  const cut = batchOf("abc").subarray(0, 66);
  const longer = new Uint8Array(batchOf("a").length + 1);
  longer.set(batchOf("a"));
  const older = batchOf("a");
  older[16] = 1;
  for (const batch of [flipped, cut, longer, older, new Uint8Array(0)]) {
    assertEquals(topic.append(0, batch).kind, "rejected");
  }
  assertEquals(topic.partition(0).end, 0);
  assertThrows(() => topic.append(1, batchOf("a")), RangeError);
});

Deno.test("MemoryTopic keeps a copy of what it was given", () => {
  const topic = new MemoryTopic({ name: "t", partitions: 1 });
  const batch = batchOf("a");
  topic.append(0, batch);
  batch.fill(0);
  topic.partition(0).read(0, 1, Infinity).fill(0);
  assertEquals(readBatches(topic.partition(0).read(0, 1, Infinity))[0]!.records[0]!.value, "a");
});

Deno.test("MemoryTopic.subscribe() tells each data batch once until it is ended", () => {
  const topic = new MemoryTopic({ name: "t", partitions: 2 });
  const told: unknown[] = [];
  const end = topic.subscribe((partition, batch, baseOffset) => {
    told.push([partition, baseOffset, readBatches(batch)[0]!.records.map(({ value }) => value)]);
  });
  topic.append(1, batchOf("a", "b"));
  topic.appendAbortMarker(1, { producerId: 1, epoch: 0 }, 1);
  topic.append(1, batchOf("c"));
  topic.append(0, batchOf("d"));
  end();
  topic.append(0, batchOf("e"));
  assertEquals(told, [[1, 0, ["a", "b"]], [1, 3, ["c"]], [0, 0, ["d"]]]);
});

Deno.test("MemoryTopic.nextOwner() takes a new producer id when the epochs are used up", () => {
  const topic = new MemoryTopic({ name: "t", partitions: 2 });
  const first = topic.nextOwner(0);
  let last = first;
  for (let i = 0; i < 32_766; i++) last = topic.nextOwner(0);
  assertEquals(last, { producerId: first.producerId, epoch: 32_766 });
  assert(topic.isOwner(0, last));
  const rotated = topic.nextOwner(0);
  assertEquals(rotated.epoch, 0);
  assert(rotated.producerId !== first.producerId);
  assertEquals([topic.isOwner(0, last), topic.isOwner(1, last)], [false, false]);
});

Deno.test("MemoryInput refuses records beyond its buffer until offsets are committed", () => {
  const input = new MemoryInput({
    topics: [{ name: "a", partitions: 1 }, { name: "b", partitions: 2 }],
    bufferBytesMax: 3_000,
  });
  assertEquals(input.partitions, [
    { topic: "a", partition: 0 },
    { topic: "b", partition: 0 },
    { topic: "b", partition: 1 },
  ]);
  const value = "x".repeat(900);
  assertEquals(input.appendRecords(0, [recordOf(value)]), 0);
  assertEquals(input.appendRecords(2, [recordOf(value)]), 0);
  assertEquals(input.appendRecords(2, [recordOf(value)]), 1);
  assertEquals(input.appendRecords(1, [recordOf(value)]), null);
  input.commitOffset(2, 1);
  assertEquals(input.appendRecords(1, [recordOf(value)]), 0);
  assertEquals(input.logs[2]!.logStart, 1);
  assertThrows(() => input.appendRecords(3, [recordOf(value)]), RangeError);
});
