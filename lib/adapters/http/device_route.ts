import type { Handler } from "hono";
import type { DeviceView, EngineQueries } from "../../ports/engine_queries.ts";
import type { BoundedCalls } from "./bounded_calls.ts";
import { problem } from "./problem.ts";

/** `GET <prefix>{deviceId}`: the device's active session. */
export function deviceHandler(
  engine: EngineQueries,
  queries: BoundedCalls,
  prefix: string,
): Handler {
  return async (c) => {
    const deviceId = decodeDeviceId(c.req.path.slice(prefix.length));
    if (deviceId === null) {
      return problem(400, "The device id is not 1 to 256 bytes of percent-encoded UTF-8");
    }
    const view = await queries.run(() => engine.device(deviceId));
    if (view === null) return problem(404, "The device has no active session");
    return c.body(deviceJson(view), 200, { "content-type": "application/json" });
  };
}

/** The rule of the input (contract: 1–256 bytes): a longer one cannot have a session. */
const DEVICE_ID_BYTES_MAX = 256;

function decodeDeviceId(encoded: string): string | null {
  let deviceId: string;
  try {
    deviceId = decodeURIComponent(encoded);
  } catch {
    return null;
  }
  const byteLength = new TextEncoder().encode(deviceId).length;
  return byteLength >= 1 && byteLength <= DEVICE_ID_BYTES_MAX ? deviceId : null;
}

/** Written by hand: a JSON number made from a JavaScript number would lose digits past 2^53. */
function deviceJson(view: DeviceView): string {
  const sessionId = view.sessionIdIsInteger && /^-?(0|[1-9][0-9]*)$/.test(view.sessionId)
    ? view.sessionId
    : JSON.stringify(view.sessionId);
  const members = [
    `"deviceId":${JSON.stringify(view.deviceId)}`,
    `"sessionId":${sessionId}`,
    `"accountId":${JSON.stringify(view.accountId)}`,
    `"startedAt":${JSON.stringify(new Date(view.startedAt).toISOString())}`,
    `"lastSeq":${view.lastSeq}`,
    `"nextAt":${JSON.stringify(new Date(view.nextAt).toISOString())}`,
    `"shard":${view.shard}`,
  ];
  return `{${members.join(",")}}`;
}
