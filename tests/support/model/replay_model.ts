/** `sessionwheel replay` over a file, by section 4 of the contract, on the naive model. */
import {
  type DecodedEvent,
  type DecodedValue,
  decodeValue,
  EVENT_BYTES_MAX,
  type FieldMap,
  type IgnoredValue,
  integerOf,
  isString,
  type ModelRejectReason,
  objectOf,
  optional,
  reject,
  type RejectedValue,
  Rejection,
  textOf,
  TIME_MS_MAX,
} from "./model_events.ts";
import type { ModelRecord, ModelStatus } from "./model_record.ts";
import { type ModelOutputLayout, modelPartition, renderRecord } from "./render.ts";
import type { ModelCounters, ModelState } from "./model_state.ts";
import { NaiveModel } from "./session_model.ts";

export interface ReplayModelOptions {
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
  readonly graceMs: number;
  readonly input: FieldMap;
  readonly output: ModelOutputLayout;
  /** `--partitions`; 16 where left out. */
  readonly partitions?: number;
  /** `--until`, as epoch milliseconds. */
  readonly untilMs?: number;
  /** `--drain` */
  readonly drain?: boolean;
}

export interface ReplayModelResult {
  /** Lines without their line ends. */
  readonly output: readonly string[];
  readonly deadLetters: readonly string[];
  readonly lines: number;
  /** Starts and ends. */
  readonly events: number;
  /** Empty lines, null values and other types. */
  readonly ignored: number;
  readonly rejected: Readonly<Partial<Record<ModelRejectReason, number>>>;
  readonly recordsByStatus: Readonly<Record<ModelStatus, number>>;
  readonly counters: Readonly<ModelCounters>;
  /** Where the virtual clock stands at the end. */
  readonly clockMs: number;
  readonly state: ModelState;
}

/** Replays the lines, each without its line end. */
export function replayModel(
  lines: Iterable<Uint8Array>,
  options: ReplayModelOptions,
): ReplayModelResult {
  const model = new NaiveModel({ ...options, missed: "all" });
  const output: string[] = [];
  const recordsByStatus = { SessionStart: 0, SessionHeartbeat: 0, SessionEnd: 0 };
  const deadLetters: string[] = [];
  const rejected: Partial<Record<ModelRejectReason, number>> = {};
  let lineNumber = 0;
  let events = 0;
  let ignored = 0;
  const write = (records: readonly ModelRecord[]) => {
    for (const record of records) {
      recordsByStatus[record.status]++;
      output.push(outputText(record, options));
    }
  };

  for (const bytes of lines) {
    const line = decodeLine(bytes, { fields: options.input, lineNumber });
    if (line.kind === "ignored") {
      ignored++;
    } else if (line.kind === "rejected") {
      rejected[line.reason] = (rejected[line.reason] ?? 0) + 1;
      deadLetters.push(deadLetterText(lineNumber, line, bytes));
    } else {
      events++;
      const { event, timestampMs } = line;
      write(model.apply({ ...event, sourceTimestampMs: timestampMs }, timestampMs));
    }
    lineNumber++;
  }
  if (options.untilMs !== undefined) write(model.advance(options.untilMs));
  if (options.drain) {
    for (let due = model.nextDueMs; due !== null; due = model.nextDueMs) {
      write(model.advance(due));
    }
  }

  return {
    output,
    deadLetters,
    lines: lineNumber,
    events,
    ignored,
    rejected,
    recordsByStatus,
    counters: model.counters,
    clockMs: model.clockMs,
    state: model.state(),
  };
}

export interface ReplayLine {
  readonly kind: "event";
  readonly event: DecodedEvent;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's timestamp; below 0 means: as the clock stands. */
  readonly timestampMs: number;
}

/** What a line is: an event, alone or in an envelope, or nothing of the kind. */
export function decodeLine(
  bytes: Uint8Array,
  options: { readonly fields: FieldMap; readonly lineNumber: number },
): ReplayLine | IgnoredValue | RejectedValue {
  if (bytes.length === 0) return { kind: "ignored", reason: "null_value" };
  if (bytes.length > EVENT_BYTES_MAX) return reject("too_large", `${bytes.length} bytes`);
  try {
    const { members } = objectOf(textOf(bytes));
    if (members.has("value") && members.has("timestampMs")) {
      return decodeEnvelope(members, options);
    }
  } catch (error) {
    if (error instanceof Rejection) return reject(error.reason, error.message);
    throw error;
  }

  const value = decodeValue(bytes, options.fields, "file");
  if (!isEvent(value)) return value;
  if (value.timestampMs === null) return reject("bad_field", options.fields.timestamp);
  return {
    kind: "event",
    event: value,
    topic: "file",
    partition: 0,
    offset: options.lineNumber,
    timestampMs: value.timestampMs,
  };
}

function decodeEnvelope(
  members: Map<string, string>,
  options: { readonly fields: FieldMap; readonly lineNumber: number },
): ReplayLine | IgnoredValue | RejectedValue {
  const valueText = members.get("value") as string;
  if (valueText === "null") return { kind: "ignored", reason: "null_value" };

  const topicText = optional(members, "topic") ?? '"file"';
  if (!isString(topicText)) throw new Rejection("bad_field", "topic");
  const topic: string = JSON.parse(topicText);
  const partition = envelopeInteger(optional(members, "partition") ?? "0", "partition");
  if (partition < 0 || partition > 2 ** 31 - 1) throw new Rejection("bad_field", "partition");
  const offset = envelopeInteger(
    optional(members, "offset") ?? String(options.lineNumber),
    "offset",
  );
  if (offset < 0) throw new Rejection("bad_field", "offset");
  const timestampMs = envelopeInteger(members.get("timestampMs") as string, "timestampMs");
  if (timestampMs > TIME_MS_MAX) throw new Rejection("bad_field", "timestampMs");

  const value = decodeValue(new TextEncoder().encode(valueText), options.fields, topic);
  if (!isEvent(value)) return value;
  return { kind: "event", event: value, topic, partition, offset, timestampMs };
}

function envelopeInteger(text: string, field: string): number {
  const value = integerOf(text);
  if (value === null || !Number.isSafeInteger(value)) throw new Rejection("bad_field", field);
  return value;
}

function isEvent(value: DecodedValue): value is DecodedEvent {
  return value.kind === "start" || value.kind === "end";
}

/** One output line: the record as a consumer of its partition would see it. */
function outputText(record: ModelRecord, options: ReplayModelOptions): string {
  const key = JSON.stringify(record.deviceId);
  const partition = modelPartition(record.deviceId, options.partitions ?? 16);
  const value = renderRecord(record, options.output);
  return `{"key":${key},"partition":${partition},"value":${value}}`;
}

/** `value` is the line as text; bytes that are no UTF-8 become U+FFFD in it. */
function deadLetterText(line: number, rejection: RejectedValue, bytes: Uint8Array): string {
  return JSON.stringify({
    line,
    reason: rejection.reason,
    detail: rejection.detail,
    value: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
  });
}

/** The lines of a file without their ends, `\n` or `\r\n`; the last one needs none. */
export function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let from = 0;
  while (from < bytes.length) {
    const newline = bytes.indexOf(0x0a, from);
    const to = newline === -1 ? bytes.length : newline;
    const hasReturn = to > from && bytes[to - 1] === 0x0d;
    yield bytes.subarray(from, hasReturn ? to - 1 : to);
    from = to + 1;
  }
}
