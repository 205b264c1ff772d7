import type { ChaosRules } from "./chaos_rules.ts";
import type { SentEvent } from "./event_load.ts";
import { CheckFailures, type FaultKind } from "./check_failures.ts";
import { isMember, parseSessionRecord, type SessionRecord } from "./session_record.ts";
import { TimerHistory } from "./timer_history.ts";

export interface OutputRecord {
  readonly partition: number;
  readonly offset: number;
  /** Of the Kafka record, epoch milliseconds. */
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
}

export interface OutputCheckOptions {
  readonly rules: ChaosRules;
  /** False: the engine's wall clock was not that of the load, and instants are not compared. */
  readonly isSameClock: boolean;
}

interface Session {
  readonly deviceId: string;
  /** Timestamps of its events in the input. */
  readonly startStamps: number[];
  readonly endStamps: number[];
  state: "unseen" | "active" | "ended";
  seq: number;
  startedAtMs: number;
  startEmittedAtMs: number;
}

interface Device {
  readonly partition: number;
  active: number | null;
  /** A session that began while a newer one was active: its End is the device's next record. */
  late: number | null;
}

/**
 * Holds the output against the input, record by record, by the contract's promises: each session
 * that was started has one Start and one End, the records of a device are in order, `seq` grows, and
 * a heartbeat is missing only where it may be left out. It knows nothing of how the engine works.
 */
export class OutputCheck {
  readonly failures = new CheckFailures();
  readonly counts = { records: 0, starts: 0, heartbeats: 0, coalesced: 0 };
  readonly ends = { ended: 0, superseded: 0, timeout: 0 };
  readonly #options: OutputCheckOptions;
  readonly #sessions = new Map<number, Session>();
  readonly #devices = new Map<string, Device>();
  readonly #timers: TimerHistory[] = [];
  #startedInInput = 0;
  #endedInOutput = 0;

  constructor(options: OutputCheckOptions) {
    this.#options = options;
  }

  get sessionsStarted(): number {
    return this.#startedInInput;
  }

  /** Sessions of the input whose End is not there yet. */
  get sessionsOpen(): number {
    return this.#startedInInput - this.#endedInOutput;
  }

  /** An event that the input holds, or will hold. */
  event({ kind, session: id, deviceId, stampMs }: SentEvent): void {
    const session = this.#sessions.get(id) ?? newSession(deviceId);
    this.#sessions.set(id, session);
    if (kind === "end") session.endStamps.push(stampMs);
    else if (session.startStamps.push(stampMs) === 1) this.#startedInInput++;
  }

  record(raw: OutputRecord): void {
    this.counts.records++;
    const record = parseSessionRecord(raw.value);
    const fail = (kind: FaultKind, detail: string) => this.failures.add(kind, raw, detail);
    if (record === null) return fail("wrong", "not a session record");
    const session = this.#sessions.get(record.sessionId);
    if (session === undefined || session.startStamps.length === 0) {
      return fail("unstarted", "the input holds no start of this session");
    }
    if (raw.key !== record.deviceId || session.deviceId !== record.deviceId) {
      fail("wrong", "another device's key or id");
    }
    if (raw.timestampMs !== record.emittedAtMs) fail("wrong", "emittedAt is not the timestamp");
    if (record.durationMs !== record.atMs - record.startedAtMs) fail("wrong", "durationMs");
    this.#checkOrder(raw, record, fail);
    switch (record.status) {
      case "SessionStart":
        this.#start(session, record, fail);
        return;
      case "SessionHeartbeat":
        this.#heartbeat(session, record, raw.partition, fail);
        return;
      case "SessionEnd":
        this.#end(session, record, raw.partition, fail);
    }
  }

  /** Nothing more comes: what is not there is lost. */
  finish(): void {
    for (const [id, { startStamps, state, deviceId }] of this.#sessions) {
      if (startStamps.length === 0 || state === "ended") continue;
      const where = { key: deviceId, sessionId: id, startStamps };
      if (state === "unseen") this.failures.add("lost", where, "no Start");
      this.failures.add("lost", where, "no End");
    }
  }

  #start(session: Session, record: SessionRecord, fail: Fail): void {
    this.counts.starts++;
    if (session.state !== "unseen") return fail("duplicate", "a second Start");
    session.state = "active";
    session.seq = 0;
    session.startedAtMs = record.startedAtMs;
    session.startEmittedAtMs = record.emittedAtMs;
    if (record.seq !== 0 || record.reason !== null) fail("wrong", "seq or reason of a Start");
    if (record.atMs !== record.startedAtMs) fail("wrong", "at of a Start");
    if (!this.#options.isSameClock) return;
    if (!session.startStamps.includes(record.startedAtMs)) {
      fail("wrong", "startedAt is not the timestamp of a start");
    }
  }

  #heartbeat(session: Session, record: SessionRecord, partition: number, fail: Fail): void {
    this.counts.heartbeats++;
    const { heartbeatIntervalMs, maxDurationMs } = this.#options.rules;
    if (session.state !== "active") return fail("outOfOrder", `session is ${session.state}`);
    if (record.seq <= session.seq) return fail("duplicate", `after seq ${session.seq}`);
    const elapsedMs = record.seq * heartbeatIntervalMs;
    if (
      record.startedAtMs !== session.startedAtMs || record.reason !== null ||
      record.durationMs !== elapsedMs || elapsedMs >= maxDurationMs
    ) fail("wrong", "a heartbeat of another instant");
    if (record.emittedAtMs < record.atMs) fail("wrong", "a heartbeat before its time");
    this.#checkGap(session, record, partition, record.seq, fail);
    session.seq = record.seq;
    this.#timersOf(partition).add(record.emittedAtMs, record.atMs);
  }

  #end(session: Session, record: SessionRecord, partition: number, fail: Fail): void {
    if (session.state === "ended") return fail("duplicate", "a second End");
    this.#endedInOutput++;
    if (session.state === "unseen") fail("outOfOrder", "no Start yet");
    session.state = "ended";
    if (record.startedAtMs !== session.startedAtMs) fail("wrong", "startedAt of an End");
    if (record.seq !== session.seq + 1) fail("wrong", `seq of an End after ${session.seq}`);
    if (!isMember(this.ends, record.reason)) return fail("wrong", `reason ${record.reason}`);
    this.ends[record.reason]++;
    if (record.reason === "timeout") return this.#timeout(session, record, partition, fail);
    const { heartbeatIntervalMs } = this.#options.rules;
    if (!this.#mayHaveEndedFirst(session, record)) {
      // Everything due by then fires before the event that ends the session.
      const elapsedMs = record.sourceMs - session.startedAtMs;
      const due = Math.floor(elapsedMs / heartbeatIntervalMs) + 1;
      this.#checkGap(session, record, partition, due, fail);
    }
    if (record.reason !== "ended" || !this.#options.isSameClock) return;
    if (!session.endStamps.includes(record.sourceMs)) {
      fail("wrong", "sourceTimestamp is not the timestamp of an end");
    }
  }

  #timeout(session: Session, record: SessionRecord, partition: number, fail: Fail): void {
    const { heartbeatIntervalMs, maxDurationMs } = this.#options.rules;
    if (record.durationMs !== maxDurationMs) fail("wrong", "a timeout of another instant");
    if (record.emittedAtMs < record.atMs) fail("wrong", "a timeout before its time");
    // The last heartbeat has no next one that could stand for it.
    const last = Math.ceil(maxDurationMs / heartbeatIntervalMs) - 1;
    if (session.seq !== last) fail("gap", `a timeout after seq ${session.seq}, not ${last}`);
    this.#timersOf(partition).add(record.emittedAtMs, record.atMs);
  }

  /**
   * Whether the end may have been read before a clock was set back, and the start after that: then
   * the start, being later than now, counts as now, the session ends as it begins, and the time
   * between the two is that between two clocks.
   */
  #mayHaveEndedFirst(session: Session, record: SessionRecord): boolean {
    return !this.#options.isSameClock && record.reason === "ended" &&
      record.emittedAtMs === session.startEmittedAtMs &&
      !session.startStamps.includes(session.startedAtMs);
  }

  /**
   * Heartbeats after the last one and before number `before` are missing. Each may be only when
   * the next one was due by the instant of this record, and when no later timer of the partition
   * had fired before that next one was due: then it would have had its turn alone.
   */
  #checkGap(
    session: Session,
    record: SessionRecord,
    partition: number,
    before: number,
    fail: Fail,
  ): void {
    const { heartbeatIntervalMs, maxDurationMs } = this.#options.rules;
    const timers = this.#timersOf(partition);
    for (let k = session.seq + 1; k < before; k++) {
      const dueMs = session.startedAtMs + k * heartbeatIntervalMs;
      const nextMs = dueMs + heartbeatIntervalMs;
      if (dueMs >= session.startedAtMs + maxDurationMs) return;
      this.counts.coalesced++;
      if (nextMs > record.emittedAtMs) fail("gap", `heartbeat ${k} is missing`);
      else if (timers.hasFiredPast(dueMs, session.startEmittedAtMs, nextMs)) {
        fail("gap", `heartbeat ${k} was passed over by later ones`);
      }
    }
  }

  #checkOrder({ partition }: OutputRecord, record: SessionRecord, fail: Fail): void {
    const { deviceId, sessionId, status } = record;
    const device = this.#devices.get(deviceId) ?? { partition, active: null, late: null };
    this.#devices.set(deviceId, device);
    if (device.partition !== partition) fail("outOfOrder", "another partition than before");
    if (device.late !== null && (device.late !== sessionId || status !== "SessionEnd")) {
      fail("outOfOrder", `session ${device.late} began late and has no End yet`);
    }
    switch (status) {
      case "SessionStart":
        if (device.active === null) device.active = sessionId;
        else device.late = sessionId;
        return;
      case "SessionHeartbeat":
        if (device.active !== sessionId) fail("outOfOrder", `active is ${device.active}`);
        return;
      case "SessionEnd":
        if (device.late === sessionId) device.late = null;
        else if (device.active === sessionId) device.active = null;
        else fail("outOfOrder", `active is ${device.active}`);
    }
  }

  #timersOf(partition: number): TimerHistory {
    return this.#timers[partition] ??= new TimerHistory();
  }
}

type Fail = (kind: FaultKind, detail: string) => void;

function newSession(deviceId: string): Session {
  return {
    deviceId,
    startStamps: [],
    endStamps: [],
    state: "unseen",
    seq: -1,
    startedAtMs: NaN,
    startEmittedAtMs: NaN,
  };
}
