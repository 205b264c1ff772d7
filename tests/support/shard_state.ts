import { NO_ROW, ROW_EARLY_END } from "../../lib/core/row_format.ts";
import type { SessionRows } from "../../lib/core/session_rows.ts";
import type { Shard } from "../../lib/core/shard.ts";
import type { ModelState } from "./model/model_state.ts";
import { rememberedRows } from "./remembered_rows.ts";

type DeviceState = {
  -readonly [K in keyof ModelState["devices"][number]]: ModelState["devices"][number][K];
};

/** The state of shards in the form in which the naive model tells its own. */
export function shardState(...shards: readonly Shard[]): ModelState {
  const devices = new Map<string, DeviceState>();
  for (const shard of shards) {
    const { rows } = shard;
    const deviceOf = (row: number) => {
      const deviceId = text(rows, row, "writeDevice");
      const known = devices.get(deviceId);
      if (known !== undefined) return known;
      const device: DeviceState = { deviceId, active: null, ended: [], earlyEnds: [] };
      devices.set(deviceId, device);
      return device;
    };
    shard.active.forEach((row) => {
      deviceOf(row).active = {
        sessionId: text(rows, row, "writeSession"),
        startedAtMs: rows.startedAt(row),
        orderKeyMs: rows.orderKey(row),
        accountId: (rows.accountKind(row) & 63) === 19 ? null : text(rows, row, "writeAccount"),
        nextDueMs: shard.deadlineMs(row),
      };
    });
    for (const row of rememberedRows(shard.remembered)) {
      const device = deviceOf(row);
      const list = rows.state(row) === ROW_EARLY_END ? "earlyEnds" : "ended";
      device[list] = [...device[list], text(rows, row, "writeSession")].sort();
    }
  }
  const sorted = [...devices.values()].sort((a, b) => a.deviceId < b.deviceId ? -1 : 1);
  return { devices: sorted };
}

/** The same state with nothing of devices that are not known any more. */
export function withoutEmpty(state: ModelState): ModelState {
  return {
    devices: state.devices.filter((device) =>
      device.active !== null || device.ended.length > 0 || device.earlyEnds.length > 0
    ),
  };
}

function text(
  rows: SessionRows,
  row: number,
  field: "writeDevice" | "writeSession" | "writeAccount",
): string {
  if (row === NO_ROW) return "";
  const bytes = new Uint8Array(256);
  return new TextDecoder().decode(bytes.subarray(0, rows[field](row, bytes, 0)));
}
