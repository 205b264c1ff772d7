import { OutputLogError } from "../../ports/output_log.ts";
import { KAFKA_ERROR } from "./error_codes.ts";
import { fetchPartition } from "./fetch_request.ts";
import type { KafkaClient } from "./kafka_client.ts";
import { refusal } from "./kafka_fault.ts";
import { listOffsets } from "./partition_offsets.ts";
import * as recordSet from "./record_set.ts";
import { untilAnswered } from "./until_answered.ts";

/** Reads partitions of one topic from offset to offset, in large fetches, for restoring. */
export class LogReader {
  readonly #client: KafkaClient;
  readonly #topic: string;

  constructor(client: KafkaClient, topic: string) {
    this.#client = client;
    this.#topic = topic;
  }

  /**
   * Whole batches from the one that holds `from` up to `to`; the next fetch is under way while the
   * caller works on a chunk.
   * @throws OutputLogError when the offsets are not kept any more
   */
  async *read(partition: number, from: number, to: number): AsyncGenerator<Uint8Array> {
    if (from >= to) return;
    let offset = from;
    let next = this.#fetch(partition, offset, READ_BYTES_MAX);
    while (offset < to) {
      const { records, nextOffset } = await next;
      if (nextOffset <= offset) {
        // A new leader may not have everything yet.
        await this.#client.pause(EMPTY_PAUSE_MS);
        next = this.#fetch(partition, offset, READ_BYTES_MAX);
        continue;
      }
      offset = nextOffset;
      if (offset < to) {
        next = this.#fetch(partition, offset, READ_BYTES_MAX);
        // A caller that stops early never awaits it.
        next.catch(() => {});
      }
      const chunk = before(records, to);
      if (chunk.length > 0) yield chunk;
    }
  }

  /**
   * The last data batch below `end`, found by looking back in steps that grow eightfold: markers at
   * the end of the log are few, and a fetch from inside a batch returns it whole.
   */
  async readTail(partition: number, end: number): Promise<Uint8Array | null> {
    const [logStart] = await listOffsets(
      this.#client,
      [{ topic: this.#topic, partition }],
      "log_start",
    );
    let searchedFrom = end;
    for (let step = 1; searchedFrom > logStart!; step *= TAIL_STEP_GROWTH) {
      const from = Math.max(logStart!, end - step);
      const found = await this.#lastDataBatch(partition, from, searchedFrom);
      if (found !== null) return found;
      searchedFrom = from;
    }
    return null;
  }

  async #lastDataBatch(partition: number, from: number, to: number): Promise<Uint8Array | null> {
    let found: Uint8Array | null = null;
    let offset = from;
    while (offset < to) {
      const { records, nextOffset } = await this.#fetch(partition, offset, TAIL_BYTES_MAX);
      if (nextOffset <= offset) {
        await this.#client.pause(EMPTY_PAUSE_MS);
        continue;
      }
      offset = nextOffset;
      const view = recordSet.viewOf(records);
      for (let at = 0; at < records.length;) {
        const bytes = recordSet.batchBytes(view, at);
        if (recordSet.baseOffset(view, at) >= to) break;
        if (!recordSet.isControlBatch(view, at)) found = records.subarray(at, at + bytes);
        at += bytes;
      }
    }
    // A copy, so that a tail of a few hundred bytes does not hold a fetch of a megabyte.
    return found?.slice() ?? null;
  }

  /** One answer's whole batches; none of them where the leader has none yet. */
  async #fetch(partition: number, offset: number, bytesMax: number): Promise<FetchedChunk> {
    const what = `Cannot read ${this.#topic}-${partition} from offset ${offset}`;
    return await untilAnswered(this.#client, what, async () => {
      const nodeId = this.#client.leaderOf(this.#topic, partition);
      if (nodeId === -1) throw refusal(what, KAFKA_ERROR.leaderNotAvailable);
      const fetched = await fetchPartition(
        this.#client,
        { nodeId, lane: `restore${partition % LANES}` },
        {
          waitMs: FETCH_WAIT_MS,
          bytesMin: 1,
          bytesMax,
          isolation: "read_uncommitted",
          position: { topic: this.#topic, partition, offset, bytesMax },
        },
      );
      if (fetched.errorCode === KAFKA_ERROR.offsetOutOfRange) {
        throw new OutputLogError(
          `${what}: the partition begins at offset ${fetched.logStart} and ends at ` +
            `${fetched.highWatermark}`,
          { code: "other", retryable: false },
        );
      }
      if (fetched.errorCode !== 0) throw refusal(what, fetched.errorCode);
      return fetched;
    });
  }
}

interface FetchedChunk {
  readonly records: Uint8Array;
  readonly nextOffset: number;
}

/** The batches that begin below `to`. */
function before(records: Uint8Array, to: number): Uint8Array {
  const view = recordSet.viewOf(records);
  let at = 0;
  while (at < records.length && recordSet.baseOffset(view, at) < to) {
    at += recordSet.batchBytes(view, at);
  }
  return records.subarray(0, at);
}

const LANES = 2;
const READ_BYTES_MAX = 4 * 1024 * 1024;
const TAIL_BYTES_MAX = 1024 * 1024;
const TAIL_STEP_GROWTH = 8;
const FETCH_WAIT_MS = 100;
const EMPTY_PAUSE_MS = 20;
