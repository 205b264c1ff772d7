import { decodeValue, type FieldMap } from "../model/model_events.ts";
import type { ModelRecord } from "../model/model_record.ts";
import type { ModelCounters } from "../model/model_state.ts";
import { NaiveModel } from "../model/session_model.ts";
import type { TopicRecord } from "./topic_records.ts";

export interface SessionTimes {
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
  readonly graceMs: number;
}

export interface ExpectedRecords {
  readonly records: readonly ModelRecord[];
  readonly counters: Readonly<ModelCounters>;
}

/**
 * What the naive model makes of the input, until its last session has ended and its last early
 * end is forgotten: the partitions' heads merged by record timestamp, and every heartbeat.
 *
 * @param input Of all input topics, in the order of the configuration; of each topic by partition
 * and offset.
 */
export function expectedRecords(
  input: readonly TopicRecord[],
  options: SessionTimes & { readonly fields: FieldMap },
): ExpectedRecords {
  const model = new NaiveModel({ ...options, missed: "all" });
  const records: ModelRecord[] = [];
  for (const { value, topic, timestampMs } of mergeByTimestamp(input)) {
    const bytes = value === null ? null : new TextEncoder().encode(value);
    const event = decodeValue(bytes, options.fields, topic);
    if (event.kind !== "start" && event.kind !== "end") continue;
    const clockMs = Math.max(model.clockMs, timestampMs);
    records.push(...model.apply({ ...event, sourceTimestampMs: timestampMs }, clockMs));
  }
  for (let dueMs = model.nextDueMs; dueMs !== null; dueMs = model.nextDueMs) {
    records.push(...model.advance(dueMs));
  }
  model.advance(model.clockMs + options.graceMs + 1);
  return { records, counters: model.counters };
}

/** Of the next records of the partitions always the oldest; equal ones by partition. */
function* mergeByTimestamp(input: readonly TopicRecord[]): Generator<TopicRecord> {
  const queues = new Map<string, TopicRecord[]>();
  for (const record of input) {
    const name = `${record.topic}/${record.partition}`;
    const queue = queues.get(name);
    if (queue === undefined) queues.set(name, [record]);
    else queue.push(record);
  }
  const heads = [...queues.values()].map((queue) => ({ queue, next: 0 }));
  for (let left = input.length; left > 0; left--) {
    let oldest: (typeof heads)[number] | undefined;
    let oldestMs = Infinity;
    for (const head of heads) {
      const timestampMs = head.queue[head.next]?.timestampMs ?? Infinity;
      if (timestampMs < oldestMs) [oldest, oldestMs] = [head, timestampMs];
    }
    yield oldest!.queue[oldest!.next++]!;
  }
}
