import { Remembered } from "../../lib/core/remembered.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { type IdTexts, packIds } from "./packed_ids.ts";

export interface RowFields extends IdTexts {
  readonly startedAtMs?: number;
  readonly orderKeyMs?: number;
}

/** A new staged row with these ids. */
export function stageRow(rows: SessionRows, fields: RowFields): number {
  const { words, kinds, longBytes } = packIds(fields);
  const row = rows.allocate();
  rows.setIds(row, words, 0, kinds, longBytes);
  rows.setStartedAt(row, fields.startedAtMs ?? 0);
  rows.setOrderKey(row, fields.orderKeyMs ?? 0);
  rows.setSeq(row, 0);
  rows.setBeat(row, 1);
  return row;
}

export function textOf(
  rows: SessionRows,
  row: number,
  field: "writeDevice" | "writeSession" | "writeAccount",
): string {
  const bytes = new Uint8Array(256);
  return new TextDecoder().decode(bytes.subarray(0, rows[field](row, bytes, 0)));
}

/** The remembered row of a device and session, or `NO_ROW`. */
export function findRemembered(rows: SessionRows, remembered: Remembered, ids: IdTexts): number {
  const { words, kinds, deviceKind, longBytes } = packIds(ids);
  const hash = rows.hashId(deviceKind, words, 0, longBytes);
  return remembered.find(hash, kinds, words, 0, longBytes);
}
