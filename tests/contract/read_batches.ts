import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";

export interface ReadBatch {
  readonly baseOffset: number;
  readonly isControl: boolean;
  readonly records: readonly ReadRecord[];
}

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string;
}

/** The batches of a record set as plain objects; fails on anything that cannot be read. */
export function readBatches(recordSet: Uint8Array): ReadBatch[] {
  const reader = new RecordBatchReader({
    decompress: () => {
      throw new Error("the test's batches are not compressed");
    },
    decompressedBytesMax: 0,
  });
  const batches: ReadBatch[] = [];
  reader.reset(recordSet);
  while (reader.nextBatch()) {
    if (reader.undecodable !== null) {
      throw new Error(`a batch is undecodable: ${reader.undecodable}`);
    }
    const records: ReadRecord[] = [];
    while (reader.nextRecord()) {
      const { bytes, keyFrom, keyTo, valueFrom, valueTo } = reader;
      records.push({
        offset: reader.offset,
        timestampMs: reader.timestampMs,
        key: keyFrom < 0 ? null : decoder.decode(bytes.subarray(keyFrom, keyTo)),
        value: decoder.decode(bytes.subarray(valueFrom, valueTo)),
      });
    }
    batches.push({ baseOffset: reader.baseOffset, isControl: reader.isControl, records });
  }
  if (reader.wholeBytes !== recordSet.length) throw new Error("the last batch is cut off");
  return batches;
}

const decoder = new TextDecoder();
