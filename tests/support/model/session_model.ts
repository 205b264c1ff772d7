/**
 * The sessions of section 2 of the contract, told in objects and Maps: the oracle that the fast
 * core is compared with, record for record.
 *
 * ```text
 *                 start                      end, superseded, timeout
 *   never seen ───────────────► active ───────────────────────────────► ended
 *        │                                                                │ clock > + G
 *        │ end                            start                           ▼
 *        └────────► early end ───────────────────────► ended           forgotten
 *                       │ clock > + G                                   = never seen
 *                       └──────────────► forgotten, an orphan end
 * ```
 */
import type { ModelSessionId } from "./model_events.ts";
import type { ModelEndReason, ModelRecord } from "./model_record.ts";
import type { ModelCounters, ModelState } from "./model_state.ts";
import { type Device, type EarlyEnd, isNewer, type Session } from "./remembered_session.ts";
import { TimerHeap } from "./timer_heap.ts";

export interface ModelOptions {
  /** H */
  readonly heartbeatIntervalMs: number;
  /** M */
  readonly maxDurationMs: number;
  /** G */
  readonly graceMs: number;
  readonly missed: "coalesce" | "all";
}

export interface ModelStart {
  readonly kind: "start";
  readonly deviceId: string;
  readonly sessionId: ModelSessionId;
  readonly accountId: string | null;
  readonly timestampMs: number | null;
  /** Of the Kafka record, as it came. */
  readonly sourceTimestampMs: number;
}

export interface ModelEnd {
  readonly kind: "end";
  readonly deviceId: string;
  readonly sessionId: ModelSessionId;
  readonly reportedDurationMs: number | null;
  readonly sourceTimestampMs: number;
}

export class NaiveModel {
  readonly counters: ModelCounters = {
    starts: 0,
    ends: 0,
    duplicates: 0,
    earlyEnds: 0,
    orphanEnds: 0,
    lateStarts: 0,
    heartbeatsLeftOut: 0,
    timestampsReplaced: 0,
  };
  readonly #options: ModelOptions;
  readonly #devices = new Map<string, Device>();
  readonly #timers = new TimerHeap<Session>();
  /** What is remembered for G, oldest first: the clock only goes on, so it is sorted. */
  readonly #remembered: { device: Device; item: Session | EarlyEnd; sinceMs: number }[] = [];
  #rememberedFrom = 0;
  #activeCount = 0;
  #clockMs = 0;
  /** The wall clock, where it is another than the clock of the rules. */
  #nowMs: number | undefined;
  #records: ModelRecord[] = [];

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  get activeCount(): number {
    return this.#activeCount;
  }

  /** The instant of the next timer; null without an active session. */
  get nextDueMs(): number | null {
    this.#dropStaleTimers();
    return this.#timers.peek()?.dueMs ?? null;
  }

  /**
   * Moves the clock on to `toMs`, firing what is due by then, and returns the records in order.
   * Without `nowMs` (a replay) the clock of the rules is the only one.
   */
  advance(toMs: number, nowMs?: number): ModelRecord[] {
    this.#nowMs = nowMs;
    this.#fireDue(toMs);
    this.#clockMs = Math.max(this.#clockMs, toMs);
    this.#forget();
    return this.#takeRecords();
  }

  /**
   * Moves the clock on to `clockMs`, applies the event, and fires what the event itself made
   * overdue.
   */
  apply(event: ModelStart | ModelEnd, clockMs: number, nowMs?: number): ModelRecord[] {
    const before = this.advance(clockMs, nowMs);
    const sourceTimestampMs = this.#usedTimestamp(event.sourceTimestampMs);
    const device = this.#deviceOf(event.deviceId);
    if (event.kind === "start") this.#applyStart(device, { ...event, sourceTimestampMs });
    else this.#applyEnd(device, { ...event, sourceTimestampMs });
    this.#fireDue(this.#clockMs);
    this.#forgetDevice(device);
    return [...before, ...this.#takeRecords()];
  }

  state(): ModelState {
    const devices = [...this.#devices.values()].map((device) => ({
      deviceId: device.id,
      active: device.active === null ? null : {
        sessionId: device.active.id.text,
        startedAtMs: device.active.startedAtMs,
        orderKeyMs: device.active.orderKeyMs,
        accountId: device.active.accountId,
        nextDueMs: this.#dueOf(device.active),
      },
      ended: [...device.ended.keys()].sort(),
      earlyEnds: [...device.earlyEnds.keys()].sort(),
    }));
    devices.sort((a, b) => a.deviceId < b.deviceId ? -1 : 1);
    return { devices };
  }

  #usedTimestamp(timestampMs: number): number {
    const nowMs = this.#nowMs ?? this.#clockMs;
    if (timestampMs >= 0 && timestampMs <= nowMs) return timestampMs;
    this.counters.timestampsReplaced++;
    return nowMs;
  }

  #applyStart(device: Device, start: ModelStart): void {
    this.counters.starts++;
    const text = start.sessionId.text;
    if (device.active?.id.text === text || device.ended.has(text)) {
      this.counters.duplicates++;
      return;
    }

    const earlyEnd = device.earlyEnds.get(text);
    const session: Session = {
      device,
      id: earlyEnd?.id ?? start.sessionId,
      accountId: start.accountId,
      startedAtMs: start.sourceTimestampMs,
      orderKeyMs: Math.min(start.timestampMs ?? Infinity, start.sourceTimestampMs),
      seq: 0,
      nextHeartbeat: 1,
    };
    const isNewest = this.#isNewest(device, session);

    if (isNewest && device.active !== null) {
      const at = start.sourceTimestampMs;
      this.#endSession(device.active, { reason: "superseded", at, source: at, reported: null });
    }
    this.#writeStart(session);

    if (earlyEnd !== undefined) {
      device.earlyEnds.delete(text);
      this.#endSession(session, {
        reason: "ended",
        at: earlyEnd.sourceTimestampMs,
        source: earlyEnd.sourceTimestampMs,
        reported: earlyEnd.reportedDurationMs,
      });
    } else if (isNewest) {
      device.active = session;
      this.#activeCount++;
      this.#timers.push(this.#dueOf(session), session);
    } else {
      this.counters.lateStarts++;
      const at = start.sourceTimestampMs;
      this.#endSession(session, { reason: "superseded", at, source: at, reported: null });
    }
  }

  #applyEnd(device: Device, end: ModelEnd): void {
    this.counters.ends++;
    const text = end.sessionId.text;
    if (device.active?.id.text === text) {
      this.#endSession(device.active, {
        reason: "ended",
        at: end.sourceTimestampMs,
        source: end.sourceTimestampMs,
        reported: end.reportedDurationMs,
      });
    } else if (device.ended.has(text) || device.earlyEnds.has(text)) {
      this.counters.duplicates++;
    } else {
      this.counters.earlyEnds++;
      const earlyEnd: EarlyEnd = {
        id: end.sessionId,
        sourceTimestampMs: end.sourceTimestampMs,
        reportedDurationMs: end.reportedDurationMs,
      };
      device.earlyEnds.set(text, earlyEnd);
      this.#remembered.push({ device, item: earlyEnd, sinceMs: this.#clockMs });
    }
  }

  /** Against the newest of the device's active and remembered sessions. */
  #isNewest(device: Device, session: Session): boolean {
    const others = [...device.ended.values()];
    if (device.active !== null) others.push(device.active);
    return others.every((other) => isNewer(session, other));
  }

  /** Writes the end and remembers the session, which may have been active or only just started. */
  #endSession(
    session: Session,
    end: { reason: ModelEndReason; at: number; source: number; reported: number | null },
  ): void {
    const device = session.device;
    session.seq++;
    this.#write(session, {
      status: "SessionEnd",
      reason: end.reason,
      atMs: Math.max(end.at, session.startedAtMs),
      reportedDurationMs: end.reported,
      sourceTimestampMs: end.source,
    });
    if (device.active === session) {
      device.active = null;
      this.#activeCount--;
    }
    device.ended.set(session.id.text, session);
    this.#remembered.push({ device, item: session, sinceMs: this.#clockMs });
  }

  #writeStart(session: Session): void {
    this.#write(session, {
      status: "SessionStart",
      reason: null,
      atMs: session.startedAtMs,
      reportedDurationMs: null,
      sourceTimestampMs: session.startedAtMs,
    });
  }

  /** Fires every timer due at or before `toMs`; the clock stands at each instant meanwhile. */
  #fireDue(toMs: number): void {
    while (true) {
      this.#dropStaleTimers();
      const timer = this.#timers.peek();
      if (timer === undefined || timer.dueMs > toMs) return;
      this.#timers.pop();
      this.#clockMs = Math.max(this.#clockMs, timer.dueMs);
      this.#fire(timer.item, timer.dueMs, Math.max(toMs, this.#nowMs ?? toMs));
    }
  }

  #fire(session: Session, dueMs: number, dueByMs: number): void {
    const { heartbeatIntervalMs, missed } = this.#options;
    const timeoutMs = this.#timeoutOf(session);
    if (dueMs === timeoutMs) {
      this.#endSession(session, {
        reason: "timeout",
        at: timeoutMs,
        source: session.startedAtMs,
        reported: null,
      });
      return;
    }
    const nextMs = dueMs + heartbeatIntervalMs;
    const hasNext = nextMs < timeoutMs;
    if (missed === "coalesce" && hasNext && nextMs <= dueByMs) {
      this.counters.heartbeatsLeftOut++;
    } else {
      session.seq = session.nextHeartbeat;
      this.#write(session, {
        status: "SessionHeartbeat",
        reason: null,
        atMs: dueMs,
        reportedDurationMs: null,
        sourceTimestampMs: session.startedAtMs,
      });
    }
    session.nextHeartbeat++;
    this.#timers.push(this.#dueOf(session), session);
  }

  #timeoutOf(session: Session): number {
    return session.startedAtMs + this.#options.maxDurationMs;
  }

  #dueOf(session: Session): number {
    const heartbeatMs = session.startedAtMs +
      session.nextHeartbeat * this.#options.heartbeatIntervalMs;
    return Math.min(heartbeatMs, this.#timeoutOf(session));
  }

  #write(
    session: Session,
    what: Pick<
      ModelRecord,
      "status" | "reason" | "atMs" | "reportedDurationMs" | "sourceTimestampMs"
    >,
  ): void {
    const nextAtMs = Math.min(
      what.atMs + this.#options.heartbeatIntervalMs,
      this.#timeoutOf(session),
    );
    this.#records.push({
      deviceId: session.device.id,
      sessionId: session.id,
      accountId: session.accountId,
      seq: session.seq,
      startedAtMs: session.startedAtMs,
      orderKeyMs: session.orderKeyMs,
      durationMs: what.atMs - session.startedAtMs,
      nextAtMs: what.status === "SessionEnd" ? null : nextAtMs,
      emittedAtMs: Math.max(this.#clockMs, this.#nowMs ?? 0),
      ...what,
    });
  }

  #takeRecords(): ModelRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /** A timer whose session ended stays in the heap until it comes up. */
  #dropStaleTimers(): void {
    while (true) {
      const timer = this.#timers.peek();
      if (timer === undefined || timer.item.device.active === timer.item) return;
      this.#timers.pop();
    }
  }

  #forget(): void {
    while (true) {
      const oldest = this.#remembered[this.#rememberedFrom];
      if (oldest === undefined || oldest.sinceMs + this.#options.graceMs >= this.#clockMs) break;
      this.#rememberedFrom++;
      const { device, item } = oldest;
      const text = item.id.text;
      if (device.ended.get(text) === item) device.ended.delete(text);
      if (device.earlyEnds.get(text) === item) {
        device.earlyEnds.delete(text);
        this.counters.orphanEnds++;
      }
      this.#forgetDevice(device);
    }
    if (this.#rememberedFrom > 10_000) {
      this.#remembered.splice(0, this.#rememberedFrom);
      this.#rememberedFrom = 0;
    }
  }

  #deviceOf(deviceId: string): Device {
    let device = this.#devices.get(deviceId);
    if (device === undefined) {
      device = { id: deviceId, active: null, ended: new Map(), earlyEnds: new Map() };
      this.#devices.set(deviceId, device);
    }
    return device;
  }

  #forgetDevice(device: Device): void {
    if (device.active === null && device.ended.size === 0 && device.earlyEnds.size === 0) {
      this.#devices.delete(device.id);
    }
  }
}
