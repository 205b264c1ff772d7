import { pause } from "../support/kafka/broker_process.ts";
import { ApiKey, WireClient } from "../support/kafka/wire_client.ts";
import { type WireReader, WireWriter } from "../support/kafka/wire_bytes.ts";
import { encodeBatch, type PlainRecord } from "./record_batch_bytes.ts";

/**
 * An idempotent producer of events: it sends the same bytes again until the broker has them, so
 * that the input holds each event once however often the broker dies.
 */
export class EventProducer {
  readonly #bootstrap: string;
  readonly #topic: string;
  readonly #sequences: number[];
  #client: WireClient | null = null;
  #producer: { readonly id: number; readonly epoch: number } | null = null;
  #isClosed = false;

  constructor(bootstrap: string, topic: string, partitions: number) {
    this.#bootstrap = bootstrap;
    this.#topic = topic;
    this.#sequences = new Array<number>(partitions).fill(0);
  }

  /**
   * Resolves once all is acknowledged, or the producer closed. One call at a time.
   * @param records Of each partition.
   */
  async send(records: readonly (readonly PlainRecord[])[]): Promise<void> {
    let unsent: { partition: number; batch: Uint8Array }[] | null = null;
    while (!this.#isClosed) {
      try {
        const client = await this.#connected();
        unsent ??= this.#encode(records);
        const errors = await withDeadline(client, () => this.#produce(client, unsent!));
        unsent = unsent.filter(({ partition }) => (errors.get(partition) ?? 0) !== 0);
        if (unsent.length === 0) return;
      } catch {
        this.#disconnect();
      }
      await pause(RETRY_MS);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#disconnect();
  }

  #encode(
    records: readonly (readonly PlainRecord[])[],
  ): { partition: number; batch: Uint8Array }[] {
    const { id, epoch } = this.#producer!;
    return records.flatMap((ofPartition, partition) => {
      if (ofPartition.length === 0) return [];
      const sequence = this.#sequences[partition]!;
      this.#sequences[partition] = sequence + ofPartition.length;
      return [{ partition, batch: encodeBatch(ofPartition, { id, epoch, sequence }) }];
    });
  }

  /** The broker's error code of each partition; one that has it already counts as none. */
  async #produce(
    client: WireClient,
    batches: readonly { readonly partition: number; readonly batch: Uint8Array }[],
  ): Promise<Map<number, number>> {
    const body = new WireWriter().string(null).int16(-1).int32(5000)
      .array(
        [this.#topic],
        (w, name) =>
          w.string(name).array(
            batches,
            (w, { partition, batch }) => w.int32(partition).bytes(batch),
          ),
      )
      .done();
    const response = await client.request(ApiKey.produce, 7, body);
    const errors = new Map<number, number>();
    response.array((r) => {
      r.string();
      r.array((r) => {
        const partition = r.int32();
        const error = r.int16();
        r.raw(24); // base offset, append time, log start
        if (error === OUT_OF_ORDER || error === FENCED) {
          throw new Error(`The load lost its place in partition ${partition}: error ${error}`);
        }
        errors.set(partition, error === DUPLICATE ? 0 : error);
      });
    });
    return errors;
  }

  async #connected(): Promise<WireClient> {
    this.#client ??= await WireClient.connect(this.#bootstrap);
    const client = this.#client;
    this.#producer ??= await withDeadline(client, () => initProducerId(client));
    return client;
  }

  #disconnect(): void {
    this.#client?.close();
    this.#client = null;
  }
}

async function initProducerId(
  client: WireClient,
): Promise<{ readonly id: number; readonly epoch: number }> {
  const body = new WireWriter().string(null).int32(60_000).done();
  const response: WireReader = await client.request(ApiKey.initProducerId, 1, body);
  response.int32(); // throttle time
  const error = response.int16();
  if (error !== 0) throw new Error(`No producer id: error ${error}`);
  return { id: response.int64(), epoch: response.int16() };
}

/** A broker that is stopped in its tracks answers nothing and closes nothing. */
export async function withDeadline<T>(client: WireClient, ask: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => client.close(), REQUEST_TIMEOUT_MS);
  try {
    return await ask();
  } finally {
    clearTimeout(timer);
  }
}

const OUT_OF_ORDER = 45;
const DUPLICATE = 46;
const FENCED = 47;
const RETRY_MS = 100;
const REQUEST_TIMEOUT_MS = 6000;
