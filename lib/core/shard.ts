import { ActiveSessions } from "./active_sessions.ts";
import { EVENT_START, EVENT_WORDS, type EventChunk, IDS_WORD } from "./event_chunk.ts";
import { ID_IS_INTEGER } from "./id_codec.ts";
import { invariant } from "./invariant.ts";
import {
  REASON_ENDED,
  REASON_NONE,
  REASON_SUPERSEDED,
  REASON_TIMEOUT,
  RecordDraft,
  STATUS_END,
  STATUS_HEARTBEAT,
  STATUS_START,
  TIME_AT,
  TIME_CLOCK,
  TIME_EMITTED,
  TIME_NEXT_AT,
  TIME_REPORTED_DURATION,
  TIME_SOURCE,
} from "./record_draft.ts";
import type { RecordSink } from "./record_sink.ts";
import { Remembered } from "./remembered.ts";
import type { SessionBudget } from "./session_budget.ts";
import { compareOrder } from "./session_order.ts";
import { NO_ROW, ROW_ENDED } from "./row_format.ts";
import { SessionRows } from "./session_rows.ts";
import type { SessionRules } from "./session_rules.ts";
import type { ShardCounters } from "./shard_counters.ts";
import type { ShardOptions } from "./shard_options.ts";
import { TimingWheel } from "./timing_wheel.ts";

/**
 * The sessions of the devices whose key falls on one output partition, and what becomes of them:
 * the state machine of the contract. Time comes in, records go out through a sink; nothing here
 * reads a clock, waits, or knows of Kafka.
 *
 * ```
 *                    start (newer)                     end · superseded · timeout
 *      (unknown) ─────────────────────► active ─────────────────────► ended, remembered ──► gone
 *          │  ▲        heartbeat ▲        │                               ▲        grace
 *          │  │                  └────────┘                               │
 *          │  └──────────────┐                                            │
 *          │ end             │ grace: an orphan                           │
 *          ▼                 │                                            │
 *      early end, remembered ┴────────────────────────────────────────────┘
 *                                 start, its end at once
 * ```
 *
 * The caller moves the clock with `advance` before it applies an event of an instant, so timers
 * due at or before that instant have fired.
 */
export class Shard {
  readonly index: number;
  readonly rules: SessionRules;
  readonly rows: SessionRows;
  readonly remembered: Remembered;
  readonly active: ActiveSessions;
  readonly #draft = new RecordDraft();
  readonly #budget: SessionBudget;
  readonly #counters: ShardCounters;
  #wheel: TimingWheel;
  #clockMs: number;
  /** When the last of those whose heartbeats were left out writes again. */
  #leftOutUntilMs = -Infinity;
  #timersFired = 0;

  constructor(options: ShardOptions) {
    invariant(options.rules.maxDurationMs < 2 ** 32, "an age fits into its word");
    this.index = options.index;
    this.rules = options.rules;
    this.rows = new SessionRows(options.hashSeed);
    this.remembered = new Remembered(this.rows, options);
    this.active = new ActiveSessions(this.rows, options.budget);
    this.#budget = options.budget;
    this.#counters = options.counters;
    this.#clockMs = options.startMs;
    this.#wheel = new TimingWheel(options.startMs);
  }

  /** The shard's clock, epoch milliseconds: never goes back, never passes now. */
  get clockMs(): number {
    return this.#clockMs;
  }

  /** Bytes of the structures that grow with the sessions. */
  get byteLength(): number {
    return this.rows.byteLength + this.active.byteLength + this.remembered.byteLength +
      this.#wheel.byteLength;
  }

  /** Timers that fired so far, also those that only left heartbeats out. */
  get timersFired(): number {
    return this.#timersFired;
  }

  /** Nothing is due before this instant; Infinity when no session is active. */
  nextDeadlineMs(): number {
    return this.#wheel.nextDeadlineMs();
  }

  /**
   * Moves the clock to `toMs` and fires every timer due by then, earliest first, while the sink
   * has room: `timersMax` of them at most, as one whose heartbeats are left out takes no room.
   *
   * @param nowMs The wall clock as guarded: decides which overdue heartbeats are left out, and
   * `emittedAt` is at least this. A replay passes -Infinity: its clock is the shard's.
   * @returns false when there are more; the clock then stands at the last timer fired.
   */
  advance(toMs: number, nowMs: number, sink: RecordSink, timersMax = Infinity): boolean {
    let fired = 0;
    let isDone = false;
    while (fired < timersMax && sink.hasRoom()) {
      const row = this.#wheel.poll(toMs);
      isDone = row === NO_ROW;
      if (isDone) break;
      fired++;
      if (this.#wheel.cursorMs > this.#clockMs) this.#clockMs = this.#wheel.cursorMs;
      this.#fire(row, nowMs, sink);
    }
    this.#timersFired += fired;
    if (isDone) return this.#settle(toMs);
    // The wheel, too: where its cursor stands decides the order of equal deadlines.
    if (this.#wheel.nextDeadlineMs() > toMs) return this.moveClock(toMs);
    this.expireRemembered();
    return false;
  }

  /** Moves the clock to `toMs`, before which nothing is due. */
  moveClock(toMs: number): true {
    invariant(this.#wheel.poll(toMs) === NO_ROW, "no timer is due before the next deadline");
    return this.#settle(toMs);
  }

  /**
   * Applies event `event` of the chunk. The clock has been advanced to its instant, and the sink
   * has room.
   */
  apply(chunk: EventChunk, event: number, nowMs: number, sink: RecordSink): void {
    // Here, where nobody holds on to one of them: the clock may stand still for many events.
    if (this.remembered.isOverfull) this.expireRemembered();
    if (chunk.type(event) === EVENT_START) this.#applyStart(chunk, event, nowMs, sink);
    else this.#applyEnd(chunk, event, nowMs, sink);
  }

  /** The instant of the next heartbeat or timeout of an active row. */
  deadlineMs(row: number): number {
    const { heartbeatIntervalMs, maxDurationMs } = this.rules;
    return this.rows.startedAt(row) +
      Math.min(this.rows.beat(row) * heartbeatIntervalMs, maxDurationMs);
  }

  /**
   * Sets what a restore knows of an active row's heartbeats: the last record is of this age in ms,
   * so that the timer is to wait for the first beat after it, by the rules of now.
   */
  resumeAfter(row: number, ageMs: number): void {
    this.rows.setAge(row, ageMs);
    this.rows.setBeat(row, Math.floor(ageMs / this.rules.heartbeatIntervalMs) + 1);
  }

  /** Ends a restore: the clock stands at `clockMs`, every active session gets its timer. */
  startTimers(clockMs: number): void {
    this.#clockMs = clockMs;
    this.#wheel = new TimingWheel(clockMs);
    this.active.forEach((row) => this.#wheel.schedule(row, this.deadlineMs(row)));
    this.expireRemembered();
  }

  /** Forgets what the grace has let go by the shard's clock. */
  expireRemembered(): void {
    const orphans = this.remembered.expire(this.#clockMs, this.rules.graceMs);
    this.#counters.orphanEnds += orphans;
  }

  #settle(toMs: number): true {
    if (toMs > this.#clockMs) this.#clockMs = toMs;
    this.expireRemembered();
    return true;
  }

  /**
   * The instant by which every session whose heartbeats were left out since this was last asked
   * writes again, which may lie far ahead of the clock; -Infinity when none was left out.
   */
  takeLeftOutUntil(): number {
    const untilMs = this.#leftOutUntilMs;
    this.#leftOutUntilMs = -Infinity;
    return untilMs;
  }

  #fire(row: number, nowMs: number, sink: RecordSink): void {
    const rows = this.rows;
    const { heartbeatIntervalMs, maxDurationMs, missed } = this.rules;
    const startedAt = rows.startedAt(row);
    let beat = rows.beat(row);
    if (missed === "coalesce") {
      const age = Math.max(nowMs, this.#clockMs) - startedAt;
      const due = Math.floor(age / heartbeatIntervalMs);
      const last = Math.ceil(maxDurationMs / heartbeatIntervalMs) - 1;
      const latest = due < last ? due : last;
      if (latest > beat) {
        this.#counters.coalescedHeartbeats += latest - beat;
        beat = latest;
        rows.setBeat(row, beat);
        const atMs = startedAt + beat * heartbeatIntervalMs;
        if (atMs > this.#leftOutUntilMs) this.#leftOutUntilMs = atMs;
        // Back into the wheel, so that it fires in the order of its own instant.
        this.#wheel.schedule(row, atMs);
        return;
      }
    }
    const age = beat * heartbeatIntervalMs;
    if (age >= maxDurationMs) {
      this.#writeEnd(row, REASON_TIMEOUT, startedAt + maxDurationMs, NaN, startedAt, nowMs, sink);
      this.#endActive(row, rows.deviceHash(row));
      return;
    }
    // After a change of H the last seq may already be past k.
    const seq = Math.max(beat, rows.seq(row) + 1);
    const nextAge = Math.min(age + heartbeatIntervalMs, maxDurationMs);
    const draft = this.#draft;
    draft.status = STATUS_HEARTBEAT;
    draft.reason = REASON_NONE;
    draft.seq = seq;
    const times = draft.times;
    times[TIME_AT] = startedAt + age;
    times[TIME_NEXT_AT] = startedAt + nextAge;
    times[TIME_REPORTED_DURATION] = NaN;
    times[TIME_SOURCE] = startedAt;
    times[TIME_EMITTED] = Math.max(nowMs, this.#clockMs);
    times[TIME_CLOCK] = this.#clockMs;
    sink.append(rows, row, draft);
    rows.setSeq(row, seq);
    rows.setAge(row, age);
    rows.setBeat(row, beat + 1);
    this.#wheel.schedule(row, startedAt + nextAge);
  }

  #applyStart(chunk: EventChunk, event: number, nowMs: number, sink: RecordSink): void {
    const rows = this.rows;
    const words = chunk.words;
    const at = event * EVENT_WORDS + IDS_WORD;
    const kinds = chunk.kinds(event);
    const longBytes = chunk.longBytes;
    const deviceKind = (kinds >>> 8) & 0xff;
    const sessionKind = (kinds >>> 16) & 0xff;
    const hash = rows.hashId(deviceKind, words, at, longBytes);
    const active = this.active.find(hash, deviceKind, words, at, longBytes);
    if (active !== NO_ROW && rows.isSession(active, sessionKind, words, at + 4, longBytes)) {
      this.#counters.duplicates++;
      return;
    }
    const known = this.remembered.find(hash, kinds, words, at, longBytes);
    if (known !== NO_ROW && rows.state(known) === ROW_ENDED) {
      this.#counters.duplicates++;
      return;
    }
    const startedAt = chunk.sourceTimestampMs(event);
    const timestamp = chunk.timestampMs(event);
    const row = rows.allocate();
    rows.setIds(row, words, at, kinds, longBytes);
    rows.setStartedAt(row, startedAt);
    rows.setOrderKey(row, timestamp < startedAt ? timestamp : startedAt);
    rows.setSeq(row, 0);
    const newest = active !== NO_ROW ? active : this.remembered.newestOf(row, hash);
    const isNewest = newest === NO_ROW || compareOrder(rows, row, newest) > 0;

    if (known !== NO_ROW) {
      // Its end came first. The form of the id that was seen first is the one that is written.
      if (active !== NO_ROW && isNewest) this.#supersede(active, hash, startedAt, nowMs, sink);
      const endedAt = rows.orderKey(known);
      const reportedMs = rows.reportedDurationMs(known);
      rows.setSessionKind(
        row,
        (sessionKind & ~ID_IS_INTEGER) | (rows.sessionKind(known) & ID_IS_INTEGER),
      );
      this.remembered.take(known);
      this.#writeStart(row, startedAt, nowMs, sink);
      const endAt = Math.max(endedAt, startedAt);
      this.#writeEnd(row, REASON_ENDED, endAt, reportedMs, endedAt, nowMs, sink);
      this.remembered.addEnded(row, hash, this.#clockMs);
      return;
    }
    if (!isNewest) {
      this.#counters.lateStarts++;
      this.#writeStart(row, startedAt, nowMs, sink);
      this.#writeEnd(row, REASON_SUPERSEDED, startedAt, NaN, startedAt, nowMs, sink);
      this.remembered.addEnded(row, hash, this.#clockMs);
      return;
    }
    if (active === NO_ROW && this.#budget.active >= this.#budget.sessionsMax) {
      this.#counters.droppedStarts++;
      rows.free(row);
      return;
    }
    if (active !== NO_ROW) this.#supersede(active, hash, startedAt, nowMs, sink);
    this.#writeStart(row, startedAt, nowMs, sink);
    this.resumeAfter(row, 0);
    this.#activate(row, hash);
  }

  #applyEnd(chunk: EventChunk, event: number, nowMs: number, sink: RecordSink): void {
    const rows = this.rows;
    const words = chunk.words;
    const at = event * EVENT_WORDS + IDS_WORD;
    const kinds = chunk.kinds(event);
    const longBytes = chunk.longBytes;
    const deviceKind = (kinds >>> 8) & 0xff;
    const sessionKind = (kinds >>> 16) & 0xff;
    const hash = rows.hashId(deviceKind, words, at, longBytes);
    const endedAt = chunk.sourceTimestampMs(event);
    const reportedMs = chunk.reportedDurationMs(event);
    const active = this.active.find(hash, deviceKind, words, at, longBytes);
    if (active !== NO_ROW && rows.isSession(active, sessionKind, words, at + 4, longBytes)) {
      const endAt = Math.max(endedAt, rows.startedAt(active));
      this.#writeEnd(active, REASON_ENDED, endAt, reportedMs, endedAt, nowMs, sink);
      this.#wheel.cancel(active);
      this.#endActive(active, hash);
      return;
    }
    if (this.remembered.find(hash, kinds, words, at, longBytes) !== NO_ROW) {
      this.#counters.duplicates++;
      return;
    }
    const row = rows.allocate();
    rows.setIds(row, words, at, kinds, longBytes);
    rows.setOrderKey(row, endedAt);
    rows.setReportedDurationMs(row, reportedMs);
    this.remembered.addEarlyEnd(row, hash, this.#clockMs);
    this.#counters.earlyEnds++;
  }

  /** Ends the active session in `row` since a newer start of its device came at `byMs`. */
  #supersede(row: number, hash: number, byMs: number, nowMs: number, sink: RecordSink): void {
    const endAt = Math.max(byMs, this.rows.startedAt(row));
    this.#writeEnd(row, REASON_SUPERSEDED, endAt, NaN, byMs, nowMs, sink);
    this.#wheel.cancel(row);
    this.#endActive(row, hash);
  }

  #writeStart(row: number, sourceMs: number, nowMs: number, sink: RecordSink): void {
    const { heartbeatIntervalMs, maxDurationMs } = this.rules;
    const draft = this.#draft;
    draft.status = STATUS_START;
    draft.reason = REASON_NONE;
    draft.seq = 0;
    const startedAt = this.rows.startedAt(row);
    const times = draft.times;
    times[TIME_AT] = startedAt;
    times[TIME_NEXT_AT] = startedAt + Math.min(heartbeatIntervalMs, maxDurationMs);
    times[TIME_REPORTED_DURATION] = NaN;
    times[TIME_SOURCE] = sourceMs;
    times[TIME_EMITTED] = Math.max(nowMs, this.#clockMs);
    times[TIME_CLOCK] = this.#clockMs;
    sink.append(this.rows, row, draft);
  }

  #writeEnd(
    row: number,
    reason: number,
    atMs: number,
    reportedMs: number,
    sourceMs: number,
    nowMs: number,
    sink: RecordSink,
  ): void {
    const draft = this.#draft;
    draft.status = STATUS_END;
    draft.reason = reason;
    draft.seq = this.rows.seq(row) + 1;
    const times = draft.times;
    times[TIME_AT] = atMs;
    times[TIME_NEXT_AT] = NaN;
    times[TIME_REPORTED_DURATION] = reportedMs;
    times[TIME_SOURCE] = sourceMs;
    times[TIME_EMITTED] = Math.max(nowMs, this.#clockMs);
    times[TIME_CLOCK] = this.#clockMs;
    sink.append(this.rows, row, draft);
  }

  #activate(row: number, hash: number): void {
    this.active.link(row, hash);
    this.#wheel.schedule(row, this.deadlineMs(row));
  }

  /** The row's timer is in the wheel no more. */
  #endActive(row: number, hash: number): void {
    this.active.unlink(row, hash);
    this.remembered.addEnded(row, hash, this.#clockMs);
  }
}
