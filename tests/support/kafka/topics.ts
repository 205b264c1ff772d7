/** Topics of a test broker: make, delete, look at, and their record sets as bytes. */

import { pause } from "./broker_process.ts";
import { ApiKey, WireClient } from "./wire_client.ts";
import { type WireReader, WireWriter } from "./wire_bytes.ts";

export interface TopicOptions {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

let topicNumber = 0;

/** A name that no other test uses, also not on a shared broker. */
export function uniqueTopic(prefix = "topic"): string {
  return `${prefix}-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}-${++topicNumber}`;
}

/** Creates the topic and waits until every partition takes writes. */
export async function createTopic(
  bootstrap: string,
  topic: string,
  options: TopicOptions = {},
): Promise<void> {
  const { partitions = 1, config = {} } = options;
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter()
    .array([topic], (w, name) =>
      w.string(name).int32(partitions).int16(1).int32(0).array(
        Object.entries(config),
        (w, [key, value]) => w.string(key).string(value),
      ))
    .int32(30_000)
    .int8(0)
    .done();
  const response = await client.request(ApiKey.createTopics, 2, body);
  response.int32(); // throttle time
  response.array((r) => {
    const name = r.string();
    const error = r.int16();
    const message = r.string();
    if (error !== 0) throw new Error(`Cannot create topic ${name}: error ${error}, ${message}`);
  });
  // For a moment after the answer partitions still refuse with NOT_LEADER (6) or do not know
  // themselves (3).
  for (let waitedMs = 0;; waitedMs += 20) {
    const errors = (await listOffsets(client, topic, partitions, -1)).map(({ error }) => error);
    if (errors.every((error) => error === 0)) return;
    if (waitedMs > 15_000) throw new Error(`Topic ${topic} is not ready: errors ${errors}`);
    await pause(20);
  }
}

export async function deleteTopic(bootstrap: string, topic: string): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter().array([topic], (w, name) => w.string(name)).int32(30_000).done();
  const response = await client.request(ApiKey.deleteTopics, 1, body);
  response.int32(); // throttle time
  response.array((r) => {
    const name = r.string();
    const error = r.int16();
    if (error !== 0) throw new Error(`Cannot delete topic ${name}: error ${error}`);
  });
}

/** The next offset of each partition. */
export async function topicEnds(
  bootstrap: string,
  topic: string,
  partitions: number,
): Promise<number[]> {
  await using client = await WireClient.connect(bootstrap);
  return (await listOffsets(client, topic, partitions, -1)).map(({ offset, error }) => {
    if (error !== 0) throw new Error(`Cannot list offsets of ${topic}: error ${error}`);
    return offset;
  });
}

/**
 * Fetches record sets until the end of the partition: each as the broker sends it, batches whole
 * or, at its end, cut off.
 * @param fetchBytesMax of one answer; the first batch comes whole even when larger
 */
export async function fetchRecordSets(
  bootstrap: string,
  topic: string,
  options: {
    readonly partition?: number;
    readonly from?: number;
    readonly fetchBytesMax?: number;
  } = {},
): Promise<Uint8Array[]> {
  const { partition = 0, fetchBytesMax = 1 << 20 } = options;
  await using client = await WireClient.connect(bootstrap);
  const sets: Uint8Array[] = [];
  let offset = options.from ?? 0;
  for (;;) {
    const fetched = await fetchOnce(client, topic, partition, offset, fetchBytesMax);
    const next = offsetAfter(fetched.records, offset);
    if (next === offset) {
      if (offset >= fetched.highWatermark) return sets;
      throw new Error(`Fetch of ${topic}-${partition} does not go on from ${offset}`);
    }
    sets.push(fetched.records);
    offset = next;
  }
}

/**
 * Produces one encoded record batch, acknowledged by all.
 * @returns the broker's error code (0: none) and the base offset
 */
export async function produceBatch(
  bootstrap: string,
  topic: string,
  batch: Uint8Array,
  options: { readonly partition?: number } = {},
): Promise<{ readonly error: number; readonly baseOffset: number }> {
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter().string(null).int16(-1).int32(30_000)
    .array([topic], (w, name) =>
      w.string(name).array(
        [options.partition ?? 0],
        (w, partition) => w.int32(partition).bytes(batch),
      ))
    .done();
  const response = await client.request(ApiKey.produce, 7, body);
  const [answer] = response.array((r) => {
    r.string();
    return r.array((r) => {
      r.int32(); // partition
      const result = { error: r.int16(), baseOffset: r.int64() };
      r.int64(); // log append time
      r.int64(); // log start
      return result;
    })[0]!;
  });
  return answer!;
}

async function listOffsets(
  client: WireClient,
  topic: string,
  partitions: number,
  timestamp: number,
): Promise<{ readonly offset: number; readonly error: number }[]> {
  const body = new WireWriter().int32(-1).array([topic], (w, name) =>
    w.string(name).array(
      Array.from({ length: partitions }, (_, i) => i),
      (w, partition) => w.int32(partition).int64(timestamp),
    )).done();
  const response = await client.request(ApiKey.listOffsets, 1, body);
  const [found] = response.array((r) => {
    r.string();
    return r.array((r) => {
      const partition = r.int32();
      const error = r.int16();
      r.int64(); // timestamp
      return { partition, error, offset: r.int64() };
    });
  });
  return found!.sort((a, b) => a.partition - b.partition);
}

async function fetchOnce(
  client: WireClient,
  topic: string,
  partition: number,
  offset: number,
  bytesMax: number,
): Promise<{ readonly records: Uint8Array; readonly highWatermark: number }> {
  // replica, wait, bytes min, bytes max, read uncommitted, no session
  const body = new WireWriter().int32(-1).int32(100).int32(1).int32(bytesMax).int8(0).int32(0)
    .int32(-1)
    .array([topic], (w, name) =>
      w.string(name).array([partition], (w, index) =>
        // leader epoch unknown, log start unknown
        w.int32(index).int32(-1).int64(offset).int64(-1).int32(bytesMax)))
    .int32(0) // forgotten topics
    .string("") // rack
    .done();
  const response = await client.request(ApiKey.fetch, 11, body);
  response.int32(); // throttle time
  const error = response.int16();
  if (error !== 0) throw new Error(`Cannot fetch ${topic}-${partition}: error ${error}`);
  response.int32(); // session
  const [answer] = response.array((r) => {
    r.string();
    return r.array(readFetchedPartition)[0]!;
  });
  if (answer!.error !== 0) {
    throw new Error(`Cannot fetch ${topic}-${partition} from ${offset}: error ${answer!.error}`);
  }
  return answer!;
}

function readFetchedPartition(
  r: WireReader,
): { readonly error: number; readonly highWatermark: number; readonly records: Uint8Array } {
  r.int32(); // partition
  const error = r.int16();
  const highWatermark = r.int64();
  r.int64(); // last stable offset
  r.int64(); // log start
  r.array((r) => r.raw(16)); // aborted transactions
  r.int32(); // preferred replica
  return { error, highWatermark, records: r.bytesOrNull() ?? new Uint8Array(0) };
}

/** The offset after the last whole batch of a record set; `offset` when there is none. */
function offsetAfter(records: Uint8Array, offset: number): number {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let next = offset;
  for (let at = 0; at + 61 <= records.length;) {
    const size = 12 + view.getInt32(at + 8);
    if (at + size > records.length) break;
    next = Number(view.getBigInt64(at)) + view.getInt32(at + 23) + 1;
    at += size;
  }
  return next;
}
