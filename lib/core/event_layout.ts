/**
 * The names under which a topic's events carry their fields: top-level keys of the JSON object and
 * the two values of the type field.
 *
 * The six field names differ from each other, the two values too; the config checks that before it
 * gets here. Names are compared as text, so a key may be written with JSON escapes.
 */
export interface EventLayout {
  readonly typeField: string;
  readonly startValue: string;
  readonly endValue: string;
  readonly deviceField: string;
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

/** The one topic of the reference whose device is a console; every other one is read as PCs. */
const CONSOLE_TOPIC = "console_sessions";

/**
 * The layout of the published Spark Real-Time Mode gaming reference, in which the name of the
 * device field depends on the topic.
 */
export function rtmGamingEventLayout(topic: string): EventLayout {
  return {
    typeField: "eventId",
    startValue: "ApplicationSessionStart",
    endValue: "ApplicationSessionEndBi",
    deviceField: topic === CONSOLE_TOPIC ? "openPsid" : "hostPcId",
    sessionField: "appSessionId",
    accountField: "psnAccountId",
    timestampField: "timestamp",
    durationField: "totalFgTime",
  };
}
