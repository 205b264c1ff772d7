import { POSITION_HEADER } from "../core/batch_builder.ts";
import { type Position, readPosition } from "../core/position.ts";
import type { RecordBatchReader } from "../core/record_batch_reader.ts";
import type { RecordHeaderReader } from "../core/record_header_reader.ts";

/** The last data batch of a shard's log. */
export interface LastBatch {
  readonly position: Position;
  readonly lastOffset: number;
}

/** The position in the header of the last record of the reader's batch; null when it has none. */
export function positionOf(
  reader: RecordBatchReader,
  headers: RecordHeaderReader,
): Position | null {
  let position: Position | null = null;
  while (reader.nextRecord()) {
    if (reader.headerCount === 0) continue;
    headers.reset(reader.bytes, reader.headersFrom, reader.headersTo, reader.headerCount);
    if (!headers.find(HEADER_NAME) || headers.valueFrom < 0) continue;
    position = readPosition(headers.bytes.subarray(headers.valueFrom, headers.valueTo));
  }
  reader.rewindRecords();
  return position;
}

const HEADER_NAME = new TextEncoder().encode(POSITION_HEADER);
