/**
 * Where the batches of a fetched record set lie, without looking into them.
 *
 * A batch starts with base offset (int64) and the length of what follows it (int32); at 16 stands
 * the magic, and with magic 2 at 21 the attributes, at 23 the last offset's delta, at 43 and 51
 * producer id and epoch. The last batch of a fetch may be cut off.
 */

/** What is whole of a record set. */
export interface WholeBatches {
  /** Length of the whole batches; what follows is the beginning of one more. */
  readonly bytes: number;
  readonly batches: number;
  /** Offset after the last whole batch; -1 when there is none. */
  readonly nextOffset: number;
}

/** @throws RangeError when a length cannot be one. */
export function scanBatches(records: Uint8Array): WholeBatches {
  const view = viewOf(records);
  let at = 0;
  let batches = 0;
  let nextOffset = -1;
  while (at + BATCH_PREFIX_BYTES <= records.length) {
    const end = at + batchBytes(view, at);
    if (end > records.length) break;
    nextOffset = lastOffset(view, at) + 1;
    batches += 1;
    at = end;
  }
  return { bytes: at, batches, nextOffset };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whole length of the batch at `at`. @throws RangeError */
export function batchBytes(view: DataView, at: number): number {
  const length = view.getInt32(at + 8);
  if (length < BATCH_LENGTH_MIN) throw new RangeError(`A batch of length ${length} at byte ${at}`);
  return 12 + length;
}

export function baseOffset(view: DataView, at: number): number {
  return int64(view, at);
}

/** Formats before magic 2 name the last record's offset first. */
export function lastOffset(view: DataView, at: number): number {
  return int64(view, at) + (magic(view, at) >= 2 ? view.getInt32(at + 23) : 0);
}

export function magic(view: DataView, at: number): number {
  return view.getInt8(at + 16);
}

export function isControlBatch(view: DataView, at: number): boolean {
  return magic(view, at) >= 2 && (view.getInt16(at + 21) & ATTRIBUTE_CONTROL) !== 0;
}

export function isTransactional(view: DataView, at: number): boolean {
  return magic(view, at) >= 2 && (view.getInt16(at + 21) & ATTRIBUTE_TRANSACTIONAL) !== 0;
}

export function producerId(view: DataView, at: number): number {
  return int64(view, at + 43);
}

export function producerEpoch(view: DataView, at: number): number {
  return view.getInt16(at + 51);
}

/** Whether the control batch at `at` ends a transaction as aborted. */
export function isAbortMarker(view: DataView, at: number): boolean {
  // One record: length, attributes, timestamp delta, offset delta, key length, then the key of
  // version (int16) and type (int16).
  let cursor = skipVarint(view, at + BATCH_HEADER_BYTES) + 1;
  cursor = skipVarint(view, skipVarint(view, skipVarint(view, cursor)));
  return view.getInt16(cursor + 2) === CONTROL_TYPE_ABORT;
}

/** Length of the header of a batch of magic 2, up to and including the count of records. */
export const BATCH_HEADER_BYTES = 61;

/** Enough of a batch to know its length, magic and last offset. */
const BATCH_PREFIX_BYTES = 27;

/** The smallest message of magic 0 after offset and length. */
const BATCH_LENGTH_MIN = 14;

const ATTRIBUTE_TRANSACTIONAL = 0x10;
const ATTRIBUTE_CONTROL = 0x20;
const CONTROL_TYPE_ABORT = 0;

function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

function skipVarint(view: DataView, at: number): number {
  let cursor = at;
  while (view.getInt8(cursor) < 0) cursor += 1;
  return cursor + 1;
}
