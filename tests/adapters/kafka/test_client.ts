/** Clients and listeners for the tests of the Kafka adapters. */

import { SystemClock } from "../../../lib/adapters/system/clock.ts";
import { KafkaClient, type KafkaClientOptions } from "../../../lib/adapters/kafka/kafka_client.ts";
import type { KafkaLogLevel } from "../../../lib/adapters/kafka/kafka_log.ts";
import { encodeRecordBatch } from "../../../lib/core/record_batch_encoder.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";
import type {
  OutputLog,
  ProduceBatch,
  ProduceResult,
  ShardOwnership,
} from "../../../lib/ports/output_log.ts";
import type { FetchedRecords, SourceError, SourceListener } from "../../../lib/ports/source.ts";

export interface LogLine {
  readonly level: KafkaLogLevel;
  readonly message: string;
}

export interface TestClient {
  readonly client: KafkaClient;
  readonly lines: LogLine[];
  /** What `onReachable` was called with. */
  readonly reachable: boolean[];
}

/** A client on the real clock; its log lines are kept. The caller closes it. */
export function testClient(
  brokers: string,
  options: Partial<KafkaClientOptions> = {},
): TestClient {
  const lines: LogLine[] = [];
  const reachable: boolean[] = [];
  const client = new KafkaClient({
    clientId: "sessionwheel-test",
    brokers: [brokers],
    clock: new SystemClock(),
    log: (level, message) => lines.push({ level, message }),
    onReachable: (state) => reachable.push(state),
    ...options,
  });
  return { client, lines, reachable };
}

/** Runs with a client that is closed whatever happens. */
export async function withClient(
  brokers: string,
  run: (test: TestClient) => Promise<void>,
  options: Partial<KafkaClientOptions> = {},
): Promise<void> {
  const test = testClient(brokers, options);
  try {
    await run(test);
  } finally {
    test.client.close();
  }
}

/** Waits until the condition holds, looked at every few milliseconds. */
export async function until(
  condition: () => boolean,
  what: string,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`);
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}

/** Keeps everything a source tells. */
export class CollectingListener implements SourceListener {
  readonly fetched: FetchedRecords[] = [];
  readonly states: (readonly [partition: number, reachable: boolean])[] = [];
  readonly errors: SourceError[] = [];

  onFetch(fetched: FetchedRecords): void {
    this.fetched.push(fetched);
  }

  onPartitionState(partition: number, reachable: boolean): void {
    this.states.push([partition, reachable]);
  }

  onError(error: SourceError): void {
    this.errors.push(error);
  }

  /** Values of the records of a partition, from the offsets asked for on. */
  values(partition: number): string[] {
    return this.fetched.filter((it) => it.partition === partition)
      .flatMap(({ records, fetchOffset }) => valuesOf(records, fetchOffset));
  }

  get recordCount(): number {
    const partitions = new Set(this.fetched.map(({ partition }) => partition));
    return [...partitions].reduce((sum, partition) => sum + this.values(partition).length, 0);
  }
}

/** Values of the data records in a record set, from an offset on. */
export function valuesOf(records: Uint8Array, fromOffset = 0): string[] {
  const reader = new RecordBatchReader({
    decompress: () => {
      throw new Error("Compressed batches are not for this test");
    },
    decompressedBytesMax: 0,
  });
  reader.reset(records);
  const values: string[] = [];
  while (reader.nextBatch()) {
    if (reader.undecodable !== null) throw new Error(`Undecodable: ${reader.undecodable}`);
    while (reader.nextRecord()) {
      if (reader.isControl || reader.offset < fromOffset) continue;
      values.push(
        new TextDecoder().decode(reader.bytes.subarray(reader.valueFrom, reader.valueTo)),
      );
    }
  }
  return values;
}

/** Writes a shard as its owner would, with sequences of its own. */
export class ShardWriter {
  readonly shard: number;
  readonly owner: ShardOwnership;
  #sequence = 0;

  constructor(shard: number, owner: ShardOwnership) {
    this.shard = shard;
    this.owner = owner;
  }

  batch(...values: readonly string[]): ProduceBatch {
    const bytes = encodeRecordBatch({
      baseOffset: 0,
      producerId: this.owner.producerId,
      epoch: this.owner.epoch,
      baseSequence: this.#sequence,
      records: values.map((value) => ({
        timestampMs: 1_761_955_605_000,
        key: new TextEncoder().encode("device"),
        value: new TextEncoder().encode(value),
        headers: [],
      })),
    });
    this.#sequence += values.length;
    return { shard: this.shard, bytes };
  }
}

/** The results of one call of `produce`, in the order they came. */
export async function produceAll(
  log: OutputLog,
  batches: readonly ProduceBatch[],
): Promise<(readonly [shard: number, result: ProduceResult])[]> {
  return await new Promise((resolve) => {
    const results: (readonly [number, ProduceResult])[] = [];
    log.produce(batches, (shard, result) => {
      results.push([shard, result]);
      if (results.length === batches.length) resolve(results);
    });
  });
}

/** Sends the same bytes again until the result is none that asks for it. */
export async function produceUntilDecided(
  log: OutputLog,
  batch: ProduceBatch,
): Promise<ProduceResult> {
  for (;;) {
    const [[, result]] = await produceAll(log, [batch]) as [[number, ProduceResult]];
    if (result.kind !== "retriable") return result;
  }
}

/** Everything between two offsets of a shard. */
export async function readValues(
  log: OutputLog,
  shard: number,
  from: number,
  to: number,
): Promise<string[]> {
  const values: string[] = [];
  for await (const chunk of log.read(shard, from, to)) values.push(...valuesOf(chunk, from));
  return values;
}
