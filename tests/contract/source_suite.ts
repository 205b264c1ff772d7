import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import type { RecordInput } from "../../lib/core/record_batch_encoder.ts";
import type {
  FetchedRecords,
  Source,
  SourceError,
  SourceListener,
} from "../../lib/ports/source.ts";
import { readBatches } from "./read_batches.ts";

/** One fresh input topic of two partitions, and the processes that read it as one group. */
export interface SourceFixture {
  /** Another process. `open` was not called yet. */
  connect(): Source;
  append(partition: number, records: readonly RecordInput[]): Promise<void>;
  /** Waits until this is so, moving the clock where it is not a real one. */
  until(condition: () => boolean): Promise<void>;
  /** Stops what still runs. */
  dispose(): Promise<void>;
}

/** What every implementation of the port does, a broker or none behind it. */
export function sourceSuite(name: string, makeFixture: () => Promise<SourceFixture>): void {
  function test(sentence: string, body: (fixture: SourceFixture) => Promise<void>): void {
    Deno.test(`${name} ${sentence}`, async () => {
      const fixture = await makeFixture();
      try {
        await body(fixture);
      } finally {
        await fixture.dispose();
      }
    });
  }

  test("finds the partitions of its topic in a stable order", async (fixture) => {
    const partitions = await fixture.connect().open();
    assertEquals(partitions.map(({ partition }) => partition), [0, 1]);
    assertEquals(partitions[0]!.topic, partitions[1]!.topic);
    assertEquals(await fixture.connect().open(), partitions);
  });

  test("tells the ranges as of now", async (fixture) => {
    const source = fixture.connect();
    await source.open();
    assertEquals(await source.ranges(), [{ logStart: 0, end: 0 }, { logStart: 0, end: 0 }]);
    await fixture.append(1, recordsOf("a", "b", "c"));
    assertEquals(await source.ranges(), [{ logStart: 0, end: 0 }, { logStart: 0, end: 3 }]);
  });

  test("has no committed offset at first, and later those of any member", async (fixture) => {
    const source = fixture.connect();
    await source.open();
    assertEquals(await source.committedOffsets(), [-1, -1]);
    await fixture.append(0, recordsOf("a", "b"));
    await fixture.append(1, recordsOf("a", "b", "c"));
    await source.commitOffsets([1, 3]);
    assertEquals(await source.committedOffsets(), [1, 3]);
    const other = fixture.connect();
    await other.open();
    assertEquals(await other.committedOffsets(), [1, 3]);
  });

  test("delivers every record of every partition in order", async (fixture) => {
    await fixture.append(0, recordsOf("a0", "a1"));
    await fixture.append(1, recordsOf("b0"));
    await fixture.append(0, recordsOf("a2"));
    const { seen } = await start(fixture, [0, 0]);
    await fixture.until(() => seen.count === 4);
    assertEquals(seen.values(0), ["a0", "a1", "a2"]);
    assertEquals(seen.values(1), ["b0"]);
    assertEquals(seen.offsets(0), [0, 1, 2]);
  });

  test("delivers keys, timestamps and records of a megabyte as they are", async (fixture) => {
    const value = "v".repeat(1_000_000);
    const record = { timestampMs: 1_700_000_000_123, key: null, headers: [] };
    await fixture.append(0, [{ ...record, value: encoder.encode(value) }]);
    await fixture.append(0, recordsOf("small"));
    const { seen } = await start(fixture, [0, 0]);
    await fixture.until(() => seen.count === 2);
    const [large] = seen.records(0);
    assertEquals([large!.key, large!.timestampMs], [null, 1_700_000_000_123]);
    assert(large!.value === value);
    assertEquals(seen.records(0)[1]!.key, "device");
  });

  test("delivers more than one fetch holds", async (fixture) => {
    const value = "x".repeat(50_000);
    for (let i = 0; i < 100; i++) await fixture.append(i % 2, recordsOf(`${i}:${value}`));
    const { seen } = await start(fixture, [0, 0]);
    await fixture.until(() => seen.count === 100);
    for (const partition of [0, 1]) {
      const expected = Array.from({ length: 50 }, (_, i) => String(2 * i + partition));
      assertEquals(seen.values(partition).map((text) => text.split(":")[0]), expected);
    }
  });

  test("delivers what is appended later", async (fixture) => {
    const { seen } = await start(fixture, [0, 0]);
    await fixture.append(0, recordsOf("a"));
    await fixture.until(() => seen.count === 1);
    await fixture.append(1, recordsOf("b"));
    await fixture.until(() => seen.count === 2);
    assertEquals([seen.values(0), seen.values(1)], [["a"], ["b"]]);
  });

  test("starts at the offsets it is given, whole batches that hold them", async (fixture) => {
    await fixture.append(0, recordsOf("a0", "a1"));
    await fixture.append(0, recordsOf("a2", "a3", "a4"));
    await fixture.append(1, recordsOf("b0"));
    const { seen } = await start(fixture, [3, 1]);
    await fixture.append(1, recordsOf("b1"));
    await fixture.until(() => seen.values(1).length === 1 && seen.offsets(0).includes(4));
    assertEquals(seen.fetches.find(({ partition }) => partition === 0)!.fetchOffset, 3);
    assertEquals(seen.offsets(0).filter((offset) => offset >= 3), [3, 4]);
    assertGreaterOrEqual(Math.min(...seen.offsets(0)), 2);
    assertEquals(seen.values(1), ["b1"]);
  });

  test("tells the bounds of the partition with each fetch", async (fixture) => {
    await fixture.append(0, recordsOf("a", "b", "c"));
    const { seen } = await start(fixture, [0, 0]);
    await fixture.until(() => seen.count === 3);
    for (const { partition, highWatermark, logStart, records, fetchOffset } of seen.fetches) {
      assertEquals([logStart, highWatermark], [0, partition === 0 ? 3 : 0]);
      assertLessOrEqual(fetchOffset + readBatches(records).length, highWatermark);
    }
  });

  test("never calls the listener from inside its own methods", async (fixture) => {
    await fixture.append(0, recordsOf("a"));
    const source = fixture.connect();
    await source.open();
    const seen = new Seen();
    let isInside = true;
    let callsInside = 0;
    source.start([0, 0], {
      ...seen.listener,
      onFetch: (fetched) => {
        if (isInside) callsInside++;
        seen.listener.onFetch(fetched);
      },
    });
    source.setPaused(1, true);
    source.setPaused(1, false);
    isInside = false;
    await fixture.until(() => seen.count === 1);
    assertEquals(callsInside, 0);
  });

  test("does not fetch a paused partition and loses nothing of it", async (fixture) => {
    const { source, seen } = await start(fixture, [0, 0]);
    source.setPaused(0, true);
    // A fetch that was under way has certainly answered after two answers of the other partition.
    for (let i = 1; i <= 2; i++) {
      await fixture.append(1, recordsOf(`b${i}`));
      await fixture.until(() => seen.values(1).length === i);
    }
    await fixture.append(0, recordsOf("a1", "a2"));
    await fixture.append(1, recordsOf("b3"));
    await fixture.until(() => seen.values(1).length === 3);
    assertEquals(seen.values(0), []);
    source.setPaused(0, false);
    await fixture.until(() => seen.values(0).length === 2);
    assertEquals(seen.values(0), ["a1", "a2"]);
    assertEquals(seen.values(1), ["b1", "b2", "b3"]);
  });

  test("is silent once it is stopped", async (fixture) => {
    const { source, seen } = await start(fixture, [0, 0]);
    await fixture.append(0, recordsOf("a"));
    await fixture.until(() => seen.count === 1);
    await source.stop();
    const calls = seen.fetches.length;
    await fixture.append(0, recordsOf("b"));
    // Another process gets it, so the first one would have.
    const other = await start(fixture, [1, 0]);
    await fixture.until(() => other.seen.values(0).length === 1);
    assertEquals(seen.fetches.length, calls);
    await source.stop();
  });

  test("starts again after a stop, from other offsets and with nothing paused", async (fixture) => {
    await fixture.append(0, recordsOf("a0"));
    await fixture.append(0, recordsOf("a1"));
    const { source, seen } = await start(fixture, [0, 0]);
    await fixture.until(() => seen.count === 2);
    source.setPaused(0, true);
    source.setPaused(1, true);
    await source.stop();
    await fixture.append(1, recordsOf("b0"));
    const again = new Seen();
    source.start([1, 0], again.listener);
    await fixture.until(() => again.count === 2);
    assertEquals([again.values(0), again.values(1)], [["a1"], ["b0"]]);
    await fixture.append(0, recordsOf("a2"));
    await fixture.until(() => again.count === 3);
    assertEquals(seen.count, 2);
    await source.stop();
  });

  test("reports an offset beyond the end of a partition, and which", async (fixture) => {
    await fixture.append(1, recordsOf("a", "b"));
    const { seen } = await start(fixture, [0, 40]);
    await fixture.until(() => seen.errors.length > 0);
    const [error] = seen.errors;
    assertEquals([error!.code, error!.retryable, error!.partition], [
      "offset_out_of_range",
      false,
      1,
    ]);
    await fixture.append(0, recordsOf("c"));
    await fixture.until(() => seen.values(0).length === 1);
    assertEquals(seen.values(1), []);
  });
}

async function start(
  fixture: SourceFixture,
  offsets: readonly number[],
): Promise<{ source: Source; seen: Seen }> {
  const source = fixture.connect();
  await source.open();
  const seen = new Seen();
  source.start(offsets, seen.listener);
  return { source, seen };
}

/** What a listener was told. */
class Seen {
  readonly fetches: FetchedRecords[] = [];
  readonly errors: SourceError[] = [];

  readonly listener: SourceListener = {
    onFetch: (fetched) => this.fetches.push(fetched),
    onPartitionState: () => {},
    onError: (error) => this.errors.push(error),
  };

  get count(): number {
    return this.records(0).length + this.records(1).length;
  }

  records(partition: number): ReturnType<typeof readBatches>[number]["records"] {
    return this.fetches
      .filter((fetched) => fetched.partition === partition)
      .flatMap(({ records }) => readBatches(records).flatMap((batch) => batch.records));
  }

  values(partition: number): string[] {
    return this.records(partition).map(({ value }) => value);
  }

  offsets(partition: number): number[] {
    return this.records(partition).map(({ offset }) => offset);
  }
}

function recordsOf(...values: string[]): RecordInput[] {
  return values.map((value) => ({
    timestampMs: 1_761_955_605_000,
    key: encoder.encode("device"),
    value: encoder.encode(value),
    headers: [],
  }));
}

const encoder = new TextEncoder();
