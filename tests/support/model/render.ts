/** The bytes of a record and the partition it goes to, by section 3 of the contract. */
import type { ModelRecord } from "./model_record.ts";

export type ModelOutputLayout = "plain" | "rtm-gaming";

/** The JSON text of the record's value; its UTF-8 bytes are what Kafka holds. */
export function renderRecord(record: ModelRecord, layout: ModelOutputLayout): string {
  return layout === "plain" ? renderPlain(record) : renderRtmGaming(record);
}

function renderPlain(record: ModelRecord): string {
  const timestampMs = record.orderKeyMs === record.startedAtMs ? null : record.orderKeyMs;
  return [
    `{"deviceId":${JSON.stringify(record.deviceId)}`,
    `"sessionId":${sessionIdText(record)}`,
    `"accountId":${JSON.stringify(record.accountId)}`,
    `"status":"${record.status}"`,
    `"reason":${JSON.stringify(record.reason)}`,
    `"seq":${record.seq}`,
    `"startedAt":${instant(record.startedAtMs)}`,
    `"timestamp":${instant(timestampMs)}`,
    `"at":${instant(record.atMs)}`,
    `"durationMs":${record.durationMs}`,
    `"reportedDurationMs":${record.reportedDurationMs}`,
    `"nextAt":${instant(record.nextAtMs)}`,
    `"sourceTimestamp":${instant(record.sourceTimestampMs)}`,
    `"emittedAt":${instant(record.emittedAtMs)}}`,
  ].join(",");
}

function renderRtmGaming(record: ModelRecord): string {
  const durationMs = record.reportedDurationMs ?? record.durationMs;
  const debug = `seq=${record.seq} key=${record.orderKeyMs} reason=${record.reason ?? ""}`;
  return [
    `{"deviceId":${JSON.stringify(record.deviceId)}`,
    `"appSessionId":${sessionIdText(record)}`,
    `"psnAccountId":${JSON.stringify(record.accountId)}`,
    `"sessionStatus":"${record.status}"`,
    `"session_timestamp":${instant(record.startedAtMs)}`,
    `"sessionDuration":${Math.floor(durationMs / 1000)}`,
    `"upstream_timestamp":${instant(record.sourceTimestampMs)}`,
    `"processing_timestamp":${instant(record.emittedAtMs)}`,
    `"timer_info":${instant(record.nextAtMs)}`,
    `"debug_info":"${debug}"}`,
  ].join(",");
}

function sessionIdText(record: ModelRecord): string {
  const { text, isNumber } = record.sessionId;
  return isNumber ? text : JSON.stringify(text);
}

/** The same instants come again and again, and writing them is most of the work. */
const instants = new Map<number, string>();

function instant(timeMs: number | null): string {
  if (timeMs === null) return "null";
  let text = instants.get(timeMs);
  if (text === undefined) {
    text = `"${new Date(timeMs).toISOString()}"`;
    if (instants.size >= 10_000) instants.clear();
    instants.set(timeMs, text);
  }
  return text;
}

/** Partition of a key, as Kafka's Java client chooses it. */
export function modelPartition(deviceId: string, partitions: number): number {
  return (modelMurmur2(new TextEncoder().encode(deviceId)) & 0x7fffffff) % partitions;
}

/** Kafka's `Utils.murmur2`: MurmurHash2 with its fixed seed, as a signed 32-bit integer. */
export function modelMurmur2(bytes: Uint8Array): number {
  const multiplier = 0x5bd1e995;
  let hash = 0x9747b28c ^ bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wordsEnd = bytes.length - (bytes.length % 4);
  for (let i = 0; i < wordsEnd; i += 4) {
    let word = Math.imul(view.getInt32(i, true), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (wordsEnd < bytes.length) {
    for (let i = bytes.length - 1; i >= wordsEnd; i--) {
      hash ^= bytes[i]! << (8 * (i - wordsEnd));
    }
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return (hash ^ (hash >>> 15)) | 0;
}
