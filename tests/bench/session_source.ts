/** Sessions for the benches of the core: started through the decoder, as they are in production. */
import { EVENT_START, EventChunk } from "../../lib/core/event_chunk.ts";
import { DECODED_START, EventDecoder } from "../../lib/core/event_decoder.ts";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import type { RecordSink } from "../../lib/core/record_sink.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import { Shard } from "../../lib/core/shard.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import { writeInstant } from "../../lib/core/text_writer.ts";
import { DeviceIds, writeSessionId } from "./load/device_ids.ts";
import { cpuMs } from "./measure.ts";

export const SHARDS = 16;
export const START_MS = Date.UTC(2025, 10, 1, 0, 6, 45);
export const HEARTBEAT_MS = 30_000;

const EVENTS_A_CHUNK = 4096;
const ids = new DeviceIds(1);
const encoder = new TextEncoder();
/** A chunk's events one after the other, and where each ends. */
const bytes = new Uint8Array(EVENTS_A_CHUNK * 256);
const ends = new Uint32Array(EVENTS_A_CHUNK);
const stamps = new Float64Array(EVENTS_A_CHUNK);

/** Drops every record. */
export class NullSink implements RecordSink {
  records = 0;
  hasRoom(): boolean {
    return true;
  }
  append(): void {
    this.records++;
  }
}

export interface Started {
  readonly shards: Shard[];
  /** Of all starts, nanoseconds of CPU each. */
  readonly decodeNs: number;
  readonly applyNs: number;
  /** Of an event, on average. */
  readonly eventBytes: number;
}

/**
 * Starts `sessions` sessions, their phases spread evenly over one heartbeat interval.
 *
 * @param shuffled Whether the order of the rows has nothing to do with that of the deadlines, as
 * after hours of coming and going; else rows lie in the order in which they are due.
 */
export function startSessions(sessions: number, shuffled: boolean): Started {
  const budget = new SessionBudget(sessions);
  const counters = newShardCounters();
  const shards = Array.from({ length: SHARDS }, (_, index) =>
    new Shard({
      index,
      rules: {
        heartbeatIntervalMs: HEARTBEAT_MS,
        maxDurationMs: 1_800_000,
        graceMs: 30_000,
        missed: "coalesce",
      },
      budget,
      counters,
      hashSeed: 0x2545f491,
      startMs: START_MS,
    }));
  const decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: 1 << 20 });
  const chunk = new EventChunk(EVENTS_A_CHUNK);
  const sink = new NullSink();
  const step = shuffled ? coprimeStep(sessions) : 1;
  let decodeMs = 0;
  let applyMs = 0;
  let phase = 0;
  let eventBytes = 0;
  for (let n = 0; n < sessions;) {
    chunk.clear();
    const count = Math.min(EVENTS_A_CHUNK, sessions - n);
    let at = 0;
    for (let i = 0; i < count; i++, n++) {
      // A start may be of any instant up to now: none is due before the first whole interval.
      stamps[i] = START_MS + Math.floor(phase * HEARTBEAT_MS / sessions);
      phase = (phase + step) % sessions;
      ends[i] = at = writeStart(at, n, stamps[i]!);
    }
    eventBytes += at;
    const startedAt = cpuMs();
    let from = 0;
    for (let i = 0; i < count; i++) {
      const outcome = decoder.decode(bytes, from, ends[i]!);
      if (outcome !== DECODED_START) throw new Error(decoder.rejectDetail);
      chunk.add(decoder, EVENT_START, SHARDS, i, stamps[i]!);
      from = ends[i]!;
    }
    const decodedAt = cpuMs();
    decodeMs += decodedAt - startedAt;
    for (let event = 0; event < chunk.count; event++) {
      shards[chunk.shard(event)]!.apply(chunk, event, START_MS, sink);
    }
    applyMs += cpuMs() - decodedAt;
  }
  return {
    shards,
    decodeNs: decodeMs * 1e6 / sessions,
    applyNs: applyMs * 1e6 / sessions,
    eventBytes: Math.round(eventBytes / sessions),
  };
}

const HEAD = encoder.encode('{"type":"start","deviceId":"');
const SESSION_ID = encoder.encode('","sessionId":');
const ACCOUNT_ID = encoder.encode(',"accountId":"');
const TIMESTAMP = encoder.encode('","timestamp":"');
const CLOSE = encoder.encode('"}');

/** Writes the event at `position`; returns the position after it. */
function writeStart(position: number, n: number, stampMs: number): number {
  bytes.set(HEAD, position);
  let p = ids.writeUuid(bytes, position + HEAD.length, n);
  bytes.set(SESSION_ID, p);
  p = writeSessionId(bytes, p + SESSION_ID.length, n);
  bytes.set(ACCOUNT_ID, p);
  p = ids.writeAccount(bytes, p + ACCOUNT_ID.length, n);
  bytes.set(TIMESTAMP, p);
  p = writeInstant(bytes, p + TIMESTAMP.length, stampMs - ids.clockBehindMs(n));
  bytes.set(CLOSE, p);
  return p + CLOSE.length;
}

function coprimeStep(modulus: number): number {
  let step = Math.floor(modulus * 0.6180339887) | 1;
  const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b);
  while (gcd(step, modulus) !== 1) step += 2;
  return step;
}
