import { POSITION_HEADER } from "../core/batch_builder.ts";
import {
  type Position,
  readPosition,
  readShardPosition,
  type ShardPosition,
} from "../core/position.ts";
import type { RecordBatchReader } from "../core/record_batch_reader.ts";
import type { RecordHeaderReader } from "../core/record_header_reader.ts";

/** The last data batch of a shard's log. */
export interface LastBatch {
  readonly position: Position;
  readonly lastOffset: number;
  /** `emittedAt` of its newest record, epoch milliseconds. */
  readonly writtenAtMs: number;
}

/** The position in the header of the last record of the reader's batch; null when it has none. */
export function positionOf(
  reader: RecordBatchReader,
  headers: RecordHeaderReader,
): Position | null {
  return hasPosition(reader, headers) ? readPosition(positionBytes(headers)) : null;
}

/** The same without its inputs. */
export function shardPositionOf(
  reader: RecordBatchReader,
  headers: RecordHeaderReader,
): ShardPosition | null {
  return hasPosition(reader, headers) ? readShardPosition(positionBytes(headers)) : null;
}

/** Whether the batch carries a position; `headers` stands at it then. */
function hasPosition(reader: RecordBatchReader, headers: RecordHeaderReader): boolean {
  let isFound = false;
  while (reader.nextRecord()) {
    if (reader.headerCount === 0) continue;
    headers.reset(reader.bytes, reader.headersFrom, reader.headersTo, reader.headerCount);
    isFound = headers.find(HEADER_NAME) && headers.valueFrom >= 0;
  }
  reader.rewindRecords();
  return isFound;
}

function positionBytes({ bytes, valueFrom, valueTo }: RecordHeaderReader): Uint8Array {
  return bytes.subarray(valueFrom, valueTo);
}

const HEADER_NAME = new TextEncoder().encode(POSITION_HEADER);
