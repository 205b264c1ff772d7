import { DueHeap } from "./due_heap.ts";
import { SeededRandom } from "./seeded_random.ts";

export interface FleetOptions {
  readonly devices: number;
  /** The same seed gives the same messages. */
  readonly seed: number;
  /** Everything that devices do takes this many times less than in life. */
  readonly speed: number;
  /** How old the oldest start is that lies in the topic at the beginning. */
  readonly initialAgeMs: number;
}

/** What a device, or whatever else writes to the topic, sends. */
export interface FleetMessage {
  readonly kind: "start" | "end" | "other" | "garbage";
  /** 0 … devices − 1 */
  readonly device: number;
  /** Which session of the whole fleet, from 0. For garbage: which kind of it. */
  readonly session: number;
  /** How long ago it was sent, when it is handed out: 0 but for what lay in the topic before. */
  readonly ageMs: number;
  /** How long the session was, on an end. */
  readonly durationMs: number;
}

/**
 * Simulated devices that start and end sessions the way real ones do: most of them properly, some
 * end late, twice, before their start or never, some crash and start again, and now and then
 * something comes that is no event at all.
 *
 * At the beginning the topic already holds a start of each session that is going on, so that
 * everything is in full swing at once. The fleet has no clock: it is
 * moved on, and hands out what was sent until then, in order.
 *
 * ```
 *            start                    session is over
 *   idle ─────────────► in session ──────────────────────► idle
 *                          ▲   │ crash: no end, and a new start in a moment
 *                          └───┘
 * ```
 */
export class DeviceFleet {
  readonly #random: SeededRandom;
  readonly #devices: number;
  readonly #speed: number;
  readonly #initialAgeMs: number;
  readonly #heap: DueHeap;
  /** The session that the device is in, or −1. */
  readonly #session: Float64Array;
  readonly #startedMs: Float64Array;
  /** Messages that are under way, by the negative number under which they stand in the heap. */
  readonly #delayed = new Map<number, FleetMessage>();
  #lastDelayed = 0;
  #sessions = 0;
  /** Devices whose beginning was decided. */
  #placed = 0;
  #nowMs = 0;
  #nextGarbageMs: number;
  #garbage = 0;

  constructor(options: FleetOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#devices = options.devices;
    this.#speed = options.speed;
    this.#initialAgeMs = options.initialAgeMs;
    this.#heap = new DueHeap(options.devices + 1024);
    this.#session = new Float64Array(options.devices).fill(-1);
    this.#startedMs = new Float64Array(options.devices);
    this.#nextGarbageMs = this.#random.exponential(GARBAGE_EVERY_MS);
  }

  /** Whether what lay in the topic before was handed out. */
  get isUnderWay(): boolean {
    return this.#placed === this.#devices;
  }

  /** When it has to be moved on next, on its own clock, which begins at 0. */
  nextDueMs(): number {
    if (!this.isUnderWay) return 0;
    return Math.min(this.#heap.nextDueMs(), this.#nextGarbageMs);
  }

  /**
   * Moves on to `nowMs`, or to where `messagesMax` messages are handed out.
   *
   * @returns whether it got there.
   */
  advance(nowMs: number, messagesMax: number, emit: (message: FleetMessage) => void): boolean {
    let room = messagesMax;
    this.#nowMs = Math.max(nowMs, this.#nowMs);
    while (!this.isUnderWay) {
      if (room <= 0) return false;
      if (this.#place(emit)) room--;
    }
    while (this.nextDueMs() <= nowMs) {
      if (room <= 0) return false;
      room -= this.#step(emit);
    }
    return true;
  }

  /** Decides what the next device does at the beginning. */
  #place(emit: (message: FleetMessage) => void): boolean {
    const device = this.#placed++;
    if (this.#random.fraction() >= ACTIVE_SHARE) {
      this.#heap.push(this.#nowMs + this.#idleMs(), device);
      return false;
    }
    // Evenly, oldest first: so heartbeats come evenly, too.
    const ageMs = this.#initialAgeMs * (1 - device / this.#devices);
    this.#begin(device, this.#nowMs - ageMs);
    // Who looks at a random instant is more likely to meet a long session, somewhere in it.
    const medianMs = MEDIAN_SESSION_MS * Math.exp(SESSION_SIGMA ** 2);
    this.#heap.push(this.#nowMs + this.#lengthMs(medianMs) * this.#random.fraction(), device);
    emit(this.#message("start", device, { ageMs }));
    return true;
  }

  /** Does what is due first; returns how many messages that were. */
  #step(emit: (message: FleetMessage) => void): number {
    if (this.#nextGarbageMs <= this.#heap.nextDueMs()) {
      this.#nextGarbageMs += this.#random.exponential(GARBAGE_EVERY_MS);
      const device = Math.floor(this.#random.between(0, this.#devices));
      emit({ kind: "garbage", device, session: this.#garbage++, ageMs: 0, durationMs: 0 });
      return 1;
    }
    const dueMs = this.#heap.nextDueMs();
    const item = this.#heap.pop();
    if (item < 0) {
      emit(this.#delayed.get(item)!);
      this.#delayed.delete(item);
      return 1;
    }
    return this.#session[item]! < 0
      ? this.#startSession(item, dueMs, emit)
      : this.#endSession(item, dueMs, emit);
  }

  #startSession(device: number, nowMs: number, emit: (message: FleetMessage) => void): number {
    this.#begin(device, nowMs);
    const chance = this.#random.fraction();
    if (chance < OVERTAKEN_SHARE) {
      // A session of a moment, whose end comes over another way and is there first.
      const durationMs = this.#random.between(1, 4) * SECOND_MS / this.#speed;
      emit(this.#message("end", device, { durationMs }));
      this.#delay(nowMs + durationMs / 4, this.#message("start", device));
      this.#session[device] = -1;
      this.#heap.push(nowMs + durationMs + this.#idleMs(), device);
      return 1;
    }
    const start = this.#message("start", device);
    emit(start);
    if (chance < OVERTAKEN_SHARE + REPEATED_SHARE) {
      this.#delay(nowMs + this.#soonMs(), start);
    } else if (chance < OVERTAKEN_SHARE + REPEATED_SHARE + OTHER_SHARE) {
      this.#delay(nowMs + this.#soonMs(), this.#message("other", device));
    }
    this.#heap.push(nowMs + this.#lengthMs(MEDIAN_SESSION_MS), device);
    return 1;
  }

  #endSession(device: number, nowMs: number, emit: (message: FleetMessage) => void): number {
    const chance = this.#random.fraction();
    const durationMs = nowMs - this.#startedMs[device]!;
    const end = this.#message("end", device, { durationMs });
    this.#session[device] = -1;
    if (chance < CRASHED_SHARE) {
      // It starts again in a moment, and that start ends the session before.
      this.#heap.push(nowMs + this.#soonMs(), device);
      return 0;
    }
    this.#heap.push(nowMs + this.#idleMs(), device);
    // Nobody ever says that it ended: it times out, or the next start supersedes it.
    if (chance < CRASHED_SHARE + LOST_SHARE) return 0;
    if (chance < CRASHED_SHARE + LOST_SHARE + LATE_SHARE) {
      this.#delay(nowMs + this.#random.between(2, 20) * SECOND_MS / this.#speed, end);
      return 0;
    }
    emit(end);
    if (chance < CRASHED_SHARE + LOST_SHARE + LATE_SHARE + REPEATED_SHARE) {
      this.#delay(nowMs + this.#soonMs(), end);
    }
    return 1;
  }

  #begin(device: number, nowMs: number): void {
    this.#session[device] = this.#sessions++;
    this.#startedMs[device] = nowMs;
  }

  #lengthMs(medianMs: number): number {
    const lengthMs = this.#random.logNormal(medianMs, SESSION_SIGMA);
    return Math.min(Math.max(lengthMs, SESSION_MS_MIN), SESSION_MS_MAX) / this.#speed;
  }

  #idleMs(): number {
    return (SESSION_MS_MIN + this.#random.exponential(MEAN_IDLE_MS)) / this.#speed;
  }

  #soonMs(): number {
    return this.#random.between(0.3, 6) * SECOND_MS / this.#speed;
  }

  #message(
    kind: "start" | "end" | "other",
    device: number,
    about: { readonly ageMs?: number; readonly durationMs?: number } = {},
  ): FleetMessage {
    const { ageMs = 0, durationMs = 0 } = about;
    return { kind, device, session: this.#session[device]!, ageMs, durationMs };
  }

  #delay(dueMs: number, message: FleetMessage): void {
    const name = --this.#lastDelayed;
    this.#delayed.set(name, message);
    this.#heap.push(dueMs, name);
  }
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** A mean of 13.8 minutes; one in twelve is longer than the 30 minutes after which it times out. */
const MEDIAN_SESSION_MS = 10 * MINUTE_MS;
const SESSION_SIGMA = 0.8;
const SESSION_MS_MIN = 5 * SECOND_MS;
const SESSION_MS_MAX = 180 * MINUTE_MS;
/** With the mean above four fifths of the devices are in a session at any time. */
const MEAN_IDLE_MS = 3.4 * MINUTE_MS;
const ACTIVE_SHARE = 0.8;

/** Of the sessions that start. An overtaken start waits: few of them, or the latency is all theirs. */
const OVERTAKEN_SHARE = 0.002;
const REPEATED_SHARE = 0.02;
const OTHER_SHARE = 0.02;
/** Of the sessions that end. */
const CRASHED_SHARE = 0.04;
const LOST_SHARE = 0.03;
const LATE_SHARE = 0.03;

/** However many devices there are. */
const GARBAGE_EVERY_MS = 5 * SECOND_MS;
