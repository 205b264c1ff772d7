import { encodeRecordBatch, type RecordInput } from "../../core/record_batch_encoder.ts";
import type { DeadLetter } from "../../ports/dead_letters.ts";

/**
 * The record of a dead letter: key, value and headers as they came, then the `sw-dlq-` headers of
 * contract.md, section 1. Its time is the letter's, or now where that lies ahead or before 1970,
 * which brokers refuse.
 *
 * @param valueBytesMax cut the value to so many bytes and say so, when it is longer
 */
export function deadLetterRecord(
  letter: DeadLetter,
  nowMs: number,
  valueBytesMax = Infinity,
): RecordInput {
  const { timestampMs, value } = letter;
  const cut = value !== null && value.length > valueBytesMax;
  const headers = [
    ...letter.headers,
    header("sw-dlq-reason", letter.reason),
    header("sw-dlq-detail", letter.detail),
    header("sw-dlq-topic", letter.topic),
    header("sw-dlq-partition", String(letter.partition)),
    header("sw-dlq-offset", String(letter.offset)),
  ];
  if (letter.reason === "undecodable") headers.push(header("sw-dlq-count", String(letter.count)));
  if (cut) headers.push(header("sw-dlq-truncated", "true"));
  return {
    timestampMs: timestampMs >= 0 && timestampMs <= nowMs ? timestampMs : nowMs,
    key: letter.key,
    value: cut ? value.subarray(0, Math.max(0, valueBytesMax)) : value,
    headers,
  };
}

/** A batch of a producer without identity: repeats are the reader's to tell. */
export function deadLetterBatch(records: readonly RecordInput[]): Uint8Array {
  return encodeRecordBatch({
    baseOffset: 0,
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    records,
  });
}

/** About what the record takes in a batch; never less. */
export function recordBytesBound(record: RecordInput): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers) {
    bytes += HEADER_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
  }
  return bytes;
}

/** Length, attributes, deltas, key and value lengths, count of headers: varints of 5 or 10 bytes. */
const RECORD_OVERHEAD_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 5;
const HEADER_OVERHEAD_BYTES = 10;

function header(key: string, value: string): { key: Uint8Array; value: Uint8Array } {
  return { key: textEncoder.encode(key), value: textEncoder.encode(value) };
}

const textEncoder = new TextEncoder();
