import { readInt16, readInt32, readInt64, writeInt64 } from "../../core/big_endian.ts";
import { crc32c } from "../../core/crc32c.ts";
import * as layout from "../../core/record_batch_layout.ts";
import { ProducerStates, type SequencedBatch } from "./producer_states.ts";

export interface MemoryPartitionOptions {
  /** The largest batch that is taken. */
  readonly batchBytesMax: number;
  /** Bytes of batches that are kept; the newest batch stays in any case. */
  readonly retainedBytesMax: number;
}

export type AppendResult =
  | { readonly kind: "appended"; readonly baseOffset: number }
  | { readonly kind: "duplicate"; readonly baseOffset: number }
  | { readonly kind: "out_of_order" }
  | { readonly kind: "fenced"; readonly reason: string }
  | { readonly kind: "rejected"; readonly cause: "too_large" | "other"; readonly reason: string };

interface StoredBatch {
  readonly bytes: Uint8Array;
  readonly baseOffset: number;
  /** Offset of the last record. */
  readonly lastOffset: number;
  readonly isControl: boolean;
}

/**
 * A partition of a topic in memory: record batches of magic 2 with the offsets, the checks and the
 * idempotence of a broker. When it grows past its bound the oldest batches go, as by retention.
 */
export class MemoryPartition {
  readonly #options: MemoryPartitionOptions;
  readonly #producers = new ProducerStates();
  #batches: StoredBatch[] = [];
  #bytes = 0;
  #end = 0;

  constructor(options: MemoryPartitionOptions) {
    this.#options = options;
  }

  /** Offset of the first record that is still there. */
  get logStart(): number {
    return this.#batches[0]?.baseOffset ?? this.#end;
  }

  /** Offset of the next record. */
  get end(): number {
    return this.#end;
  }

  /** Bytes of the batches that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a copy of one record batch, with its offsets set. */
  append(batch: Uint8Array): AppendResult {
    const { batchBytesMax } = this.#options;
    if (batch.length > batchBytesMax) {
      const reason = `the batch is ${batch.length} bytes, at most ${batchBytesMax}`;
      return { kind: "rejected", cause: "too_large", reason };
    }
    const fault = faultOf(batch);
    if (fault !== null) return { kind: "rejected", cause: "other", reason: fault };
    const sequenced: SequencedBatch = {
      producerId: readInt64(batch, layout.PRODUCER_ID_AT),
      epoch: readInt16(batch, layout.PRODUCER_EPOCH_AT),
      baseSequence: readInt32(batch, layout.BASE_SEQUENCE_AT),
      recordCount: readInt32(batch, layout.LAST_OFFSET_DELTA_AT) + 1,
    };
    if (isControl(batch)) {
      this.#producers.marked(sequenced.producerId, sequenced.epoch);
    } else if (sequenced.producerId >= 0) {
      const verdict = this.#producers.judge(sequenced);
      if (verdict.kind === "fenced") {
        const { producerId, epoch } = sequenced;
        return { kind: "fenced", reason: `epoch ${epoch} of producer ${producerId} is an old one` };
      }
      if (verdict.kind !== "append") return verdict;
      this.#producers.appended(sequenced, this.#end);
    }
    return { kind: "appended", baseOffset: this.#store(batch, sequenced.recordCount) };
  }

  /**
   * Whole batches from the one that holds `fromOffset` on, those that begin before `toOffset`, at
   * most `bytesMax` of them but at least one.
   * @returns a copy, empty when there is none
   */
  read(fromOffset: number, toOffset: number, bytesMax: number): Uint8Array {
    const first = this.#find(fromOffset);
    let last = first;
    let size = 0;
    for (; last < this.#batches.length; last++) {
      const { bytes, baseOffset } = this.#batches[last]!;
      if (baseOffset >= toOffset || (size > 0 && size + bytes.length > bytesMax)) break;
      size += bytes.length;
    }
    const copy = new Uint8Array(size);
    let at = 0;
    for (let i = first; i < last; i++) {
      copy.set(this.#batches[i]!.bytes, at);
      at += this.#batches[i]!.bytes.length;
    }
    return copy;
  }

  /** Offset after the last record of these batches, which `read` returned; -1 when empty. */
  static endOf(batches: Uint8Array): number {
    let end = -1;
    for (let at = 0; at < batches.length;) {
      end = readInt64(batches, at + layout.BASE_OFFSET_AT) +
        readInt32(batches, at + layout.LAST_OFFSET_DELTA_AT) + 1;
      at += layout.LOG_OVERHEAD_BYTES + readInt32(batches, at + layout.LENGTH_AT);
    }
    return end;
  }

  /** A copy of the last batch before `end` that is no marker, or null. */
  readLastData(end: number): Uint8Array | null {
    for (let i = this.#batches.length - 1; i >= 0; i--) {
      const batch = this.#batches[i]!;
      if (batch.baseOffset < end && !batch.isControl) return batch.bytes.slice();
    }
    return null;
  }

  /** Drops the batches that lie wholly before this offset. */
  dropBefore(offset: number): void {
    const kept = this.#find(offset);
    for (let i = 0; i < kept; i++) this.#bytes -= this.#batches[i]!.bytes.length;
    this.#batches.splice(0, kept);
  }

  #store(batch: Uint8Array, offsets: number): number {
    const bytes = batch.slice();
    const baseOffset = this.#end;
    // The checksum does not cover the base offset, so that a broker can set it.
    writeInt64(bytes, layout.BASE_OFFSET_AT, baseOffset);
    this.#end += offsets;
    const lastOffset = this.#end - 1;
    this.#batches.push({ bytes, baseOffset, lastOffset, isControl: isControl(bytes) });
    this.#bytes += bytes.length;
    if (this.#bytes > this.#options.retainedBytesMax) this.#dropOldest();
    return baseOffset;
  }

  /** Makes an eighth of the room at a time: moving the list for each batch would be quadratic. */
  #dropOldest(): void {
    const targetBytes = this.#options.retainedBytesMax * 7 / 8;
    let dropped = 0;
    while (this.#bytes > targetBytes && dropped < this.#batches.length - 1) {
      this.#bytes -= this.#batches[dropped]!.bytes.length;
      dropped++;
    }
    this.#batches.splice(0, dropped);
  }

  /** Index of the first batch whose last offset is at or after this one. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What a broker would refuse about these bytes, or null. */
function faultOf(batch: Uint8Array): string | null {
  if (batch.length < layout.RECORDS_AT || batch[layout.MAGIC_AT] !== 2) {
    return "it is no record batch of magic 2";
  }
  const length = readInt32(batch, layout.LENGTH_AT) + layout.LOG_OVERHEAD_BYTES;
  if (length !== batch.length) return `the batch says ${length} bytes and has ${batch.length}`;
  const checksum = crc32c(batch, layout.ATTRIBUTES_AT, batch.length);
  if (checksum !== readInt32(batch, layout.CRC_AT) >>> 0) return "the checksum is wrong";
  if (readInt32(batch, layout.RECORD_COUNT_AT) < 1) return "the batch is empty";
  return null;
}

function isControl(batch: Uint8Array): boolean {
  return (readInt16(batch, layout.ATTRIBUTES_AT) & layout.ATTRIBUTE_CONTROL) !== 0;
}
