import type { MemoryTopic } from "../../lib/adapters/memory/memory_topic.ts";
import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";

export interface CheckedSession {
  readonly startedAtMs: number;
  lastSeq: number;
  lastAtMs: number;
  endReason: string | null;
}

interface OutputRecord {
  readonly deviceId: string;
  readonly sessionId: string | number;
  readonly status: string;
  readonly reason: string | null;
  readonly seq: number;
  readonly startedAt: string;
  readonly at: string;
}

/**
 * Reads an output topic as a stranger would, record by record, and says what is wrong with it:
 * that a session has not exactly one Start before all else and one End after all else, that `seq`
 * does not grow, that a heartbeat's instant is none.
 */
export class OutputChecker {
  readonly sessions = new Map<string, CheckedSession>();
  readonly faults: string[] = [];
  records = 0;
  /** Called with every record, for a trace. */
  onRecord: (line: string) => void = () => {};
  readonly #topic: MemoryTopic;
  readonly #heartbeatIntervalMs: number;
  readonly #next: number[];
  readonly #reader = new RecordBatchReader({
    decompress: () => {
      throw new Error("no codec");
    },
    decompressedBytesMax: 0,
  });

  constructor(topic: MemoryTopic, heartbeatIntervalMs: number) {
    this.#topic = topic;
    this.#heartbeatIntervalMs = heartbeatIntervalMs;
    this.#next = topic.partitions.map(() => 0);
  }

  /** Reads on to the end of every partition. */
  readOn(): void {
    for (const [index, partition] of this.#topic.partitions.entries()) {
      const bytes = partition.read(this.#next[index]!, partition.end, Infinity);
      this.#reader.reset(bytes);
      while (this.#reader.nextBatch()) {
        if (this.#reader.lastOffset < this.#next[index]!) continue;
        while (!this.#reader.isControl && this.#reader.nextRecord()) this.#check(index);
      }
      this.#next[index] = partition.end;
    }
  }

  #check(partition: number): void {
    const { bytes, valueFrom, valueTo, offset } = this.#reader;
    const text = new TextDecoder().decode(bytes.subarray(valueFrom, valueTo));
    const record = JSON.parse(text) as OutputRecord;
    const key = `${record.deviceId} ${record.sessionId}`;
    const fault = (what: string) =>
      this.faults.push(`${partition}@${offset} ${key}: ${what} ${text}`);
    const session = this.sessions.get(key);
    const startedAtMs = Date.parse(record.startedAt);
    const atMs = Date.parse(record.at);
    this.records++;
    this.onRecord(`${partition}@${offset} ${text}`);
    if (record.status === "SessionStart") {
      if (session !== undefined) fault("a second Start");
      const state = { startedAtMs, lastSeq: 0, lastAtMs: atMs, endReason: null };
      this.sessions.set(key, state);
      return;
    }
    if (session === undefined) return void fault("no Start before it");
    if (session.endReason !== null) fault(`after its End (${session.endReason})`);
    if (session.startedAtMs !== startedAtMs) fault("another startedAt than its Start");
    if (record.seq <= session.lastSeq) fault(`seq after ${session.lastSeq}`);
    if (record.status === "SessionHeartbeat") {
      if (atMs !== startedAtMs + record.seq * this.#heartbeatIntervalMs) fault("not at its beat");
      if (atMs <= session.lastAtMs) fault("not after the record before it");
      session.lastAtMs = atMs;
    } else session.endReason = record.reason;
    session.lastSeq = record.seq;
  }
}
