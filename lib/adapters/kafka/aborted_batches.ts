import { crc32c } from "../../core/crc32c.ts";
import {
  BATCH_HEADER_BYTES,
  batchBytes,
  isAbortMarker,
  isControlBatch,
  isTransactional,
  lastOffset,
  producerId,
  viewOf,
} from "./record_set.ts";

/** A transaction in the range of a fetch that was aborted. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/**
 * The record set with each batch of an aborted transaction replaced by an empty one over the same
 * offsets, which is what compaction leaves of a batch, so that nobody applies its events and the
 * offsets stay without a gap. Whole batches only. Returns the same bytes when there is nothing to
 * replace, which is the common case; a copy otherwise.
 *
 * Source: the consumer's part of KIP-98; a marker ends its producer's transaction.
 */
export function emptyAborted(
  records: Uint8Array,
  aborted: readonly AbortedTransaction[],
): Uint8Array {
  if (aborted.length === 0) return records;
  const view = viewOf(records);
  const upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<number>();
  const kept = new Uint8Array(records.length);
  let length = 0;
  for (let at = 0; at < records.length;) {
    const bytes = batchBytes(view, at);
    while (upcoming.length > 0 && upcoming[0]!.firstOffset <= lastOffset(view, at)) {
      aborting.add(upcoming.shift()!.producerId);
    }
    const batch = records.subarray(at, at + bytes);
    if (isControlBatch(view, at)) {
      if (isAbortMarker(view, at)) aborting.delete(producerId(view, at));
      kept.set(batch, length);
      length += bytes;
    } else if (isTransactional(view, at) && aborting.has(producerId(view, at))) {
      length += writeEmptyBatch(kept, length, batch);
    } else {
      kept.set(batch, length);
      length += bytes;
    }
    at += bytes;
  }
  return kept.subarray(0, length);
}

function writeEmptyBatch(target: Uint8Array, at: number, batch: Uint8Array): number {
  const header = target.subarray(at, at + BATCH_HEADER_BYTES);
  header.set(batch.subarray(0, BATCH_HEADER_BYTES));
  const view = viewOf(header);
  view.setInt32(8, BATCH_HEADER_BYTES - 12);
  // Codec none; the last offset's delta stays.
  view.setInt16(21, view.getInt16(21) & ~0x7);
  view.setInt32(57, 0);
  view.setUint32(17, crc32c(header, 21, BATCH_HEADER_BYTES));
  return BATCH_HEADER_BYTES;
}
