import { type ModelOutputLayout, modelPartition, renderRecord } from "../model/render.ts";
import type { ModelRecord } from "../model/model_record.ts";
import type { SessionTimes } from "./expected_records.ts";
import type { TopicRecord } from "./topic_records.ts";

export interface OutputCheckOptions extends SessionTimes {
  readonly layout: ModelOutputLayout;
  readonly partitions: number;
}

export interface CheckedOutput {
  readonly starts: number;
  readonly heartbeats: number;
  readonly ends: number;
  /**
   * Heartbeats that the model has and the output has not, and those after the instant of an end that
   * was read late, of which the model knows nothing and a later one was written.
   */
  readonly leftOut: readonly { readonly session: string; readonly atMs: number }[];
  /** Sentences; empty when all is well. */
  readonly faults: readonly string[];
}

/**
 * Compares every record of an output topic with the model's, byte for byte.
 *
 * Two things the model cannot know, and they are taken from the record: when it was made, and which
 * heartbeats were written before an end that took a moment to arrive; so `seq` of an end has to be
 * one more than that of the record before it. Whoever calls this judges the heartbeats left out.
 */
export function checkOutput(
  output: readonly TopicRecord[],
  expected: readonly ModelRecord[],
  options: OutputCheckOptions,
): CheckedOutput {
  const faults: string[] = [];
  const written = groupBySession(output.map((record) => readRecord(record, options, faults)));
  const wanted = groupBySession(expected.map((record) => ({
    session: sessionName(record.deviceId, record.sessionId.text),
    record,
  })));
  const leftOut: { session: string; atMs: number }[] = [];
  for (const session of written.keys()) {
    if (!wanted.has(session)) faults.push(`${session}: in the output alone`);
  }
  for (const [session, records] of wanted) {
    const fault = (what: string) => faults.push(`${session}: ${what}`);
    const own = written.get(session);
    if (own === undefined) fault("not in the output");
    else leftOut.push(...checkSession(own, records.map(({ record }) => record), options, fault));
  }
  const count = (status: string) => output.filter(({ value }) => value?.includes(status)).length;
  return {
    starts: count('"SessionStart"'),
    heartbeats: count('"SessionHeartbeat"'),
    ends: count('"SessionEnd"'),
    leftOut,
    faults,
  };
}

/** Instants between which nothing could be written. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The heartbeats left out that no outage explains: only one whose successor was due in the same
 * outage may be. Half an interval at both sides is for what a busy machine takes to notice.
 */
export function unexplained(
  { leftOut }: CheckedOutput,
  { outages, heartbeatIntervalMs }: {
    readonly outages: readonly Outage[];
    readonly heartbeatIntervalMs: number;
  },
): CheckedOutput["leftOut"] {
  return leftOut.filter(({ atMs }) =>
    !outages.some(({ fromMs, toMs }) =>
      atMs >= fromMs - heartbeatIntervalMs / 2 &&
      atMs + heartbeatIntervalMs <= toMs + heartbeatIntervalMs / 2
    )
  );
}

interface WrittenRecord {
  readonly session: string;
  readonly status: string;
  readonly seq: number;
  readonly emittedAtMs: number;
  readonly text: string;
}

function readRecord(
  record: TopicRecord,
  options: OutputCheckOptions,
  faults: string[],
): WrittenRecord {
  const { key, partition, offset, timestampMs } = record;
  const text = record.value ?? "null";
  const fields = JSON.parse(text, keepDigits);
  const isPlain = options.layout === "plain";
  const emittedAt: string = isPlain ? fields.emittedAt : fields.processing_timestamp;
  const fault = (what: string) => faults.push(`${partition}@${offset} ${what}: ${text}`);
  if (key !== fields.deviceId) fault(`has the key ${JSON.stringify(key)}`);
  if (partition !== modelPartition(fields.deviceId, options.partitions)) {
    fault("is not in the partition of its key");
  }
  if (timestampMs !== Date.parse(emittedAt)) fault(`has the timestamp ${timestampMs}`);
  return {
    session: sessionName(fields.deviceId, isPlain ? fields.sessionId : fields.appSessionId),
    status: isPlain ? fields.status : fields.sessionStatus,
    seq: isPlain ? fields.seq : Number(/^seq=(\d+) /.exec(fields.debug_info)?.[1]),
    emittedAtMs: timestampMs,
    text,
  };
}

/** @returns the heartbeats left out */
function checkSession(
  own: readonly WrittenRecord[],
  expected: readonly ModelRecord[],
  options: OutputCheckOptions,
  fault: (what: string) => void,
): { session: string; atMs: number }[] {
  const start = expected[0]!;
  const end = expected.findLast(({ status }) => status === "SessionEnd")!;
  const heartbeats = new Map(
    expected.filter(({ status }) => status === "SessionHeartbeat").map((it) => [it.seq, it]),
  );
  const leftOut: number[] = [];
  let lastSeq = -1;
  for (const [index, record] of own.entries()) {
    const { status, seq, emittedAtMs, text } = record;
    const isLast = index === own.length - 1;
    if (seq <= lastSeq) fault(`seq ${seq} after ${lastSeq}: ${text}`);
    let model: ModelRecord | null = null;
    if (index === 0) model = start;
    else if (isLast) model = { ...end, seq: lastSeq + 1 };
    else if (status === "SessionHeartbeat") {
      model = heartbeats.get(seq) ?? beatBeforeLateEnd(start, end, seq, own.at(-1)!, options);
    }
    if (status === "SessionHeartbeat") {
      for (let left = lastSeq + 1; left < seq; left++) {
        const atMs = start.startedAtMs + left * options.heartbeatIntervalMs;
        if (atMs >= end.atMs && !heartbeats.has(left)) leftOut.push(atMs);
      }
    }
    lastSeq = seq;
    if (model === null) {
      fault(`no such record: ${text}`);
      continue;
    }
    heartbeats.delete(seq);
    const wanted = renderRecord({ ...model, emittedAtMs }, options.layout);
    if (text !== wanted) fault(`\n  is        ${text}\n  should be ${wanted}`);
    if (emittedAtMs < model.atMs) fault(`made before its instant: ${text}`);
  }
  leftOut.push(...[...heartbeats.values()].map(({ atMs }) => atMs));
  return leftOut.map((atMs) => ({ session: own[0]!.session, atMs }));
}

/** A heartbeat that was due after the end's instant and before the end was read. */
function beatBeforeLateEnd(
  start: ModelRecord,
  end: ModelRecord,
  seq: number,
  writtenEnd: WrittenRecord,
  { heartbeatIntervalMs, maxDurationMs }: SessionTimes,
): ModelRecord | null {
  const atMs = start.startedAtMs + seq * heartbeatIntervalMs;
  const timeoutMs = start.startedAtMs + maxDurationMs;
  if (atMs < end.atMs || atMs >= timeoutMs || atMs > writtenEnd.emittedAtMs) return null;
  return {
    ...start,
    status: "SessionHeartbeat",
    seq,
    atMs,
    durationMs: atMs - start.startedAtMs,
    nextAtMs: Math.min(atMs + heartbeatIntervalMs, timeoutMs),
  };
}

function groupBySession<T extends { readonly session: string }>(
  records: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const record of records) {
    const group = groups.get(record.session);
    if (group === undefined) groups.set(record.session, [record]);
    else group.push(record);
  }
  return groups;
}

function sessionName(deviceId: string, sessionId: string): string {
  return `${JSON.stringify(deviceId)} session ${sessionId}`;
}

/** Session ids have more digits than a double keeps. */
function keepDigits(name: string, value: unknown, context?: { readonly source: string }): unknown {
  const isId = name === "sessionId" || name === "appSessionId";
  return isId && typeof value === "number" ? context!.source : value;
}
