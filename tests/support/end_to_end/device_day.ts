import type { DeviceEvent } from "./event_stream.ts";

/** Devices that live through everything the contract's table of states knows, in five waves. */
export interface DeviceDay {
  readonly waves: readonly (readonly DeviceEvent[])[];
  /** A device whose session is active from the first wave until the fourth. */
  readonly activeDevice: string;
}

const KINDS = [
  "ended",
  "timed out",
  "superseded",
  "ended before its start came",
  "everything twice",
  "late start",
  "end without a start",
  "wide id",
] as const;

/** @param nowMs Of the devices' clocks: a little before the events are produced. */
export function deviceDay(devices: number, nowMs: number): DeviceDay {
  const waves: DeviceEvent[][] = [[], [], [], [], []];
  for (let i = 0; i < devices; i++) {
    const deviceId = deviceName(i);
    const sessionId = String(9_402_035_216 + i);
    const accountId = i % 3 === 0 ? undefined : `account-${i}`;
    const device = { deviceId, ...(accountId === undefined ? {} : { accountId }) };
    const start: DeviceEvent = { ...device, kind: "start", sessionId, timestampMs: nowMs - 1_000 };
    const end: DeviceEvent = { ...device, kind: "end", sessionId };
    const newer = JSON.stringify(`newer-${i}`);
    switch (KINDS[i % KINDS.length]!) {
      case "ended":
        waves[0]!.push(start);
        waves[2]!.push({ ...end, durationSeconds: 1.2345 });
        break;
      case "timed out":
        // Without a device clock the record's timestamp orders it.
        waves[0]!.push({ ...device, kind: "start", sessionId });
        break;
      case "superseded":
        waves[0]!.push(start);
        waves[2]!.push({ ...start, sessionId: newer, timestampMs: nowMs });
        waves[3]!.push({ ...end, sessionId: newer });
        break;
      case "ended before its start came":
        waves[0]!.push({ ...end, durationSeconds: 60 });
        waves[1]!.push(start);
        break;
      case "everything twice":
        waves[0]!.push(start);
        waves[1]!.push({ ...start, accountId: "changed" });
        waves[2]!.push(end);
        waves[3]!.push(end);
        waves[4]!.push(start);
        break;
      case "late start":
        waves[0]!.push(start);
        waves[1]!.push({ ...start, sessionId: newer, timestampMs: nowMs - 60_000 });
        waves[3]!.push(end);
        break;
      case "end without a start":
        waves[0]!.push(end);
        break;
      case "wide id": {
        const wide = WIDE_IDS[Math.floor(i / KINDS.length) % WIDE_IDS.length]!;
        waves[0]!.push({ ...start, sessionId: wide });
        waves[3]!.push({ ...end, sessionId: wide, durationSeconds: 0 });
      }
    }
  }
  return { waves, activeDevice: deviceName(WIDE_INDEX) };
}

const WIDE_INDEX = KINDS.indexOf("wide id");

const WIDE_IDS = [
  "18446744073709551615",
  "-9223372036854775808",
  "9007199254740993",
  '"0017"',
  '"\u{1f3ae} \\"quoted\\" \\\\"',
  "0",
];

function deviceName(index: number): string {
  const tail = String(index).padStart(12, "0");
  switch (index % 5) {
    case 0:
      return `konsole-\u{1f579}\ufe0f-é-${tail}`;
    case 1:
      return `a "name" \\ ${index}`;
    default:
      return `6fb86ebc-3d88-4e31-b913-${tail}`;
  }
}
