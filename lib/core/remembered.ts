import { RowIndex } from "./row_index.ts";
import { NO_ROW, ROW_EARLY_END, ROW_ENDED, ROW_SPENT } from "./row_format.ts";
import type { SessionRows } from "./session_rows.ts";
import type { ShardCounters } from "./shard_counters.ts";
import { compareOrder } from "./session_order.ts";
import { finishHash, mixWord, SESSION_ID_WORD } from "./id_codec.ts";

/**
 * What a shard remembers for the grace: ended sessions, and ends whose start has not come.
 *
 * The grace is one constant and the shard's clock never goes back, so they expire in the order in
 * which they came: a queue. They are found by (device, session) through an index of their own.
 *
 * A start is measured against the newest remembered session of its device. Of those a chain per
 * device keeps the ones that can still become the newest: a session is dropped from it as soon as
 * a newer one is remembered, since it also expires sooner (the monotonic queue of sliding-window
 * maxima). So a device that makes noise costs what any other does.
 */
export class Remembered {
  readonly #rows: SessionRows;
  readonly #rowsMax: number;
  readonly #counters: Pick<ShardCounters, "forgottenEnds"> | null;
  readonly #bySession = new RowIndex();
  /** Device → the head of its chain: its newest remembered ended session. */
  readonly #newest = new RowIndex();
  #first = NO_ROW;
  #last = NO_ROW;
  /** Rows in the queue, spent ones too. */
  #length = 0;
  #endedCount = 0;
  #earlyCount = 0;
  /** How many have left the queue since the beginning. */
  #leftCount = 0;
  /** Early ends that no batch has told the log of, oldest first, from `#unwrittenFirst` on. */
  readonly #unwritten: number[] = [];
  #unwrittenFirst = 0;
  /** What each of them takes in a position, at most, and all together from `#unwrittenFirst` on. */
  readonly #unwrittenSizes: number[] = [];
  #unwrittenBytes = 0;

  constructor(rows: SessionRows, { rememberedMax, counters }: RememberedOptions = {}) {
    this.#rows = rows;
    this.#rowsMax = rememberedMax ?? Infinity;
    this.#counters = counters ?? null;
  }

  /** Whether there is more than may be: `expire` forgets the oldest. */
  get isOverfull(): boolean {
    return this.#length > this.#rowsMax;
  }

  get endedCount(): number {
    return this.#endedCount;
  }

  get earlyEndCount(): number {
    return this.#earlyCount;
  }

  /** Bytes of the two indexes and the list; the rows are counted with the others. */
  get byteLength(): number {
    return this.#bySession.byteLength + this.#newest.byteLength + this.#unwritten.length * 4;
  }

  /** The remembered row (ended or early end) of a packed device and session id, or `NO_ROW`. */
  find(
    deviceHash: number,
    kinds: number,
    words: Int32Array,
    at: number,
    longBytes: Uint8Array,
  ): number {
    if (this.#bySession.size === 0) return NO_ROW;
    const rows = this.#rows;
    const deviceKind = (kinds >>> 8) & 0xff;
    const sessionKind = (kinds >>> 16) & 0xff;
    const sessionAt = at + SESSION_ID_WORD;
    const sessionHash = rows.hashId(sessionKind, words, sessionAt, longBytes);
    const index = this.#bySession;
    const hash = joinHashes(deviceHash, sessionHash);
    for (let slot = index.first(hash); slot >= 0; slot = index.next()) {
      const row = index.rowAt(slot);
      if (
        rows.isSession(row, sessionKind, words, sessionAt, longBytes) &&
        rows.isDevice(row, deviceKind, words, at, longBytes)
      ) return row;
    }
    return NO_ROW;
  }

  /** The remembered row of the device and session of `row`, or `NO_ROW`. */
  findSame(row: number, deviceHash: number): number {
    const index = this.#bySession;
    const hash = joinHashes(deviceHash, this.#rows.sessionHash(row));
    for (let slot = index.first(hash); slot >= 0; slot = index.next()) {
      const found = index.rowAt(slot);
      if (this.#rows.sameSession(found, row) && this.#rows.sameDevice(found, row)) return found;
    }
    return NO_ROW;
  }

  /** The newest remembered ended session of the device of `row`, or `NO_ROW`. */
  newestOf(row: number, deviceHash: number): number {
    const slot = this.#chainSlot(row, deviceHash);
    return slot < 0 ? NO_ROW : this.#newest.rowAt(slot);
  }

  /** Takes over the row of a session that has ended, at the shard's clock. */
  addEnded(row: number, deviceHash: number, clockMs: number): void {
    this.#rows.setState(row, ROW_ENDED);
    this.#endedCount++;
    this.#add(row, deviceHash, clockMs);
    this.#joinChain(row, deviceHash);
  }

  /** Takes over the row of an end whose start has not come, at the shard's clock. */
  addEarlyEnd(row: number, deviceHash: number, clockMs: number): void {
    this.#rows.setState(row, ROW_EARLY_END);
    this.#earlyCount++;
    this.#add(row, deviceHash, clockMs);
    const bytes = this.#rows.writeDevice(row, idScratch, 0) +
      this.#rows.writeSession(row, idScratch, 0) + EARLY_END_OVERHEAD_BYTES_MAX;
    this.#unwritten.push(row);
    this.#unwrittenSizes.push(bytes);
    this.#unwrittenBytes += bytes;
  }

  /**
   * Forgets one before its time; its row is freed when the grace is over. An early end whose start
   * has come, or an ended session whose end the log tells once more: that is added again, or is
   * active till then, since older ones of its device may have left the chain for it.
   */
  take(row: number): void {
    const state = this.#rows.state(row);
    this.#removeFromIndex(row);
    if (state === ROW_ENDED) {
      this.#endedCount--;
      this.#leaveChain(row);
    } else this.#earlyCount--;
    this.#rows.setState(row, ROW_SPENT);
  }

  /**
   * Forgets what was remembered at an instant before `clockMs - graceMs`; and before its time the
   * oldest of what there is too much of, which is counted.
   *
   * @returns how many of the former were early ends: orphans.
   */
  expire(clockMs: number, graceMs: number): number {
    const rows = this.#rows;
    let orphans = 0;
    while (this.#first !== NO_ROW && rows.startedAt(this.#first) + graceMs < clockMs) {
      if (this.#forgetOldest() === ROW_EARLY_END) orphans++;
    }
    while (this.isOverfull) {
      const isForgotten = this.#forgetOldest() !== ROW_SPENT;
      if (isForgotten && this.#counters !== null) this.#counters.forgottenEnds++;
    }
    return orphans;
  }

  /** How many early ends wait for a batch to tell the log of them, spent ones included. */
  get unwrittenCount(): number {
    return this.#unwritten.length - this.#unwrittenFirst;
  }

  /** Bytes that these take in a position, at most. */
  get unwrittenBytes(): number {
    return this.#unwrittenBytes;
  }

  /** Calls `visit` for every early end that waits to be written, oldest first. */
  forEachUnwritten(visit: (row: number) => void): void {
    for (let i = this.#unwrittenFirst; i < this.#unwritten.length; i++) {
      const row = this.#unwritten[i]!;
      if (this.#rows.state(row) === ROW_EARLY_END) visit(row);
    }
  }

  /** The same, and lets them wait no more. */
  takeUnwritten(visit: (row: number) => void): void {
    this.forEachUnwritten(visit);
    this.#unwritten.length = 0;
    this.#unwrittenSizes.length = 0;
    this.#unwrittenFirst = 0;
    this.#unwrittenBytes = 0;
  }

  /** Lets all but the newest `count` early ends wait no more. @returns how many those were. */
  dropUnwritten(count: number): number {
    const dropped = Math.max(0, this.unwrittenCount - count);
    this.#passUnwritten(dropped);
    return dropped;
  }

  /** Lets the oldest early ends wait no more until the others take `bytesMax` at most. */
  shrinkUnwritten(bytesMax: number): void {
    while (this.#unwrittenBytes > bytesMax) this.#passUnwritten(1);
  }

  /** The instant after which `expire` has something to do; Infinity when nothing is remembered. */
  nextExpiryMs(graceMs: number): number {
    return this.#first === NO_ROW ? Infinity : this.#rows.startedAt(this.#first) + graceMs;
  }

  /**
   * Moves `cursor` to the next remembered row, oldest first. Others may be added and expire between
   * two calls.
   *
   * @returns that row; `NO_ROW`, and the cursor stays, when there is none by now.
   */
  next(cursor: RememberedCursor): number {
    for (;;) {
      const isGone = cursor.ordinal <= this.#leftCount;
      const row = isGone ? this.#first : this.#rows.link(cursor.row);
      if (row === NO_ROW) return NO_ROW;
      cursor.ordinal = Math.max(cursor.ordinal, this.#leftCount) + 1;
      cursor.row = row;
      if (this.#rows.state(row) !== ROW_SPENT) return row;
    }
  }

  /** @returns the state of the oldest, which is freed. */
  #forgetOldest(): number {
    const rows = this.#rows;
    const row = this.#first;
    this.#first = rows.link(row);
    if (this.#first === NO_ROW) this.#last = NO_ROW;
    this.#length--;
    const state = rows.state(row);
    if (this.#unwritten[this.#unwrittenFirst] === row) this.#passUnwritten(1);
    if (state === ROW_EARLY_END) {
      this.#earlyCount--;
      this.#removeFromIndex(row);
    } else if (state === ROW_ENDED) {
      this.#endedCount--;
      this.#removeFromIndex(row);
      this.#leaveChain(row);
    }
    rows.free(row);
    this.#leftCount++;
    return state;
  }

  /** Lets the oldest `count` wait no more; the list is moved now and then, or it would only grow. */
  #passUnwritten(count: number): void {
    for (let passed = 0; passed < count; passed++) {
      this.#unwrittenBytes -= this.#unwrittenSizes[this.#unwrittenFirst++]!;
    }
    if (this.#unwrittenFirst <= UNWRITTEN_PASSED_MAX) return;
    this.#unwritten.splice(0, this.#unwrittenFirst);
    this.#unwrittenSizes.splice(0, this.#unwrittenFirst);
    this.#unwrittenFirst = 0;
  }

  #add(row: number, deviceHash: number, clockMs: number): void {
    const rows = this.#rows;
    this.#length++;
    rows.setStartedAt(row, clockMs);
    rows.setLink(row, NO_ROW);
    if (this.#last === NO_ROW) this.#first = row;
    else rows.setLink(this.#last, row);
    this.#last = row;
    this.#bySession.insert(joinHashes(deviceHash, rows.sessionHash(row)), row);
  }

  #removeFromIndex(row: number): void {
    const index = this.#bySession;
    const hash = joinHashes(this.#rows.deviceHash(row), this.#rows.sessionHash(row));
    for (let slot = index.first(hash); slot >= 0; slot = index.next()) {
      if (index.rowAt(slot) !== row) continue;
      index.removeAt(slot);
      return;
    }
  }

  #chainSlot(row: number, deviceHash: number): number {
    const index = this.#newest;
    for (let slot = index.first(deviceHash); slot >= 0; slot = index.next()) {
      if (this.#rows.sameDevice(index.rowAt(slot), row)) return slot;
    }
    return -1;
  }

  /** Chains are circular, from newest to oldest order; `seq` is the next row, `beat` the previous. */
  #joinChain(row: number, deviceHash: number): void {
    const rows = this.#rows;
    const slot = this.#chainSlot(row, deviceHash);
    if (slot < 0) {
      rows.setSeq(row, row);
      rows.setBeat(row, row);
      this.#newest.insert(deviceHash, row);
      return;
    }
    const head = this.#newest.rowAt(slot);
    let tail = rows.beat(head);
    while (compareOrder(rows, tail, row) <= 0) {
      const previous = rows.beat(tail);
      rows.setSeq(tail, NO_ROW);
      if (tail === head) {
        rows.setSeq(row, row);
        rows.setBeat(row, row);
        this.#newest.replaceAt(slot, row);
        return;
      }
      tail = previous;
    }
    rows.setSeq(tail, row);
    rows.setBeat(row, tail);
    rows.setSeq(row, head);
    rows.setBeat(head, row);
  }

  #leaveChain(row: number): void {
    const rows = this.#rows;
    const next = rows.seq(row);
    if (next === NO_ROW) return;
    const slot = this.#chainSlot(row, rows.deviceHash(row));
    if (next === row) {
      this.#newest.removeAt(slot);
      return;
    }
    const previous = rows.beat(row);
    rows.setBeat(next, previous);
    rows.setSeq(previous, next);
    if (this.#newest.rowAt(slot) === row) this.#newest.replaceAt(slot, next);
  }
}

/** A place in the queue of what is remembered; a new one stands before the oldest. */
export class RememberedCursor {
  row = NO_ROW;
  /** Which of all rows that ever were in the queue it is, from 1 on. */
  ordinal = 0;
}

export interface RememberedOptions {
  /** Rows that are kept from one `expire` to the next, spent ones included; default: any number. */
  readonly rememberedMax?: number;
  /** Where is counted what was forgotten before its time. */
  readonly counters?: Pick<ShardCounters, "forgottenEnds">;
}

const UNWRITTEN_PASSED_MAX = 4096;
/** Of an early end in a position: lengths, form and three numbers, beside its two ids. */
const EARLY_END_OVERHEAD_BYTES_MAX = 2 + 2 + 1 + 3 * 9;
const idScratch = new Uint8Array(256);

function joinHashes(device: number, session: number): number {
  return finishHash(mixWord(device, session));
}
