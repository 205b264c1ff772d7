import { ByteWriter } from "./byte_writer.ts";
import { VarintReader } from "./varint.ts";

/**
 * The value of the header `sw-position`, which the last record of every batch carries: what this
 * output partition holds, as of this batch. A batch is appended whole or not at all, so the output
 * and its position cannot disagree.
 *
 * Bytes, all numbers as zigzag varints but the first: version (a byte), layout (text), producer id,
 * epoch, batch number, S, H, M, G, T, R, from version 2 on the number of active sessions; the number
 * of ends in the batch and for each `T − clock`; the number of early ends and those; then the inputs,
 * which all shards of a round share: number of topics, and for each its name, its number of
 * partitions, and per partition number and offset.
 */
export interface Position {
  /** Name of the record layout of the batch. */
  readonly layout: string;
  /** The writer, so that a reader can see an epoch going backwards. */
  readonly producerId: number;
  readonly epoch: number;
  /** Running number of the shard's batches. */
  readonly batchNumber: number;
  /** S: partitions of the output. */
  readonly shards: number;
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
  readonly graceMs: number;
  /** T: the shard's clock when the batch was closed. */
  readonly clockMs: number;
  /**
   * R: an offset of this partition at or after which every active session, every remembered end
   * and every unexpired early end has a record or a header.
   */
  readonly restoreOffset: number;
  /**
   * Sessions that are active after this batch: who finds fewer in the log knows that it is not whole.
   * -1 in version 1, which does not tell.
   */
  readonly activeSessions: number;
  /** For each end in the batch, in order, the shard's clock when it was applied. */
  readonly endClocksMs: readonly number[];
  /** Ends without a start, since the previous batch. */
  readonly earlyEnds: readonly EarlyEnd[];
  /** The next offset that this shard will apply, of each input partition. */
  readonly inputs: readonly InputPosition[];
}

export interface EarlyEnd {
  readonly deviceId: Uint8Array;
  readonly sessionId: Uint8Array;
  /** Whether the session id came as a JSON integer. */
  readonly sessionIdIsInteger: boolean;
  /** `sourceTimestamp` of the end, epoch milliseconds. */
  readonly atMs: number;
  /** NaN when the device reported none. */
  readonly reportedDurationMs: number;
  /** The shard's clock when it was remembered. */
  readonly clockMs: number;
}

export interface InputPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What a position says of its own shard. */
export type ShardPosition = Omit<Position, "inputs">;

/** The version that is written; all from 1 to it are read. */
export const POSITION_VERSION = 2;

/** What of a position differs from shard to shard, in the order in which it is written. */
export interface PositionHead extends Omit<Position, "earlyEnds" | "inputs"> {
  readonly earlyEndCount: number;
}

/** Writes everything up to the early ends, which follow one by one, and then the inputs. */
export function writePositionHead(writer: ByteWriter, head: PositionHead): void {
  writer.writeByte(POSITION_VERSION);
  writer.writeText(head.layout);
  writer.writeVarint(head.producerId);
  writer.writeVarint(head.epoch);
  writer.writeVarint(head.batchNumber);
  writer.writeVarint(head.shards);
  writer.writeVarint(head.heartbeatIntervalMs);
  writer.writeVarint(head.maxDurationMs);
  writer.writeVarint(head.graceMs);
  writer.writeVarint(head.clockMs);
  writer.writeVarint(head.restoreOffset);
  writer.writeVarint(head.activeSessions);
  writer.writeVarint(head.endClocksMs.length);
  for (const clockMs of head.endClocksMs) writer.writeVarint(head.clockMs - clockMs);
  writer.writeVarint(head.earlyEndCount);
}

export function writeEarlyEnd(writer: ByteWriter, end: EarlyEnd): void {
  writer.writeBytes(end.deviceId);
  writer.writeBytes(end.sessionId);
  writer.writeByte(end.sessionIdIsInteger ? 1 : 0);
  writer.writeVarint(end.atMs);
  writer.writeVarint(end.reportedDurationMs >= 0 ? end.reportedDurationMs + 1 : 0);
  writer.writeVarint(end.clockMs);
}

/** Writes the inputs, `inputs` being grouped by topic. */
export function writeInputPositions(
  writer: ByteWriter,
  inputs: readonly InputPosition[],
): void {
  const topics = new Map<string, InputPosition[]>();
  for (const input of inputs) {
    const ofTopic = topics.get(input.topic);
    if (ofTopic === undefined) topics.set(input.topic, [input]);
    else ofTopic.push(input);
  }
  writer.writeVarint(topics.size);
  for (const [topic, ofTopic] of topics) {
    writer.writeText(topic);
    writer.writeVarint(ofTopic.length);
    for (const input of ofTopic) {
      writer.writeVarint(input.partition);
      writer.writeVarint(input.offset);
    }
  }
}

/** Reads what `writeInputPositions` wrote, from `from` to the end; null when it is something else. */
export function readInputPositions(bytes: Uint8Array, from: number): InputPosition[] | null {
  try {
    const reader = new PositionReader(bytes, from, POSITION_VERSION);
    const inputs = reader.inputs();
    reader.finish();
    return inputs;
  } catch (error) {
    if (error instanceof PositionError) return null;
    throw error;
  }
}

/**
 * Reads a position.
 *
 * @throws PositionError `newer_version` when a newer program wrote it, `damaged` otherwise.
 */
export function readPosition(bytes: Uint8Array): Position {
  const reader = openPosition(bytes);
  const ofShard = reader.ofShard();
  const inputs = reader.inputs();
  reader.finish();
  return { ...ofShard, inputs };
}

/**
 * Reads a position up to its inputs, which are the greater part and of which only those of a log's
 * last batch count.
 *
 * @throws PositionError
 */
export function readShardPosition(bytes: Uint8Array): ShardPosition {
  return openPosition(bytes).ofShard();
}

function openPosition(bytes: Uint8Array): PositionReader {
  const version = bytes[0];
  if (version === undefined || version === 0) {
    throw new PositionError("Cannot read position: it has no version", "damaged");
  }
  if (version > POSITION_VERSION) {
    throw new PositionError(
      `Cannot read position: its version is ${version}, this program knows ${POSITION_VERSION}` +
        " and older; run the newer program, or move to a new output topic",
      "newer_version",
    );
  }
  return new PositionReader(bytes, 1, version);
}

export class PositionError extends Error {
  override readonly name = "PositionError";
  readonly code: "damaged" | "newer_version";

  constructor(message: string, code: PositionError["code"]) {
    super(message);
    this.code = code;
  }
}

class PositionReader {
  readonly #bytes: Uint8Array;
  readonly #version: number;
  readonly #varints = new VarintReader();

  constructor(bytes: Uint8Array, from: number, version: number) {
    this.#bytes = bytes;
    this.#version = version;
    this.#varints.reset(bytes, from, bytes.length);
  }

  ofShard(): ShardPosition {
    const layout = this.text();
    const producerId = this.number();
    const epoch = this.number();
    const batchNumber = this.number();
    const shards = this.number();
    const heartbeatIntervalMs = this.number();
    const maxDurationMs = this.number();
    const graceMs = this.number();
    const clockMs = this.number();
    const restoreOffset = this.number();
    const activeSessions = this.#version >= 2 ? this.number() : -1;
    const endClocksMs = this.list(() => clockMs - this.number());
    const earlyEnds = this.list(() => this.earlyEnd());
    return {
      layout,
      producerId,
      epoch,
      batchNumber,
      shards,
      heartbeatIntervalMs,
      maxDurationMs,
      graceMs,
      clockMs,
      restoreOffset,
      activeSessions,
      endClocksMs,
      earlyEnds,
    };
  }

  number(): number {
    const value = this.#varints.read();
    if (this.#varints.failed) this.#fail();
    return value;
  }

  bytes(): Uint8Array {
    const length = this.number();
    const from = this.#varints.position;
    if (length < 0 || from + length > this.#bytes.length) this.#fail();
    this.#varints.position = from + length;
    return this.#bytes.slice(from, from + length);
  }

  text(): string {
    return utf8.decode(this.bytes());
  }

  list<T>(read: () => T): T[] {
    const count = this.number();
    // Every item takes a byte at least, so a lying count cannot make this run away.
    if (count < 0 || count > this.#bytes.length) this.#fail();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }

  earlyEnd(): EarlyEnd {
    const deviceId = this.bytes();
    const sessionId = this.bytes();
    const form = this.#bytes[this.#varints.position++];
    if (form !== 0 && form !== 1) this.#fail();
    const atMs = this.number();
    const reported = this.number();
    return {
      deviceId,
      sessionId,
      sessionIdIsInteger: form === 1,
      atMs,
      reportedDurationMs: reported === 0 ? NaN : reported - 1,
      clockMs: this.number(),
    };
  }

  inputs(): InputPosition[] {
    return this.list(() => {
      const topic = this.text();
      return this.list(() => ({ topic, partition: this.number(), offset: this.number() }));
    }).flat();
  }

  finish(): void {
    if (this.#varints.position !== this.#bytes.length) this.#fail();
  }

  #fail(): never {
    throw new PositionError(
      `Cannot read position: damaged at byte ${this.#varints.position} of ${this.#bytes.length}`,
      "damaged",
    );
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
