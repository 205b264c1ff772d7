import type { RecordInput } from "../core/record_batch_encoder.ts";

/** The input topics of an engine without Kafka, as those who write to them see them. */
export interface EventLog {
  /** Partitions of one topic. */
  readonly partitions: number;
  /** Bytes that may be appended before some were read. */
  freeBytes(): number;
  /**
   * Appends records as one batch.
   * @returns whether there was room; if not, nothing was appended.
   */
  append(partition: number, records: readonly RecordInput[]): boolean;
}
