import { assert, assertEquals, assertGreater, assertNotEquals, assertRejects } from "@std/assert";
import { encodeRecordBatch } from "../../lib/core/record_batch_encoder.ts";
import {
  type OutputLog,
  OutputLogError,
  type ProduceBatch,
  type ProduceResult,
  type ShardOwnership,
} from "../../lib/ports/output_log.ts";
import { readBatches } from "./read_batches.ts";

/** A fresh output topic of two partitions or more, and the processes that use it. */
export interface OutputLogFixture {
  /** Another process. `open` was not called yet. */
  connect(): OutputLog;
  /** Waits until this is so, moving the clock where it is not a real one. */
  until(condition: () => boolean): Promise<void>;
  /** Closes what is still open. */
  dispose(): Promise<void>;
}

/** What every implementation of the port does, a broker or none behind it. */
export function outputLogSuite(name: string, makeFixture: () => Promise<OutputLogFixture>): void {
  function test(sentence: string, body: (context: OutputLogContext) => Promise<void>): void {
    Deno.test(`${name} ${sentence}`, async () => {
      const fixture = await makeFixture();
      try {
        await body(new OutputLogContext(fixture));
      } finally {
        await fixture.dispose();
      }
    });
  }

  test("tells the topic's shards and the size of its batches", async ({ fixture }) => {
    const topic = await fixture.connect().open();
    assertGreater(topic.shards, 1);
    assertGreater(topic.batchBytesMax, 64 * 1024 - 1);
    assertNotEquals(topic.name, "");
  });

  test("tells what the topic takes right now", async ({ fixture }) => {
    const log = fixture.connect();
    const { batchBytesMax } = await log.open();
    assertEquals((await log.readLimits()).batchBytesMax, batchBytesMax);
  });

  test("has nothing to read in a fresh partition", async (context) => {
    const log = await context.connect();
    const { logStart, end } = await log.acquire(0);
    assertEquals(logStart, 0);
    assertEquals(await log.readTail(0, end), null);
    assertEquals(await context.readRecords(log, 0, logStart, end), []);
  });

  test("appends batches in order and reads them back", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const results = await context.produce(log, [
      batchOf(0, owner, 0, ["a", "b"]),
      batchOf(0, owner, 2, ["c"]),
      batchOf(0, owner, 3, ["d", "e", "f"]),
    ]);
    assertEquals(results, [owner.end, owner.end + 2, owner.end + 3].map(acknowledged));
    const records = await context.readRecords(log, 0, owner.end, owner.end + 6);
    assertEquals(
      records,
      ["a", "b", "c", "d", "e", "f"].map((value, i) => [owner.end + i, value]),
    );
    const tail = await log.readTail(0, owner.end + 6);
    assertEquals(readBatches(tail!)[0]!.records.map(({ value }) => value), ["d", "e", "f"]);
  });

  test("reports each batch once and never from inside the call", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const calls: ProduceResult[] = [];
    log.produce([batchOf(0, owner, 0, ["a"])], (_, result) => calls.push(result));
    assertEquals(calls, []);
    await context.fixture.until(() => calls.length > 0);
    await context.produce(log, [batchOf(0, owner, 1, ["b"])]);
    assertEquals(calls, [acknowledged(owner.end)]);
  });

  test("keeps shards apart that share a call", async (context) => {
    const log = await context.connect();
    const owners = [await log.acquire(0), await log.acquire(1)] as const;
    const seen = new Map<number, ProduceResult>();
    log.produce(
      [batchOf(1, owners[1], 0, ["one"]), batchOf(0, owners[0], 0, ["zero"])],
      (shard, result) => seen.set(shard, result),
    );
    await context.fixture.until(() => seen.size === 2);
    for (const shard of [0, 1] as const) {
      const { end } = owners[shard];
      assertEquals(seen.get(shard), acknowledged(end));
      const [record] = await context.readRecords(log, shard, end, end + 1);
      assertEquals(record, [end, ["zero", "one"][shard]]);
    }
  });

  test("answers a repeated batch with its first offset and appends nothing", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const batches = Array.from({ length: 5 }, (_, i) => batchOf(0, owner, i * 2, ["x", "y"]));
    const first = await context.produce(log, batches);
    assertEquals(first, batches.map((_, i) => acknowledged(owner.end + 2 * i)));
    assertEquals(await context.produce(log, batches), first);
    const [next] = await context.produce(log, [batchOf(0, owner, 10, ["z"])]);
    assertEquals(next, acknowledged(owner.end + 10));
  });

  test("refuses a batch whose predecessor is missing, and takes both in order", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    await context.produce(log, [batchOf(0, owner, 0, ["a"])]);
    const second = batchOf(0, owner, 1, ["b"]);
    const third = batchOf(0, owner, 2, ["c"]);
    assertEquals(await context.produce(log, [third]), [{ kind: "out_of_order" }]);
    assertEquals(await context.produce(log, [second, third]), [
      acknowledged(owner.end + 1),
      acknowledged(owner.end + 2),
    ]);
  });

  test("starts the sequences of an epoch at 0", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const [refused] = await context.produce(log, [batchOf(0, owner, 7, ["a"])]);
    assertEquals(refused, { kind: "out_of_order" });
    const [taken] = await context.produce(log, [batchOf(0, owner, 0, ["a"])]);
    assertEquals(taken, acknowledged(owner.end));
  });

  test("refuses a batch larger than the topic's limit for good", async (context) => {
    const log = context.fixture.connect();
    const { batchBytesMax } = await log.open();
    const owner = await log.acquire(0);
    const [result] = await context.produce(log, [
      batchOf(0, owner, 0, ["x".repeat(batchBytesMax + 1)]),
    ]);
    assertEquals(result?.kind, "rejected");
    const [next] = await context.produce(log, [batchOf(0, owner, 0, ["a"])]);
    assertEquals(next?.kind, "acknowledged");
  });

  test("fences the owner before, and its end is final", async (context) => {
    const older = await context.connect();
    const newer = await context.connect();
    const old = await older.acquire(0);
    await context.produce(older, [batchOf(0, old, 0, ["a", "b"])]);
    const owner = await newer.acquire(0);
    assertEquals(owner.producerId, old.producerId);
    assertGreater(owner.epoch, old.epoch);
    const fresh = batchOf(0, old, 2, ["late"]);
    const repeated = batchOf(0, old, 0, ["a", "b"]);
    for (const batch of [fresh, repeated]) {
      const [result] = await context.produce(older, [batch]);
      assertEquals(result?.kind, "fenced");
    }
    const [result] = await context.produce(newer, [batchOf(0, owner, 0, ["c"])]);
    assertEquals(result, acknowledged(owner.end));
    const records = await context.readRecords(newer, 0, owner.logStart, owner.end + 1);
    assertEquals(records.map(([, value]) => value), ["a", "b", "c"]);
  });

  test("fences one shard and leaves the others to their owner", async (context) => {
    const older = await context.connect();
    const newer = await context.connect();
    const owners = [await older.acquire(0), await older.acquire(1)] as const;
    await newer.acquire(0);
    const seen = new Map<number, string>();
    older.produce(
      [batchOf(0, owners[0], 0, ["a"]), batchOf(1, owners[1], 0, ["b"])],
      (shard, result) => seen.set(shard, result.kind),
    );
    await context.fixture.until(() => seen.size === 2);
    assertEquals([seen.get(0), seen.get(1)], ["fenced", "acknowledged"]);
  });

  test("raises the epoch when the owner acquires again", async (context) => {
    const log = await context.connect();
    const first = await log.acquire(0);
    const second = await log.acquire(0);
    assertEquals(second.producerId, first.producerId);
    assertGreater(second.epoch, first.epoch);
    assertGreater(second.end, first.end - 1);
    const [old] = await context.produce(log, [batchOf(0, first, 0, ["a"])]);
    assertEquals(old?.kind, "fenced");
    const [now] = await context.produce(log, [batchOf(0, second, 0, ["a"])]);
    assertEquals(now, acknowledged(second.end));
  });

  test("finds the last data batch behind any number of markers", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    await context.produce(log, [
      batchOf(0, owner, 0, ["a"]),
      batchOf(0, owner, 1, ["b", "c"]),
    ]);
    let end = owner.end;
    for (let i = 0; i < 12; i++) end = (await log.acquire(0)).end;
    const tail = readBatches((await log.readTail(0, end))!);
    assertEquals(tail.map(({ baseOffset }) => baseOffset), [owner.end + 1]);
    assertEquals(tail[0]!.records.map(({ value }) => value), ["b", "c"]);
    const before = readBatches((await log.readTail(0, owner.end + 1))!);
    assertEquals(before[0]!.records.map(({ value }) => value), ["a"]);
  });

  test("reads the whole batch that holds an offset, and none from the end on", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const { end } = owner;
    await context.produce(log, [
      batchOf(0, owner, 0, ["a"]),
      batchOf(0, owner, 1, ["b", "c", "d"]),
      batchOf(0, owner, 4, ["e"]),
    ]);
    const values = async (from: number, to: number) =>
      (await context.readRecords(log, 0, from, to)).map(([, value]) => value);
    assertEquals(await values(end + 2, end + 4), ["b", "c", "d"]);
    assertEquals(await values(end + 3, end + 5), ["b", "c", "d", "e"]);
    assertEquals(await values(end + 4, end + 5), ["e"]);
    assertEquals(await values(end + 5, end + 5), []);
  });

  test("reads more than a fetch holds", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const value = "x".repeat(100_000);
    const batches = Array.from({ length: 60 }, (_, i) => batchOf(0, owner, i, [`${i}:${value}`]));
    for (let i = 0; i < batches.length; i += 5) {
      await context.produce(log, batches.slice(i, i + 5));
    }
    const records = await context.readRecords(log, 0, owner.end, owner.end + 60);
    assertEquals(
      records.map(([offset, text]) => [offset, text.split(":")[0]]),
      batches.map((_, i) => [owner.end + i, String(i)]),
    );
  });

  test("goes on with its sequences after a refresh", async (context) => {
    const log = await context.connect();
    const owner = await log.acquire(0);
    const first = batchOf(0, owner, 0, ["a", "b"]);
    const [before] = await context.produce(log, [first]);
    await log.refresh([0]);
    assertEquals(await context.produce(log, [first]), [before!]);
    const [after] = await context.produce(log, [batchOf(0, owner, 2, ["c"])]);
    assert(after?.kind === "acknowledged");
    assertGreater(after.baseOffset, owner.end + 1);
  });

  test("cannot refresh a shard that has a newer owner", async (context) => {
    const older = await context.connect();
    const newer = await context.connect();
    await older.acquire(0);
    await newer.acquire(0);
    const error = await assertRejects(() => older.refresh([0]), OutputLogError);
    assertEquals(error.code, "fenced");
    await newer.refresh([0]);
  });
}

export class OutputLogContext {
  readonly fixture: OutputLogFixture;

  constructor(fixture: OutputLogFixture) {
    this.fixture = fixture;
  }

  async connect(): Promise<OutputLog> {
    const log = this.fixture.connect();
    await log.open();
    return log;
  }

  /** Sends the batches one call after the other, without waiting, and returns their results. */
  async produce(log: OutputLog, batches: readonly ProduceBatch[]): Promise<ProduceResult[]> {
    const results: ProduceResult[] = [];
    for (const batch of batches) log.produce([batch], (_, result) => results.push(result));
    await this.fixture.until(() => results.length === batches.length);
    return results;
  }

  /** Offset and value of each record that is no marker. */
  async readRecords(
    log: OutputLog,
    shard: number,
    from: number,
    to: number,
  ): Promise<[number, string][]> {
    const records: [number, string][] = [];
    for await (const chunk of log.read(shard, from, to)) {
      for (const batch of readBatches(chunk)) {
        if (batch.isControl) continue;
        for (const { offset, value } of batch.records) records.push([offset, value]);
      }
    }
    return records;
  }
}

function acknowledged(baseOffset: number): ProduceResult {
  return { kind: "acknowledged", baseOffset };
}

function batchOf(
  shard: number,
  owner: ShardOwnership,
  baseSequence: number,
  values: readonly string[],
): ProduceBatch {
  const records = values.map((value) => ({
    timestampMs: 1_761_955_605_000,
    key: encoder.encode("device"),
    value: encoder.encode(value),
    headers: [],
  }));
  const { producerId, epoch } = owner;
  const bytes = encodeRecordBatch({ baseOffset: 0, producerId, epoch, baseSequence, records });
  return { shard, bytes };
}

const encoder = new TextEncoder();
