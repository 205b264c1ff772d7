import type { EventLayout } from "../core/event_layout.ts";
import type { FleetMessage } from "./device_fleet.ts";
import { uuidOf } from "./seeded_random.ts";

export interface EventTextOptions {
  readonly layout: EventLayout;
  readonly seed: number;
}

/** What the devices of a fleet write: one JSON object a message, in the names of the layout. */
export class EventText {
  readonly #layout: EventLayout;
  readonly #seed: number;

  constructor(options: EventTextOptions) {
    this.#layout = options.layout;
    this.#seed = options.seed;
  }

  deviceId(device: number): string {
    return uuidOf(this.#seed, device);
  }

  /** @param sentMs Epoch milliseconds. */
  of(message: FleetMessage, sentMs: number): string {
    if (message.kind === "garbage") return GARBAGE[message.session % GARBAGE.length]!;
    const { layout, device } = { layout: this.#layout, device: message.device };
    const event: Record<string, unknown> = {
      [layout.typeField]: this.#type(message.kind),
      [layout.deviceField]: this.deviceId(device),
      [layout.sessionField]: FIRST_SESSION_ID + message.session,
      [layout.accountField]: uuidOf(~this.#seed, device),
      [layout.timestampField]: new Date(sentMs + clockErrorMs(device)).toISOString(),
    };
    if (message.kind === "end") {
      event[layout.durationField] = Math.round(message.durationMs / 100) / 10;
    }
    return JSON.stringify(event);
  }

  #type(kind: "start" | "end" | "other"): string {
    switch (kind) {
      case "start":
        return this.#layout.startValue;
      case "end":
        return this.#layout.endValue;
      case "other":
        return "achievement";
    }
  }
}

/** Device clocks are wrong: most of them by little, one in a hundred by minutes, each always alike. */
function clockErrorMs(device: number): number {
  const isFarOff = device % 100 === 7;
  const spread = (Math.imul(device + 1, 0x9e3779b1) >>> 0) / 2 ** 32 - 0.5;
  return Math.round(spread * (isFarOff ? 600_000 : 800));
}

const FIRST_SESSION_ID = 9_402_035_216;

/** What turns up in topics besides events. */
const GARBAGE: readonly string[] = [
  "hello?",
  '{"type":"start","deviceId":"cut-off-in-the-mid',
  "[1,2,3]",
  '{"deviceId":"no-type"}',
  '{"type":"start","sessionId":1}',
  '{"type":"end","deviceId":42,"sessionId":"x"}',
  '{"type":"start","deviceId":"","sessionId":1}',
  '{"type":"end","deviceId":"no-session","sessionId":null}',
  '{"type":"start","deviceId":"d","sessionId":1,"timestamp":"yesterday"}',
];
