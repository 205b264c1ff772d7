import { invariant } from "./invariant.ts";
import { RowIndex } from "./row_index.ts";
import type { SessionBudget } from "./session_budget.ts";
import { NO_ROW, ROW_ACTIVE, ROW_STAGED } from "./row_format.ts";
import type { SessionRows } from "./session_rows.ts";
import { StateHash } from "./state_hash.ts";

/** The active sessions of a shard: at most one a device, found by the device. */
export class ActiveSessions {
  readonly stateHash = new StateHash();
  readonly #rows: SessionRows;
  readonly #budget: SessionBudget;
  readonly #index = new RowIndex();

  constructor(rows: SessionRows, budget: SessionBudget) {
    this.#rows = rows;
    this.#budget = budget;
  }

  get size(): number {
    return this.#index.size;
  }

  /** Makes room for so many sessions at once; only while there are none. */
  reserve(sessions: number): void {
    this.#index.reserve(sessions);
  }

  /** Bytes of the index; the rows are counted with the others. */
  get byteLength(): number {
    return this.#index.byteLength;
  }

  /** The row of the device's active session, or `NO_ROW`; a long id lies in `longBytes`. */
  find(
    deviceHash: number,
    deviceKind: number,
    words: Int32Array,
    at: number,
    longBytes: Uint8Array,
  ): number {
    const index = this.#index;
    for (let slot = index.first(deviceHash); slot >= 0; slot = index.next()) {
      const row = index.rowAt(slot);
      if (this.#rows.isDevice(row, deviceKind, words, at, longBytes)) return row;
    }
    return NO_ROW;
  }

  /** Whether the device of `row` has an active session. */
  hasDeviceOf(row: number, deviceHash: number): boolean {
    const index = this.#index;
    for (let slot = index.first(deviceHash); slot >= 0; slot = index.next()) {
      if (this.#rows.sameDevice(index.rowAt(slot), row)) return true;
    }
    return false;
  }

  /** Makes a staged row, complete but for its timer, the device's active session. */
  link(row: number, deviceHash: number): void {
    this.#rows.setState(row, ROW_ACTIVE);
    this.#index.insert(deviceHash, row);
    this.#budget.active++;
    this.stateHash.add(this.#rows, row);
  }

  /** Takes an active row out; it is staged then. */
  unlink(row: number, deviceHash: number): void {
    const index = this.#index;
    this.stateHash.remove(this.#rows, row);
    this.#rows.setState(row, ROW_STAGED);
    this.#budget.active--;
    for (let slot = index.first(deviceHash); slot >= 0; slot = index.next()) {
      if (index.rowAt(slot) !== row) continue;
      index.removeAt(slot);
      return;
    }
    invariant(false, "every active session is in the index");
  }

  /** Calls `visit` for every active row, in the order of the rows. */
  forEach(visit: (row: number) => void): void {
    for (let row = 0; row < this.#rows.used; row++) {
      if (this.#rows.state(row) === ROW_ACTIVE) visit(row);
    }
  }

  /** Gives the sessions back to the budget: the shard is given up, another takes its place. */
  discard(): void {
    this.#budget.active -= this.#index.size;
  }
}
