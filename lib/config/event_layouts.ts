import {
  type EventLayout,
  PLAIN_EVENT_LAYOUT,
  rtmGamingEventLayout,
} from "../core/event_layout.ts";
import type { ConfigKey, ConfigValues } from "./config_schema.ts";

/** Topics of the published reference, read when `rtm-gaming` is chosen and no topic named. */
export const RTM_GAMING_TOPICS = ["pc_sessions", "console_sessions"] as const;

const PLAIN_TOPICS = ["events"] as const;

/** The keys that choose single names of a layout. */
export const LAYOUT_KEYS = [
  "input.layout.type",
  "input.layout.startValue",
  "input.layout.endValue",
  "input.layout.deviceId",
  "input.layout.sessionId",
  "input.layout.accountId",
  "input.layout.timestamp",
  "input.layout.durationSeconds",
] as const satisfies readonly ConfigKey[];

/** The topics to read: those named, or the ones that go with the layout. */
export function inputTopics(values: ConfigValues): readonly string[] {
  const named = values["input.topics"];
  if (named !== null) return named;
  return values["input.layout"] === "rtm-gaming" ? RTM_GAMING_TOPICS : PLAIN_TOPICS;
}

/** The layout of each topic: the named one, with the names that were chosen singly in its place. */
export function eventLayouts(values: ConfigValues): Record<string, EventLayout> {
  return Object.fromEntries(
    inputTopics(values).map((topic) => [topic, eventLayoutOf(topic, values)]),
  );
}

/** Whether any name differs from the preset's by choice. */
export function isCustomLayout(values: ConfigValues): boolean {
  return LAYOUT_KEYS.some((key) => values[key] !== null);
}

/** The way back: values of the layout keys that give these layouts. Only the device may differ. */
export function layoutValues(
  layouts: Readonly<Record<string, EventLayout>>,
): Partial<ConfigValues> {
  const [layout] = Object.values(layouts);
  if (layout === undefined) return {};
  const devices = Object.entries(layouts).map(([topic, { deviceField }]) => [topic, deviceField]);
  const isOneField = devices.every(([, deviceField]) => deviceField === layout.deviceField);
  return {
    "input.layout.type": layout.typeField,
    "input.layout.startValue": layout.startValue,
    "input.layout.endValue": layout.endValue,
    "input.layout.deviceId": isOneField ? layout.deviceField : Object.fromEntries(devices),
    "input.layout.sessionId": layout.sessionField,
    "input.layout.accountId": layout.accountField,
    "input.layout.timestamp": layout.timestampField,
    "input.layout.durationSeconds": layout.durationField,
  };
}

function eventLayoutOf(topic: string, values: ConfigValues): EventLayout {
  const base = values["input.layout"] === "rtm-gaming"
    ? rtmGamingEventLayout(topic)
    : PLAIN_EVENT_LAYOUT;
  const device = values["input.layout.deviceId"];
  const deviceField = device === null || typeof device === "string"
    ? device
    : Object.hasOwn(device, topic)
    ? device[topic]!
    : null;
  return {
    typeField: values["input.layout.type"] ?? base.typeField,
    startValue: values["input.layout.startValue"] ?? base.startValue,
    endValue: values["input.layout.endValue"] ?? base.endValue,
    deviceField: deviceField ?? base.deviceField,
    sessionField: values["input.layout.sessionId"] ?? base.sessionField,
    accountField: values["input.layout.accountId"] ?? base.accountField,
    timestampField: values["input.layout.timestamp"] ?? base.timestampField,
    durationField: values["input.layout.durationSeconds"] ?? base.durationField,
  };
}
