import { ROW_ACTIVE, ROW_EARLY_END, ROW_ENDED } from "./row_format.ts";
import type { SessionRows } from "./session_rows.ts";

/**
 * Where in the log the last fact of each row lies, while a shard is restored from nothing else.
 * The oldest of them is R as exactly as can be known: without it R would stay where the writer
 * before had it, and a process that dies again within a window would find ever more to read.
 *
 * 8 bytes a row, for as long as the restore takes.
 */
export class FactOffsets {
  #ofRow = new Float64Array(1024);

  set(row: number, offset: number): void {
    if (row >= this.#ofRow.length) {
      const grown = new Float64Array(Math.max(row + 1, this.#ofRow.length * 2));
      grown.set(this.#ofRow);
      this.#ofRow = grown;
    }
    this.#ofRow[row] = offset;
  }

  /** The offset from which on all that the rows hold is to be found; Infinity when that is nothing. */
  oldest(rows: SessionRows): number {
    let oldest = Infinity;
    for (let row = 0; row < rows.used; row++) {
      const state = rows.state(row);
      if (state !== ROW_ACTIVE && state !== ROW_ENDED && state !== ROW_EARLY_END) continue;
      if (this.#ofRow[row]! < oldest) oldest = this.#ofRow[row]!;
    }
    return oldest;
  }
}
