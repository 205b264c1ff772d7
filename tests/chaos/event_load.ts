import { pause } from "../support/kafka/broker_process.ts";
import { Random } from "../support/random.ts";
import type { ChaosRules } from "./chaos_rules.ts";
import { chooseScript, type ScriptedEvent } from "./device_script.ts";
import { EventProducer } from "./event_producer.ts";
import type { PlainRecord } from "./record_batch_bytes.ts";

export interface EventLoadOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly devices: number;
  readonly rules: ChaosRules;
  readonly seed: number;
  /** Told of each event before it is sent. */
  readonly onEvent: (event: SentEvent) => void;
}

export interface SentEvent {
  readonly kind: "start" | "end";
  readonly session: number;
  readonly deviceId: string;
  /** The record's timestamp. */
  readonly stampMs: number;
}

/** An event of a script that runs, or a device that begins its next script. */
type Pending =
  | { readonly event: ScriptedEvent; readonly run: ScriptRun }
  | { readonly event: null; readonly device: number };

/** One going through a script by one device. */
interface ScriptRun {
  readonly device: number;
  readonly firstSession: number;
  /** When the first event of each session was sent. */
  readonly sentMs: [number, number];
}

/**
 * Many devices that go through their scripts, each event on an input partition of its own choosing:
 * what belongs together comes out of order often enough. While the broker is away the devices
 * wait, as senders with a buffer of one do.
 */
export class EventLoad {
  /** Values that are not events, each sent once. */
  readonly junk: string[] = [];
  readonly #options: EventLoadOptions;
  readonly #random: Random;
  readonly #producer: EventProducer;
  readonly #deviceIds: string[];
  readonly #pending = new Map<number, Pending[]>();
  readonly #encoder = new TextEncoder();
  #nextTick = 0;
  #nextSession = 0;
  #isStopped = false;
  #running: Promise<void> | null = null;
  events = 0;

  constructor(options: EventLoadOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#producer = new EventProducer(options.bootstrap, options.topic, options.partitions);
    this.#deviceIds = Array.from(
      { length: options.devices },
      (_, device) => deviceIdOf(this.#random, device),
    );
  }

  start(): void {
    this.#nextTick = tickOf(Date.now());
    this.#deviceIds.forEach((_, device) => {
      this.#schedule(Date.now() + this.#random.int(0, 4000), { event: null, device });
    });
    this.#running = this.#run();
  }

  /** Ends the load; what was handed to the producer is in the topic then. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#producer.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const records = this.#takeDue();
      if (records.some(({ length }) => length > 0)) await this.#producer.send(records);
      const restMs = this.#nextTick * TICK_MS - Date.now();
      if (restMs > 0) await pause(restMs);
    }
  }

  #takeDue(): PlainRecord[][] {
    const records: PlainRecord[][] = Array.from({ length: this.#options.partitions }, () => []);
    const stampMs = Date.now();
    let count = 0;
    // After an outage there is a lot to tell: not all of it in one request.
    while (this.#nextTick <= tickOf(stampMs) && count < EVENTS_A_REQUEST) {
      const due = this.#pending.get(this.#nextTick) ?? [];
      this.#pending.delete(this.#nextTick);
      this.#nextTick++;
      for (const pending of due) {
        if (pending.event === null) {
          this.#begin(pending.device, stampMs);
          continue;
        }
        const value = this.#valueOf(pending.event, pending.run, stampMs);
        if (value === null) continue;
        this.#add(records, value, stampMs);
        count++;
      }
    }
    if (count > 0 && this.#random.chance(JUNK_SHARE * count)) this.#addJunk(records, stampMs);
    return records;
  }

  #add(records: PlainRecord[][], value: string, timestampMs: number): void {
    const partition = this.#random.int(0, records.length - 1);
    records[partition]!.push({ timestampMs, value: this.#encoder.encode(value) });
  }

  #addJunk(records: PlainRecord[][], timestampMs: number): void {
    const junk = `not an event ${this.junk.length}`;
    this.junk.push(junk);
    this.#add(records, junk, timestampMs);
    this.#add(records, `{"type":"heating","deviceId":7}`, timestampMs);
  }

  #valueOf(event: ScriptedEvent, run: ScriptRun, stampMs: number): string | null {
    const { graceMs } = this.#options.rules;
    const sentMs = run.sentMs[event.session];
    // Later than the grace it would be a new session, by the contract.
    const isTooLate = graceMs < REPEATS_GRACE_MS || stampMs - sentMs > graceMs / 4;
    if (event.isRepeat && isTooLate) return null;
    if (!event.isRepeat) run.sentMs[event.session] = stampMs;
    const session = run.firstSession + event.session;
    const deviceId = this.#deviceIds[run.device]!;
    this.#options.onEvent({ kind: event.kind, session, deviceId, stampMs });
    this.events++;
    const id = event.idAsText ? `"${session}"` : session;
    const timestamp = new Date(stampMs - event.deviceClockBehindMs).toISOString();
    const duration = event.kind === "end" && session % 3 === 0 ? `,"durationSeconds":1.5` : "";
    return `{"type":"${event.kind}","deviceId":"${deviceId}","sessionId":${id},` +
      `"accountId":"account-${run.device}","timestamp":"${timestamp}"${duration}}`;
  }

  #begin(device: number, atMs: number): void {
    const script = chooseScript(this.#random, this.#options.rules);
    const run: ScriptRun = { device, firstSession: this.#nextSession, sentMs: [0, 0] };
    this.#nextSession += script.sessions;
    for (const event of script.events) this.#schedule(atMs + event.afterMs, { event, run });
    this.#schedule(atMs + script.lengthMs, { event: null, device });
  }

  #schedule(atMs: number, pending: Pending): void {
    const tick = Math.max(tickOf(atMs), this.#nextTick);
    const ofTick = this.#pending.get(tick);
    if (ofTick === undefined) this.#pending.set(tick, [pending]);
    else ofTick.push(pending);
  }
}

/** Ids that are UUIDs and ids that are not: they are kept in different places. */
function deviceIdOf(random: Random, device: number): string {
  if (device % 4 === 0) return `console-${device}`;
  const hex = Array.from({ length: 4 }, () => random.uint32().toString(16).padStart(8, "0"))
    .join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${
    hex.slice(20)
  }`;
}

function tickOf(ms: number): number {
  return Math.floor(ms / TICK_MS);
}

/** Fifty requests a second cost a broker next to nothing. */
const TICK_MS = 20;
/** A shorter grace may be over before a repeat is read. */
const REPEATS_GRACE_MS = 1000;
const EVENTS_A_REQUEST = 1000;
const JUNK_SHARE = 0.002;
