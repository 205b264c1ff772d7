import { pause } from "../support/kafka/broker_process.ts";
import { ApiKey, WireClient } from "../support/kafka/wire_client.ts";
import { type WireReader, WireWriter } from "../support/kafka/wire_bytes.ts";
import { withDeadline } from "./event_producer.ts";
import { decodeBatches, type ReadBatch } from "./record_batch_bytes.ts";

export interface OutputFollowerOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  /** Each batch once, in the order of its partition; `seenMs` on `performance.now()`. */
  readonly onBatch: (partition: number, batch: ReadBatch, seenMs: number) => void;
}

/**
 * Follows the output as a plain consumer does, read_uncommitted, from its beginning, in a loop of
 * Fetch requests; outages of the broker are waited out.
 */
export class OutputFollower {
  readonly #options: OutputFollowerOptions;
  readonly #offsets: number[];
  #isStopped = false;
  #running: Promise<void> | null = null;

  constructor(options: OutputFollowerOptions) {
    this.#options = options;
    this.#offsets = new Array<number>(options.partitions).fill(0);
  }

  start(): void {
    this.#running = this.#run();
    // Told by `stop`.
    this.#running.catch(() => {});
  }

  /** @throws what the reading of a batch threw. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      let client: WireClient | null = null;
      try {
        client = await WireClient.connect(this.#options.bootstrap);
        while (!this.#isStopped) this.#take(await this.#fetch(client));
      } catch (error) {
        if (error instanceof UnreadableOutputError) throw error;
        await pause(RETRY_MS);
      } finally {
        client?.close();
      }
    }
  }

  async #fetch(client: WireClient): Promise<WireReader> {
    const { topic } = this.#options;
    // Replica, wait, bytes at least, bytes at most, read uncommitted, no session.
    const body = new WireWriter().int32(-1).int32(WAIT_MS).int32(1).int32(ANSWER_BYTES).int8(0)
      .int32(0).int32(-1)
      .array(
        [topic],
        (w, name) =>
          w.string(name).array([...this.#offsets.entries()], (w, [partition, offset]) => {
            // Leader epoch and log start unknown.
            w.int32(partition).int32(-1).int64(offset).int64(-1).int32(PARTITION_BYTES);
          }),
      )
      .int32(0).string("")
      .done();
    return await withDeadline(client, () => client.request(ApiKey.fetch, 11, body));
  }

  #take(response: WireReader): void {
    const seenMs = performance.now();
    response.int32(); // throttle time
    const error = response.int16();
    if (error !== 0) throw new Error(`Cannot fetch: error ${error}`);
    response.int32(); // session
    response.array((r) => {
      r.string();
      r.array((r) => this.#takePartition(r, seenMs));
    });
  }

  #takePartition(r: WireReader, seenMs: number): void {
    const partition = r.int32();
    const error = r.int16();
    r.raw(24); // high watermark, last stable offset, log start
    r.array((r) => r.raw(16)); // aborted transactions
    r.int32(); // preferred replica
    const records = r.bytesOrNull();
    if (error === OFFSET_OUT_OF_RANGE) {
      throw new UnreadableOutputError(
        `Partition ${partition} of the output ends before ${this.#offsets[partition]}, where it ` +
          "ended once",
      );
    }
    if (error !== 0) throw new Error(`Cannot fetch partition ${partition}: error ${error}`);
    if (records === null) return;
    for (const batch of this.#decode(records)) {
      // A batch comes whole, also when the offset asked for lies within it.
      if (batch.lastOffset < this.#offsets[partition]!) continue;
      this.#offsets[partition] = batch.lastOffset + 1;
      this.#options.onBatch(partition, batch, seenMs);
    }
  }

  #decode(records: Uint8Array): ReadBatch[] {
    try {
      return decodeBatches(records);
    } catch (cause) {
      throw new UnreadableOutputError(`The output cannot be read: ${cause}`, { cause });
    }
  }
}

class UnreadableOutputError extends Error {
  override readonly name = "UnreadableOutputError";
}

const OFFSET_OUT_OF_RANGE = 1;
const WAIT_MS = 100;
const ANSWER_BYTES = 1 << 24;
const PARTITION_BYTES = 1 << 20;
const RETRY_MS = 100;
