import type { Config } from "../config/config.ts";
import {
  type EventLayout,
  PLAIN_EVENT_LAYOUT,
  rtmGamingEventLayout,
} from "../core/event_layout.ts";
import type { ReplayLayouts } from "../engine/replay_line_decoder.ts";

/** The topic of a line that names none: no device field goes with it. */
const NO_TOPIC = "";

/**
 * The layouts by which a replay reads events: those of the configured topics for envelopes that
 * name them. Any other line may hold the device under each of the names that topics have for it.
 */
export function replayLayouts(input: Config["input"]): ReplayLayouts {
  const byTopic = new Map(Object.entries(input.layouts));
  return { byTopic, otherwise: layoutWithoutTopic(input) };
}

function layoutWithoutTopic(input: Config["input"]): EventLayout {
  if (input.layoutName === "plain") return PLAIN_EVENT_LAYOUT;
  if (input.layoutName === "rtm-gaming") return rtmGamingEventLayout(NO_TOPIC);
  const [first, ...others] = Object.values(input.layouts);
  const layout = first ?? PLAIN_EVENT_LAYOUT;
  const other = others.find(({ deviceField }) => deviceField !== layout.deviceField);
  return other === undefined ? layout : { ...layout, otherDeviceField: other.deviceField };
}
