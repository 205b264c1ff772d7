import type { RecordInput } from "../core/record_batch_encoder.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeviceFleet, FleetMessage } from "./device_fleet.ts";
import type { EventLog } from "./event_log.ts";
import type { EventText } from "./event_text.ts";

export interface FleetPumpOptions {
  readonly fleet: DeviceFleet;
  /** A topic and how its events read; device d writes to topic d modulo their number. */
  readonly topics: readonly { readonly log: EventLog; readonly text: EventText }[];
  readonly clock: Clock;
}

/**
 * Lets the fleet live by the clock and writes what its devices send to the topics. When a topic
 * takes no more for a while the devices wait, as producers do.
 */
export class FleetPump {
  /** Resolves once all that lay in the topics at the beginning is written, or it was stopped. */
  readonly underWay: Promise<void>;
  readonly #onUnderWay: () => void;
  readonly #options: FleetPumpOptions;
  readonly #encoder = new TextEncoder();
  #startMs = 0;
  #cancelWake: (() => void) | null = null;
  /** What no topic has taken yet. */
  #unwritten: Batch[] = [];

  constructor(options: FleetPumpOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.underWay = promise;
    this.#onUnderWay = resolve;
  }

  start(): void {
    this.#startMs = this.#options.clock.monotonicMs();
    this.#pump();
  }

  stop(): void {
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#onUnderWay();
  }

  #pump(): void {
    const { fleet, clock } = this.#options;
    if (!this.#write()) return this.#wake(RETRY_MS);
    const elapsedMs = clock.monotonicMs() - this.#startMs;
    const messages: FleetMessage[] = [];
    const isThere = fleet.advance(elapsedMs, MESSAGES_MAX, (message) => messages.push(message));
    this.#gather(messages);
    if (!this.#write()) return this.#wake(RETRY_MS);
    if (fleet.isUnderWay) this.#onUnderWay();
    if (!isThere) return this.#wake(0);
    this.#wake(Math.min(Math.max(fleet.nextDueMs() - elapsedMs, PAUSE_MS_MIN), PAUSE_MS_MAX));
  }

  #wake(delayMs: number): void {
    this.#cancelWake = this.#options.clock.wakeAfter(delayMs, () => this.#pump());
  }

  /** One batch a partition. */
  #gather(messages: readonly FleetMessage[]): void {
    const { topics, clock } = this.#options;
    const nowMs = clock.wallMs();
    const batches = new Map<string, Batch>();
    for (const message of messages) {
      const topic = message.device % topics.length;
      const { log, text } = topics[topic]!;
      const partition = Math.floor(message.device / topics.length) % log.partitions;
      const name = `${topic}/${partition}`;
      const batch = batches.get(name) ?? { log, partition, records: [] };
      const sentMs = Math.round(nowMs - message.ageMs);
      batch.records.push({
        timestampMs: sentMs,
        key: this.#encoder.encode(text.deviceId(message.device)),
        value: this.#encoder.encode(text.of(message, sentMs)),
        headers: [],
      });
      batches.set(name, batch);
    }
    this.#unwritten = [...batches.values()];
  }

  /** @returns whether everything is written. */
  #write(): boolean {
    this.#unwritten = this.#unwritten.filter(({ log, partition, records }) =>
      !log.append(partition, records)
    );
    return this.#unwritten.length === 0;
  }
}

interface Batch {
  readonly log: EventLog;
  readonly partition: number;
  readonly records: RecordInput[];
}

/** Some 0.5 MB in one go: others on the thread get their turn in between. */
const MESSAGES_MAX = 2_000;
const RETRY_MS = 20;
/** Messages that are this close go together. */
const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 1_000;
