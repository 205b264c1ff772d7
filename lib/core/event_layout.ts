/**
 * The names under which a topic's events carry their fields: top-level keys of the JSON object and
 * the two values of the type field.
 *
 * The field names differ from each other, the two values too; the config checks that before it
 * gets here. Names are compared as text, so a key may be written with JSON escapes.
 */
export interface EventLayout {
  readonly typeField: string;
  readonly startValue: string;
  readonly endValue: string;
  readonly deviceField: string;
  /** Where the device is in an event that has no `deviceField` at all. */
  readonly otherDeviceField?: string;
  readonly sessionField: string;
  readonly accountField: string;
  readonly timestampField: string;
  readonly durationField: string;
}

export const PLAIN_EVENT_LAYOUT: EventLayout = {
  typeField: "type",
  startValue: "start",
  endValue: "end",
  deviceField: "deviceId",
  sessionField: "sessionId",
  accountField: "accountId",
  timestampField: "timestamp",
  durationField: "durationSeconds",
};

/**
 * The layout of the published Spark Real-Time Mode gaming reference, in which the name of the
 * device field depends on the topic. A topic of another name (renamed, or a file) may carry both
 * kinds of events.
 */
export function rtmGamingEventLayout(topic: string): EventLayout {
  return {
    typeField: "eventId",
    startValue: "ApplicationSessionStart",
    endValue: "ApplicationSessionEndBi",
    ...rtmGamingDeviceFields(topic),
    sessionField: "appSessionId",
    accountField: "psnAccountId",
    timestampField: "timestamp",
    durationField: "totalFgTime",
  };
}

function rtmGamingDeviceFields(
  topic: string,
): Pick<EventLayout, "deviceField" | "otherDeviceField"> {
  if (topic === "pc_sessions") return { deviceField: "hostPcId" };
  if (topic === "console_sessions") return { deviceField: "openPsid" };
  return { deviceField: "hostPcId", otherDeviceField: "openPsid" };
}
