import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import kafkajsRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import { RecordBatch as kafkajsRecordBatch } from "kafkajs/src/protocol/recordBatch/v0/index.js";
import { encodeRecordBatch, type RecordInput } from "../../lib/core/record_batch_encoder.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface KafkajsEncoder {
  readonly buffer: Uint8Array;
}

async function encodeByKafkajs(input: Parameters<typeof encodeRecordBatch>[0]): Promise<number[]> {
  const baseTimestampMs = input.records[0]!.timestampMs;
  const records = input.records.map((record, i) =>
    kafkajsRecord(
      {
        offsetDelta: i,
        timestampDelta: record.timestampMs - baseTimestampMs,
        key: record.key && Buffer.from(record.key),
        value: record.value && Buffer.from(record.value),
        headers: Object.fromEntries(
          record.headers.map(({ key, value }) => [decoder.decode(key), Buffer.from(value!)]),
        ),
      } as unknown as Parameters<typeof kafkajsRecord>[0],
    )
  );
  const batch = await kafkajsRecordBatch(
    {
      firstOffset: input.baseOffset,
      firstTimestamp: baseTimestampMs,
      maxTimestamp: Math.max(...input.records.map(({ timestampMs }) => timestampMs)),
      lastOffsetDelta: records.length - 1,
      producerId: input.producerId,
      producerEpoch: input.epoch,
      firstSequence: input.baseSequence,
      records,
    } as unknown as Parameters<typeof kafkajsRecordBatch>[0],
  ) as unknown as KafkajsEncoder;
  return [...batch.buffer];
}

function record(timestampMs: number, key: string | null, value: string | null): RecordInput {
  return {
    timestampMs,
    key: key === null ? null : encoder.encode(key),
    value: value === null ? null : encoder.encode(value),
    headers: [],
  };
}

Deno.test("encodeRecordBatch() writes the bytes that kafkajs writes", async () => {
  const now = 1_761_955_605_123;
  const inputs: Parameters<typeof encodeRecordBatch>[0][] = [
    {
      baseOffset: 0,
      producerId: -1,
      epoch: -1,
      baseSequence: -1,
      records: [record(now, "key", "value")],
    },
    {
      baseOffset: 2 ** 40 + 17,
      producerId: 2 ** 33 + 1,
      epoch: 32_000,
      baseSequence: 2 ** 31 - 1,
      records: [
        record(now, null, "x".repeat(63)),
        record(now + 64, "", "x".repeat(64)),
        record(now - 9000, "device", null),
        record(now + 2 ** 33, "device", "x".repeat(70_000)),
        {
          ...record(now, "a", "b"),
          headers: [
            { key: encoder.encode("sw-dlq-reason"), value: encoder.encode("not_json") },
            { key: encoder.encode("größe"), value: new Uint8Array(200).fill(255) },
          ],
        },
      ],
    },
    {
      baseOffset: 5,
      producerId: 1,
      epoch: 0,
      baseSequence: 0,
      records: Array.from({ length: 300 }, (_, i) => record(now + i, `device-${i}`, `${i}`)),
    },
  ];
  for (const input of inputs) {
    assertEquals([...encodeRecordBatch(input)], await encodeByKafkajs(input));
  }
});
