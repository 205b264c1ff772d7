import type { AbortedTransaction } from "./aborted_batches.ts";
import { KAFKA_ERROR } from "./error_codes.ts";
import { KAFKA_API, requestFrame } from "./kafka_api.ts";
import type { KafkaClient, RequestTarget } from "./kafka_client.ts";
import { refusal } from "./kafka_fault.ts";
import { scanBatches } from "./record_set.ts";
import { WireReader } from "./wire_reader.ts";
import type { WireWriter } from "./wire_writer.ts";

/** One fetch, without a fetch session, of any partitions that one broker leads. */
export interface FetchRequest {
  /** How long the broker may wait for `bytesMin`. */
  readonly waitMs: number;
  readonly bytesMin: number;
  /** Of the whole answer; the first batch of the first partition comes even when larger. */
  readonly bytesMax: number;
  readonly isolation: "read_uncommitted" | "read_committed";
  readonly partitions: readonly FetchPosition[];
}

export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly bytesMax: number;
}

export interface FetchAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** End of what is decided: below it no transaction is open. */
  readonly lastStableOffset: number;
  readonly logStart: number;
  readonly aborted: readonly AbortedTransaction[];
  /** A view of the answer; the last batch may be cut off. */
  readonly records: Uint8Array;
}

/** Positions of one topic that stand next to each other share its name in the request. */
export function fetchFrame(clientId: string, request: FetchRequest): Uint8Array {
  const capacity = 128 + request.partitions.length * 64;
  return requestFrame(KAFKA_API.fetch, clientId, (writer) => writeFetch(writer, request), capacity);
}

/**
 * Fetches from one partition, whole batches only.
 * @throws KafkaFault
 */
export async function fetchPartition(
  client: KafkaClient,
  target: RequestTarget,
  request: Omit<FetchRequest, "partitions"> & { readonly position: FetchPosition },
): Promise<FetchedPartition & { readonly nextOffset: number }> {
  const { topic, partition } = request.position;
  return await client.request(target, {
    api: KAFKA_API.fetch,
    write: (writer) => writeFetch(writer, { ...request, partitions: [request.position] }),
    read: (payload) => {
      const answer = readFetch(payload);
      const fetched = answer.partitions[0];
      if (fetched === undefined) {
        const code = answer.errorCode === 0 ? KAFKA_ERROR.unknownServerError : answer.errorCode;
        throw refusal(`Cannot read ${topic}-${partition}`, code);
      }
      const { bytes, nextOffset } = scanBatches(fetched.records);
      return { ...fetched, records: fetched.records.subarray(0, bytes), nextOffset };
    },
  });
}

function writeFetch(writer: WireWriter, request: FetchRequest): void {
  writer.int32(-1).int32(request.waitMs).int32(request.bytesMin).int32(request.bytesMax);
  writer.int8(request.isolation === "read_committed" ? 1 : 0);
  writer.int32(0).int32(-1); // no session
  writer.array(runsOfTopic(request.partitions), (run) => {
    writer.string(run[0]!.topic).array(run, (position) => {
      writer.int32(position.partition).int32(-1).int64(position.offset).int64(-1);
      writer.int32(position.bytesMax);
    });
  });
  writer.int32(0).string(""); // no forgotten topics, no rack
}

/** @throws RangeError when the answer cannot be read. */
export function readFetch(payload: Uint8Array): FetchAnswer {
  const reader = new WireReader(payload);
  const throttleMs = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session
  const partitions: FetchedPartition[] = [];
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => {
      partitions.push(readPartition(reader, topic));
    });
  });
  return { throttleMs, errorCode, partitions };
}

function readPartition(reader: WireReader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStart = reader.int64();
  const aborted = reader.array(() => ({
    producerId: reader.int64(),
    firstOffset: reader.int64(),
  }));
  reader.int32(); // preferred replica
  const records = reader.bytes();
  return {
    topic,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStart,
    aborted,
    records,
  };
}

function runsOfTopic(positions: readonly FetchPosition[]): FetchPosition[][] {
  const runs: FetchPosition[][] = [];
  for (const position of positions) {
    const last = runs.at(-1);
    if (last?.[0]?.topic === position.topic) last.push(position);
    else runs.push([position]);
  }
  return runs;
}
