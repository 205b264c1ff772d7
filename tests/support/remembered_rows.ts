import { NO_ROW } from "../../lib/core/row_format.ts";
import { type Remembered, RememberedCursor } from "../../lib/core/remembered.ts";

/** What is remembered, oldest first. */
export function rememberedRows(remembered: Remembered): number[] {
  const cursor = new RememberedCursor();
  const rows: number[] = [];
  for (let row = remembered.next(cursor); row !== NO_ROW; row = remembered.next(cursor)) {
    rows.push(row);
  }
  return rows;
}
