import { ByteWriter } from "./byte_writer.ts";
import { invariant } from "./invariant.ts";
import type { InputPosition } from "./position.ts";
import { readInputPositions, writeInputPositions } from "./position.ts";
import {
  ACCOUNT_BYTES_MAX,
  DEVICE_BYTES_MAX,
  ID_ABSENT,
  ID_DIGITS,
  ID_KIND_MASK,
  ID_LONG,
  SESSION_BYTES_MAX,
} from "./id_codec.ts";
import {
  ACCOUNT_WORD,
  DEVICE_WORD,
  KINDS_WORD,
  ROW_BYTES,
  ROW_WORDS,
  SESSION_WORD,
} from "./row_format.ts";
import type { SessionRows } from "./session_rows.ts";
import { VarintReader } from "./varint.ts";

/**
 * What a checkpoint of a shard says of itself. The rows are in its chunks.
 *
 * A checkpoint may be fuzzy: its rows were copied over many turns, from the acknowledged output
 * offset `logFrom` on. The records from there to the end of the log, applied over it as facts, make
 * it exact. It is worth nothing unless all that was built while it was copied is in the log.
 */
export interface CheckpointManifest {
  /** Of the format, from 1 to `CHECKPOINT_VERSION`. */
  readonly version: number;
  readonly shard: number;
  readonly shards: number;
  readonly heartbeatIntervalMs: number;
  /** The shard's clock at the last copy. */
  readonly clockMs: number;
  /** O0: the next output offset, as acknowledged at the first copy. */
  readonly logFrom: number;
  /** O1: the output offset after everything that was built up to the last copy. */
  readonly logTo: number;
  /** The last data batch before `logFrom`: its number and its writer. -1 where there was none. */
  readonly batchNumber: number;
  readonly producerId: number;
  readonly epoch: number;
  /**
   * Whether nothing was under way from the first copy to the last: then the state is exactly that
   * at `inputs`, also where no batch tells so.
   */
  readonly isExact: boolean;
  /** The state hash of an exact checkpoint. */
  readonly stateHash: string;
  readonly rows: number;
  /** How many of the newest early ends no header of the log has. */
  readonly earlyEndsUnwritten: number;
  /** Next offset per input partition. */
  readonly inputs: readonly InputPosition[];
}

/** The version that is written; all from 1 to it are read. In 1 rows have no age. */
export const CHECKPOINT_VERSION = 2;

export function encodeManifest(manifest: CheckpointManifest): Uint8Array {
  const writer = new ByteWriter(256);
  writer.writeByte(manifest.version);
  writer.writeVarint(manifest.shard);
  writer.writeVarint(manifest.shards);
  writer.writeVarint(manifest.heartbeatIntervalMs);
  writer.writeVarint(manifest.clockMs);
  writer.writeVarint(manifest.logFrom);
  writer.writeVarint(manifest.logTo);
  writer.writeVarint(manifest.batchNumber);
  writer.writeVarint(manifest.producerId);
  writer.writeVarint(manifest.epoch);
  writer.writeByte(manifest.isExact ? 1 : 0);
  writer.writeText(manifest.stateHash);
  writer.writeVarint(manifest.rows);
  writer.writeVarint(manifest.earlyEndsUnwritten);
  writeInputPositions(writer, manifest.inputs);
  return writer.view().slice();
}

/** @throws CheckpointError when the bytes are no manifest, or one of a newer program. */
export function decodeManifest(bytes: Uint8Array): CheckpointManifest {
  const version = bytes[0];
  if (version === undefined || version === 0 || version > CHECKPOINT_VERSION) {
    throw new CheckpointError(
      `its format version is ${version}, this program knows 1 to ${CHECKPOINT_VERSION}`,
    );
  }
  const reader = new VarintReader();
  reader.reset(bytes, 1, bytes.length);
  const head = {
    version,
    shard: reader.read(),
    shards: reader.read(),
    heartbeatIntervalMs: reader.read(),
    clockMs: reader.read(),
    logFrom: reader.read(),
    logTo: reader.read(),
    batchNumber: reader.read(),
    producerId: reader.read(),
    epoch: reader.read(),
  };
  const isExact = bytes[reader.position++] === 1;
  const hashLength = reader.read();
  const hashFrom = reader.position;
  const stateHash = new TextDecoder().decode(bytes.subarray(hashFrom, hashFrom + hashLength));
  reader.position = hashFrom + hashLength;
  const rows = reader.read();
  const earlyEndsUnwritten = reader.read();
  const inputs = reader.failed ? null : readInputPositions(bytes, reader.position);
  if (reader.failed || inputs === null) throw new CheckpointError("its manifest is damaged");
  return { ...head, isExact, stateHash, rows, earlyEndsUnwritten, inputs };
}

/** Not a checkpoint that can be used: restore without it. The message says why, as a clause. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

/**
 * Packs rows into chunks: the number of rows, the rows as they are in memory (little endian), and
 * behind them the bytes of their long ids.
 */
export class CheckpointChunkWriter {
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  readonly #words: Int32Array;
  readonly #tail = new ByteWriter(1024);
  #count = 0;

  constructor(chunkBytesMax: number) {
    this.#bytesMax = chunkBytesMax;
    this.#rowsMax = Math.floor((chunkBytesMax - HEAD_BYTES) / ROW_BYTES);
    this.#words = new Int32Array(this.#rowsMax * ROW_WORDS);
  }

  get count(): number {
    return this.#count;
  }

  /** Whether another row, with the longest ids there are, fits. */
  hasRoom(): boolean {
    return this.#count < this.#rowsMax &&
      HEAD_BYTES + (this.#count + 1) * ROW_BYTES + this.#tail.length + LONG_IDS_BYTES_MAX <=
        this.#bytesMax;
  }

  add(rows: SessionRows, row: number): void {
    rows.exportRow(row, this.#words, this.#count * ROW_WORDS, this.#tail);
    this.#count++;
  }

  /** The chunk, which belongs to the caller; the writer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    const rowBytes = this.#count * ROW_BYTES;
    const chunk = new Uint8Array(HEAD_BYTES + rowBytes + this.#tail.length);
    new Int32Array(chunk.buffer, 0, 1)[0] = this.#count;
    chunk.set(new Uint8Array(this.#words.buffer, 0, rowBytes), HEAD_BYTES);
    chunk.set(this.#tail.view(), HEAD_BYTES + rowBytes);
    this.#count = 0;
    this.#tail.clear();
    return chunk;
  }
}

/**
 * Calls `visit` for each row of a chunk, imported into `rows`.
 *
 * The store has checked the bytes; what is checked here is what would break the table: the number
 * of rows, and the kinds and places of their ids.
 *
 * @throws CheckpointError some rows may have been visited by then.
 */
export function readChunk(
  chunk: Uint8Array,
  rows: SessionRows,
  visit: (row: number) => void,
): void {
  // The store may hand out a view at any place: words need a place of their own.
  const aligned = chunk.byteOffset % 4 === 0 ? chunk : chunk.slice();
  const count = aligned.length < HEAD_BYTES
    ? -1
    : new Int32Array(aligned.buffer, aligned.byteOffset, 1)[0]!;
  const rowsEnd = HEAD_BYTES + count * ROW_BYTES;
  if (count < 0 || rowsEnd > aligned.length) throw new CheckpointError("a chunk is damaged");
  const words = new Int32Array(aligned.buffer, aligned.byteOffset + HEAD_BYTES, count * ROW_WORDS);
  const tail = aligned.subarray(rowsEnd);
  for (let i = 0; i < count; i++) {
    const at = i * ROW_WORDS;
    const kinds = words[at + KINDS_WORD]!;
    checkId((kinds >>> 8) & ID_KIND_MASK, words, at + DEVICE_WORD, tail.length, DEVICE_BYTES_MAX);
    checkId(
      (kinds >>> 16) & ID_KIND_MASK,
      words,
      at + SESSION_WORD,
      tail.length,
      SESSION_BYTES_MAX,
    );
    checkId(
      (kinds >>> 24) & ID_KIND_MASK,
      words,
      at + ACCOUNT_WORD,
      tail.length,
      ACCOUNT_BYTES_MAX,
    );
    visit(rows.importRow(words, at, tail));
  }
}

function checkId(
  form: number,
  words: Int32Array,
  at: number,
  tailLength: number,
  bytesMax: number,
): void {
  let isWhole = form <= ID_ABSENT || (form >= ID_DIGITS && form < ID_DIGITS + 16);
  if (form === ID_LONG) {
    const from = words[at]!;
    const length = words[at + 1]!;
    isWhole = from >= 0 && length > 0 && length <= bytesMax && from + length <= tailLength;
  }
  if (!isWhole) throw new CheckpointError("a chunk has an id that cannot be");
}

/** The number of rows, and room so that rows begin at a multiple of eight. */
const HEAD_BYTES = 8;
const LONG_IDS_BYTES_MAX = DEVICE_BYTES_MAX + SESSION_BYTES_MAX + ACCOUNT_BYTES_MAX;

// A checkpoint holds rows as they are in memory; every machine that Deno runs on agrees.
invariant(
  new Uint8Array(new Int32Array([1]).buffer)[0] === 1,
  "numbers are little endian in memory",
);
