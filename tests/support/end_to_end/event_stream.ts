import { eventMembers, objectText } from "../event_text.ts";
import { kcatProduce } from "../kafka/kcat.ts";
import { type FieldMap, PLAIN_FIELDS, RTM_GAMING_FIELDS } from "../model/model_events.ts";
import type { ModelOutputLayout } from "../model/render.ts";
import { Random } from "../random.ts";

/** An event as a test speaks of it. */
export interface DeviceEvent {
  readonly kind: "start" | "end";
  readonly deviceId: string;
  /** As JSON writes it: `17` or `"17"`. */
  readonly sessionId: string;
  readonly accountId?: string;
  /** Of the device's clock. */
  readonly timestampMs?: number;
  readonly durationSeconds?: number;
}

export interface EventStreamOptions {
  readonly layout: ModelOutputLayout;
  readonly topics: readonly string[];
  readonly seed: number;
}

/**
 * Writes events to the input topics with kcat, without keys, each to a partition by chance. A device
 * keeps to its topic.
 */
export class EventStream {
  readonly fields: FieldMap;
  /** Starts and ends produced so far. */
  produced = 0;
  readonly #bootstrap: string;
  readonly #topics: readonly string[];
  readonly #random: Random;

  constructor(bootstrap: string, { layout, topics, seed }: EventStreamOptions) {
    this.fields = layout === "plain" ? PLAIN_FIELDS : RTM_GAMING_FIELDS;
    this.#bootstrap = bootstrap;
    this.#topics = topics;
    this.#random = new Random(seed);
  }

  /** Returns when the broker has them. */
  async produce(events: readonly DeviceEvent[]): Promise<void> {
    this.produced += events.length;
    await Promise.all(this.#topics.map(async (topic) => {
      const own = events.filter(({ deviceId }) => this.#topicOf(deviceId) === topic);
      if (own.length === 0) return;
      const values = own.map((event) => ({ value: this.#text(event, topic) }));
      // Otherwise librdkafka fills one partition at a time.
      const config = { "sticky.partitioning.linger.ms": "0" };
      await kcatProduce(this.#bootstrap, topic, values, { config });
    }));
  }

  #topicOf(deviceId: string): string {
    let sum = 0;
    for (const char of deviceId) sum += char.codePointAt(0)!;
    return this.#topics[sum % this.#topics.length]!;
  }

  #text(event: DeviceEvent, topic: string): string {
    const { deviceId: device } = this.fields;
    const deviceField = typeof device === "string" ? device : device[topic]!;
    const id = JSON.parse(event.sessionId);
    const isNumber = typeof id === "number";
    return objectText(eventMembers({
      kind: event.kind,
      deviceId: event.deviceId,
      sessionId: { text: isNumber ? event.sessionId : id, isNumber },
      accountId: event.accountId ?? null,
      timestampMs: event.timestampMs ?? null,
      durationSeconds: event.durationSeconds ?? null,
    }, { fields: this.fields, deviceField, random: this.#random }));
  }
}
