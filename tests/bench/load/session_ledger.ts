/**
 * Checks every record of a run against the schedule: 8 bytes a session, one step a record.
 *
 * What has to come is known beforehand, from the schedule and the rules of the contract, so this
 * needs neither the events nor any part of the engine. A `seq` that is passed over is told apart:
 * *left out* is what the contract allows after time away (the next heartbeat was due as well by
 * the time the record was made), *missing* is everything else.
 *
 * A record's timestamp that is later than the engine's now counts as now: an event that arrives
 * within the millisecond of its stamp may so be dated up to `CORRECTED_MS_MAX` back. That is
 * counted, and no fault.
 */
import type { DeviceIds } from "./device_ids.ts";
import type { LoadSchedule } from "./load_schedule.ts";
import {
  END,
  HEARTBEAT,
  REASON_ENDED,
  REASON_NONE,
  type RecordParser,
  START,
} from "./record_parser.ts";

export interface LedgerRules {
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
}

export interface Faults {
  /** A Start, a heartbeat or an End again. */
  duplicate: number;
  /** A record before its session's Start or after its End. */
  outOfOrder: number;
  /** A record that never came, though it was due. */
  missing: number;
  /** A field that does not say what it has to. */
  wrongField: number;
  /** A record of a session on another partition than that of its Start. */
  wrongPartition: number;
  /** A record that nothing caused. */
  unexpected: number;
}

const ABSENT = 0;
const ACTIVE = 1;
const ENDED = 2;
const EXAMPLES_MAX = 12;
/** Clocks of one machine differ by what they round off; more is a fault. */
const CORRECTED_MS_MAX = 3;

export class SessionLedger {
  readonly faults: Faults = {
    duplicate: 0,
    outOfOrder: 0,
    missing: 0,
    wrongField: 0,
    wrongPartition: 0,
    unexpected: 0,
  };
  /** The first few faults in words. */
  readonly examples: string[] = [];
  starts = 0;
  ends = 0;
  heartbeats = 0;
  /** Heartbeats left out as the contract allows, by when they were due. */
  leftOut = 0;
  leftOutInWindow = 0;
  /** Starts and ends whose event's timestamp the engine took as now. */
  corrected = 0;
  /** Starts and ends that are due in this window, and whose heartbeats count into it. */
  windowFromMs = Infinity;
  windowToMs = Infinity;

  readonly #schedule: LoadSchedule;
  readonly #ids: DeviceIds;
  readonly #rules: LedgerRules;
  readonly #untilMs: number;
  readonly #states: Uint8Array;
  readonly #partitions: Uint8Array;
  readonly #seqs: Uint16Array;
  /** Since the schedule's first instant. */
  readonly #startedAts: Int32Array;

  /** @param untilMs No event is due after this instant. */
  constructor(schedule: LoadSchedule, ids: DeviceIds, rules: LedgerRules, untilMs: number) {
    this.#schedule = schedule;
    this.#ids = ids;
    this.#rules = rules;
    this.#untilMs = untilMs;
    const sessions = schedule.config.sessions + schedule.startsBy(untilMs);
    this.#states = new Uint8Array(sessions);
    this.#partitions = new Uint8Array(sessions);
    this.#seqs = new Uint16Array(sessions);
    this.#startedAts = new Int32Array(sessions);
    // Touched now: fresh pages would cost time in the middle of the run.
    this.#states.fill(ABSENT);
    this.#seqs.fill(0);
    this.#partitions.fill(0);
    this.#startedAts.fill(0);
  }

  /**
   * Checks the record against what is known of its session.
   *
   * @returns the instant at which what caused it was meant to happen, epoch milliseconds; NaN for
   * a record that has no such instant or came before.
   */
  take(record: RecordParser, partition: number): number {
    const { n, status } = record;
    if (n >= this.#states.length) return this.#fault("unexpected", record, "nobody started it");
    if (status === START) return this.#takeStart(record, partition);
    const state = this.#states[n]!;
    if (state !== ACTIVE) {
      const again = state === ENDED && (status === END || record.seq <= this.#seqs[n]!);
      const what = state === ABSENT ? "before its Start" : "after its End";
      return this.#fault(again ? "duplicate" : "outOfOrder", record, what);
    }
    if (this.#partitions[n] !== partition) this.#fault("wrongPartition", record, `${partition}`);
    return status === HEARTBEAT ? this.#takeHeartbeat(record) : this.#takeEnd(record);
  }

  #takeStart(record: RecordParser, partition: number): number {
    const { n } = record;
    if (this.#states[n] !== ABSENT) return this.#fault("duplicate", record, "started before");
    this.starts++;
    this.#states[n] = ACTIVE;
    this.#partitions[n] = partition;
    this.#seqs[n] = 0;
    this.#startedAts[n] = record.startedAt - this.#schedule.fromMs;
    const expectedMs = this.#schedule.startMs(n);
    this.#checkInstant(record, expectedMs);
    if (
      record.seq !== 0 || record.durationMs !== 0 || record.startedAt !== record.at ||
      record.reportedDurationMs === record.reportedDurationMs
    ) this.#fault("wrongField", record, "of a start");
    this.#checkCommon(record);
    return expectedMs;
  }

  #takeHeartbeat(record: RecordParser): number {
    const { n, seq } = record;
    const last = this.#seqs[n]!;
    if (seq <= last) return this.#fault("duplicate", record, `the last seq was ${last}`);
    this.heartbeats++;
    this.#seqs[n] = seq;
    for (let k = last + 1; k < seq; k++) this.#noteLeftOut(record, k);
    const ageMs = seq * this.#rules.heartbeatIntervalMs;
    if (
      record.at !== record.startedAt + ageMs || record.durationMs !== ageMs ||
      record.sourceTimestamp !== record.startedAt || ageMs >= this.#rules.maxDurationMs ||
      record.reportedDurationMs === record.reportedDurationMs
    ) this.#fault("wrongField", record, "of a heartbeat");
    this.#checkCommon(record);
    return record.startedAt + ageMs;
  }

  #takeEnd(record: RecordParser): number {
    const { n, seq } = record;
    const last = this.#seqs[n]!;
    this.ends++;
    this.#states[n] = ENDED;
    if (record.reason !== REASON_ENDED) this.#fault("unexpected", record, "nobody ended it so");
    const endMs = this.#schedule.endMs(n);
    this.#checkInstant(record, endMs);
    const reportedSeconds = Math.floor((endMs - this.#schedule.startMs(n)) / 1000);
    if (
      record.durationMs !== record.at - record.startedAt ||
      record.reportedDurationMs !== reportedSeconds * 1000 ||
      record.nextAt === record.nextAt || seq !== last + 1
    ) this.#fault("wrongField", record, `of an end after seq ${last}`);
    this.#checkCommon(record);
    const due = Math.floor(record.durationMs / this.#rules.heartbeatIntervalMs);
    for (let k = last + 1; k <= due; k++) this.#noteLeftOut(record, k);
    return endMs;
  }

  #checkInstant(record: RecordParser, expectedMs: number): void {
    const { at, sourceTimestamp } = record;
    const early = expectedMs - at;
    if (at === sourceTimestamp && early >= 0 && early <= CORRECTED_MS_MAX) {
      if (early > 0) this.corrected++;
    } else this.#fault("wrongField", record, `the event's timestamp is ${expectedMs}`);
  }

  /** Heartbeat k was passed over by this record. */
  #noteLeftOut(record: RecordParser, k: number): void {
    const dueMs = record.startedAt + k * this.#rules.heartbeatIntervalMs;
    if (record.emittedAt < dueMs + this.#rules.heartbeatIntervalMs) {
      this.#fault("missing", record, `heartbeat ${k}`);
      return;
    }
    this.leftOut++;
    if (dueMs >= this.windowFromMs && dueMs < this.windowToMs) this.leftOutInWindow++;
  }

  #checkCommon(record: RecordParser): void {
    const { n, status, startedAt, at } = record;
    const { heartbeatIntervalMs, maxDurationMs } = this.#rules;
    const nextAt = Math.min(at + heartbeatIntervalMs, startedAt + maxDurationMs);
    const deviceMs = this.#schedule.startMs(n) - this.#ids.clockBehindMs(n);
    // The order key, null where it is `startedAt`.
    const orderKey = record.timestamp === record.timestamp ? record.timestamp : startedAt;
    if (
      startedAt !== this.#schedule.fromMs + this.#startedAts[n]! ||
      orderKey !== Math.min(deviceMs, startedAt) ||
      (status !== END && (record.nextAt !== nextAt || record.reason !== REASON_NONE))
    ) this.#fault("wrongField", record, "");
    if (record.emittedAt < at) this.#fault("wrongField", record, "made before it was due");
  }

  /** Sessions that have a Start and no End. */
  get active(): number {
    return this.starts - this.ends;
  }

  /**
   * Records that are due by `dueMs` and have not come. The sessions that have ended are checked
   * already. Costs some 10 ns a session.
   */
  missingBy(dueMs: number): { starts: number; heartbeats: number; ends: number } {
    const schedule = this.#schedule;
    const { sessions } = schedule.config;
    const missing = { starts: 0, heartbeats: 0, ends: 0 };
    const changedMs = Math.min(dueMs, this.#untilMs);
    const started = schedule.preloadedBy(changedMs) + schedule.startsBy(changedMs);
    const ended = schedule.endsBy(changedMs);
    for (let n = 0; n < started; n++) {
      const state = this.#states[n]!;
      if (state === ABSENT) missing.starts++;
      else if (state === ACTIVE) {
        const startedAt = schedule.fromMs + this.#startedAts[n]!;
        if (n < sessions + ended && schedule.endOf(n) < ended) missing.ends++;
        else {
          const due = Math.floor((dueMs - startedAt) / this.#rules.heartbeatIntervalMs);
          missing.heartbeats += Math.max(0, due - this.#seqs[n]!);
        }
      }
    }
    return missing;
  }

  #fault(kind: keyof Faults, record: RecordParser, detail: string): number {
    this.faults[kind]++;
    if (this.examples.length >= EXAMPLES_MAX) return NaN;
    const status = ["Start", "Heartbeat", "End"][record.status];
    this.examples.push(
      `${kind}: session ${record.n} ${status} seq ${record.seq} startedAt ${record.startedAt} ` +
        `at ${record.at} emittedAt ${record.emittedAt} ${detail}`.trimEnd(),
    );
    return NaN;
  }
}
