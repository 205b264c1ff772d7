import { assert, assertEquals, assertGreater } from "@std/assert";
import { decompress } from "../../../lib/adapters/kafka/codecs.ts";
import { Codec } from "../../../lib/core/decompress.ts";
import { encodeRecordBatch, type RecordInput } from "../../../lib/core/record_batch_encoder.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";
import { kcatConsume, kcatProduce } from "../../support/kafka/kcat.ts";
import { brokerTest } from "../../support/kafka/shared_broker.ts";
import {
  createTopic,
  fetchRecordSets,
  produceBatch,
  uniqueTopic,
} from "../../support/kafka/topics.ts";
import { ApiKey, WireClient } from "../../support/kafka/wire_client.ts";
import { type WireReader, WireWriter } from "../../support/kafka/wire_bytes.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function newReader(): RecordBatchReader {
  return new RecordBatchReader({ decompress, decompressedBytesMax: 32 << 20 });
}

interface Found {
  readonly values: string[];
  readonly codecs: Set<number>;
  readonly undecodable: number;
}

function readSets(sets: readonly Uint8Array[]): Found {
  const reader = newReader();
  const values: string[] = [];
  const codecs = new Set<number>();
  let undecodable = 0;
  for (const set of sets) {
    reader.reset(set);
    while (reader.nextBatch()) {
      codecs.add(reader.codec);
      if (reader.undecodable !== null) undecodable++;
      while (reader.nextRecord()) {
        values.push(decoder.decode(reader.bytes.subarray(reader.valueFrom, reader.valueTo)));
      }
    }
  }
  return { values, codecs, undecodable };
}

function jsonLines(count: number): { key: string; value: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    key: crypto.randomUUID(),
    value: JSON.stringify({
      type: i % 2 ? "start" : "end",
      deviceId: crypto.randomUUID(),
      sessionId: i,
      timestamp: "2025-11-01T00:06:45.000Z",
    }),
  }));
}

for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
  // What librdkafka compresses is kept as it is; what Java compresses, the broker did itself.
  for (const compressor of ["producer", "broker"] as const) {
    if (codec === "none" && compressor === "broker") continue;
    brokerTest(
      `Batches are read as they were produced: ${codec} of the ${compressor}`,
      async (broker) => {
        const topic = uniqueTopic();
        await createTopic(broker.bootstrap, topic, {
          config: { "compression.type": compressor === "broker" ? codec : "producer" },
        });
        const lines = jsonLines(3000);
        await kcatProduce(broker.bootstrap, topic, lines, {
          partition: 0,
          codec: compressor === "broker" ? "none" : codec,
          // Without a pause a first record may go alone, and is too short to be compressed.
          config: { "batch.size": "300000", "linger.ms": "200" },
        });
        const sets = await fetchRecordSets(broker.bootstrap, topic);
        const found = readSets(sets);
        assertEquals([...found.codecs], [Codec[codec]]);
        assertEquals(found.undecodable, 0);
        assertEquals(found.values, lines.map(({ value }) => value));
        assertEquals(spoiled(sets, found.values), []);
      },
    );
  }
}

/**
 * Changes a byte here and there. Whatever the reader still gives out must be what was written;
 * returns what was not.
 */
function spoiled(sets: readonly Uint8Array[], values: readonly string[]): string[] {
  const known = new Set(values);
  const wrong: string[] = [];
  let undecodable = 0;
  for (const set of sets) {
    for (let i = 0; i < 20; i++) {
      const bytes = set.slice();
      // Offsets, length, leader epoch and magic, 17 bytes, are outside of the checksum.
      const at = 17 + Math.floor((i / 20) * (bytes.length - 17));
      bytes[at]! ^= 1 << (i % 8);
      const found = readSets([bytes]);
      undecodable += found.undecodable;
      wrong.push(...found.values.filter((value) => !known.has(value)));
    }
  }
  assertGreater(undecodable, 0);
  return wrong;
}

brokerTest("A broker takes our batches, and kcat reads what we wrote", async (broker) => {
  const topic = uniqueTopic();
  await createTopic(broker.bootstrap, topic);
  const now = Date.now();
  const record = (key: string | null, value: string | null): RecordInput => ({
    timestampMs: now - 5,
    key: key === null ? null : encoder.encode(key),
    value: value === null ? null : encoder.encode(value),
    headers: [],
  });
  const batch = encodeRecordBatch({
    baseOffset: 0,
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    records: [
      record("key", "value"),
      record(null, "x".repeat(100_000)),
      record("gone", null),
      {
        ...record("k", "v"),
        timestampMs: now,
        headers: [
          { key: encoder.encode("sw-dlq-reason"), value: encoder.encode("not_json") },
          { key: encoder.encode("sw-dlq-offset"), value: encoder.encode("17") },
        ],
      },
    ],
  });
  assertEquals(await produceBatch(broker.bootstrap, topic, batch), { error: 0, baseOffset: 0 });
  const second = await produceBatch(broker.bootstrap, topic, batch);
  assertEquals(second, { error: 0, baseOffset: 4 });
  const records = await kcatConsume(broker.bootstrap, topic);
  assertEquals(records.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5, 6, 7]);
  assertEquals(records.slice(4).map(({ key, value }) => [key, value]), [
    ["key", "value"],
    [null, "x".repeat(100_000)],
    ["gone", null],
    ["k", "v"],
  ]);
  assertEquals(records.map(({ timestampMs }) => timestampMs).slice(0, 4), [
    now - 5,
    now - 5,
    now - 5,
    now,
  ]);
  assertEquals(records[3]?.headers, [["sw-dlq-reason", "not_json"], ["sw-dlq-offset", "17"]]);
});

brokerTest("Records of a topic with append time have the broker's time", async (broker) => {
  const topic = uniqueTopic();
  await createTopic(broker.bootstrap, topic, {
    config: { "message.timestamp.type": "LogAppendTime" },
  });
  const before = Date.now();
  await kcatProduce(broker.bootstrap, topic, jsonLines(3), { partition: 0 });
  const [shown] = await kcatConsume(broker.bootstrap, topic);
  const reader = newReader();
  reader.reset((await fetchRecordSets(broker.bootstrap, topic))[0]!);
  assert(reader.nextBatch());
  assert(reader.isLogAppendTime);
  assert(reader.nextRecord());
  assertEquals(reader.timestampMs, shown!.timestampMs);
  assertGreater(reader.timestampMs + 1000, before);
});

brokerTest(
  "The marker of an empty transaction is read as an abort of its producer",
  async (broker) => {
    const topic = uniqueTopic();
    const transactionalId = uniqueTopic("id");
    await createTopic(broker.bootstrap, topic);
    await using client = await WireClient.connect(broker.bootstrap);
    // The coordinator of a fresh broker is loading for a moment (14, 15, 16, 51).
    const retried = async <Result>(ask: () => Promise<{ error: number; result: Result }>) => {
      for (;;) {
        const { error, result } = await ask();
        if (error === 0) return result;
        assert([14, 15, 16, 51].includes(error), `error ${error}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const ask = async <Result>(
      apiKey: number,
      body: WireWriter,
      read: (response: WireReader) => { error: number; result: Result },
    ) => {
      const response = await client.request(apiKey, 1, body.done());
      response.int32(); // throttle time
      return read(response);
    };
    await retried(() =>
      ask(
        ApiKey.findCoordinator,
        new WireWriter().string(transactionalId).int8(1),
        (r) => ({ error: r.int16(), result: null }),
      )
    );
    const { producerId, epoch } = await retried(() =>
      ask(
        ApiKey.initProducerId,
        new WireWriter().string(transactionalId).int32(60_000),
        (r) => ({ error: r.int16(), result: { producerId: r.int64(), epoch: r.int16() } }),
      )
    );
    const owner = () => new WireWriter().string(transactionalId).int64(producerId).int16(epoch);
    await retried(() =>
      ask(
        ApiKey.addPartitionsToTxn,
        owner().array([topic], (w, name) => w.string(name).array([0], (w, p) => w.int32(p))),
        (r) => {
          const [partitions] = r.array((r) => {
            r.string();
            return r.array((r) => [r.int32(), r.int16()] as const);
          });
          return { error: partitions![0]![1], result: null };
        },
      )
    );
    await retried(() =>
      ask(ApiKey.endTxn, owner().int8(0), (r) => ({ error: r.int16(), result: null }))
    );
    // The answer comes before the marker is written.
    const reader = newReader();
    let sets: Uint8Array[] = [];
    while (sets.length === 0) sets = await fetchRecordSets(broker.bootstrap, topic);
    reader.reset(sets[0]!);
    assert(reader.nextBatch());
    assertEquals(
      [reader.isControl, reader.isTransactional, reader.undecodable],
      [true, true, null],
    );
    assertEquals([reader.producerId, reader.producerEpoch], [producerId, epoch]);
    assert(reader.nextRecord());
    assertEquals(reader.controlType(), 0);
    assertEquals(await kcatConsume(broker.bootstrap, topic), []);
  },
);
