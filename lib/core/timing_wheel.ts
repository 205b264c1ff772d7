import { SlotBitmap } from "./slot_bitmap.ts";

/**
 * A hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987),
 * tick 1 ms: at most one deadline per entry, an entry being a small whole number (a row).
 *
 * Level 0 has 32,768 slots of one tick, wider than the default heartbeat interval, so that the
 * common timer is touched once per beat and never cascades. Level 1 has 64 slots of 32,768 ticks,
 * level 2 has 64 of 2^21, level 3 has 32 of 2^27; a slot of level n is spread over level n − 1
 * when the cursor enters it.
 *
 * Ticks are instants relative to the wheel's own base, modulo 2^32, so runs longer than that pass;
 * one deadline may lie up to `HORIZON_MS` past the cursor. Scheduling and cancelling are O(1);
 * entries are kept in doubly linked lists in typed arrays, appended at the tail, so equal
 * deadlines fire in the order in which they reached their slot. Nothing fires early. Work is
 * bounded by the caller, who asks for one due entry at a time:
 *
 * ```ts
 * while (budget() && (row = wheel.poll(nowMs)) !== -1) fire(row);
 * ```
 */
export class TimingWheel {
  /** Pages of three words an entry: next, previous (or ~list when first), tick. */
  readonly #links: Int32Array[] = [];
  readonly #heads = new Int32Array(LISTS).fill(NONE);
  readonly #tails = new Int32Array(LISTS).fill(NONE);
  readonly #bitmap = new SlotBitmap(LEVEL0_SLOTS);
  readonly #baseMs: number;
  /** Everything before this instant has fired or is in the overdue list. */
  #cursorMs: number;
  #size = 0;

  /** @param startMs Epoch milliseconds, whole: where the cursor stands at first. */
  constructor(startMs: number) {
    this.#baseMs = startMs;
    this.#cursorMs = startMs;
  }

  /** Entries scheduled. */
  get size(): number {
    return this.#size;
  }

  get cursorMs(): number {
    return this.#cursorMs;
  }

  get byteLength(): number {
    return this.#links.length * PAGE_ROWS * LINK_WORDS * 4 + LISTS * 8 + LEVEL0_SLOTS / 8;
  }

  /**
   * Schedules an entry that is not scheduled. A deadline before the cursor is overdue: it fires at
   * the next poll, before all that is not.
   *
   * @param deadlineMs Whole, at most `HORIZON_MS` past the cursor.
   */
  schedule(entry: number, deadlineMs: number): void {
    while (entry >>> PAGE_SHIFT >= this.#links.length) {
      this.#links.push(new Int32Array(PAGE_ROWS * LINK_WORDS));
    }
    this.#size++;
    if (deadlineMs < this.#cursorMs) {
      this.#append(OVERDUE_LIST, entry);
      return;
    }
    const tick = this.#tickOf(deadlineMs);
    const page = this.#links[entry >>> PAGE_SHIFT]!;
    page[(entry & PAGE_MASK) * LINK_WORDS + TICK_WORD] = tick;
    this.#place(entry, tick);
  }

  /** Takes a scheduled entry out. */
  cancel(entry: number): void {
    const page = this.#links[entry >>> PAGE_SHIFT]!;
    const at = (entry & PAGE_MASK) * LINK_WORDS;
    const next = page[at + NEXT_WORD]!;
    const previous = page[at + PREVIOUS_WORD]!;
    // The last of a list has the list in `next`, the first in `previous`, each as ~list.
    let list = NONE;
    if (previous < 0) {
      list = ~previous;
      this.#heads[list] = next < 0 ? NONE : next;
    } else this.#setLink(previous, NEXT_WORD, next);
    if (next < 0) {
      list = ~next;
      this.#tails[list] = previous < 0 ? NONE : previous;
    } else this.#setLink(next, PREVIOUS_WORD, previous);
    this.#size--;
    if (list >= 0 && list < LEVEL0_SLOTS && this.#heads[list] === NONE) this.#bitmap.clear(list);
  }

  /**
   * Takes out and returns one entry whose deadline is at or before `toMs`, earliest first, or -1
   * when there is none; the cursor then stands at `toMs`. Until that, it stands at the deadline of
   * the entry returned, and what is scheduled meanwhile at or before `toMs` is found, too.
   */
  poll(toMs: number): number {
    const overdue = this.#heads[OVERDUE_LIST]!;
    if (overdue !== NONE) {
      this.cancel(overdue);
      return overdue;
    }
    while (this.#cursorMs <= toMs) {
      const cursor = this.#tickOf(this.#cursorMs);
      const slot = cursor & LEVEL0_MASK;
      // Up to the end of this turn of level 0, where upper levels are spread.
      const next = this.#bitmap.next(slot);
      if (next !== NONE) {
        const deadlineMs = this.#cursorMs + (next - slot);
        if (deadlineMs > toMs) break;
        this.#cursorMs = deadlineMs;
        const entry = this.#heads[next]!;
        this.cancel(entry);
        return entry;
      }
      if (!this.#enterNextTurn(toMs, slot)) break;
    }
    if (toMs > this.#cursorMs) this.#cursorMs = toMs;
    return NONE;
  }

  /**
   * A lower bound of the next deadline, exact when it lies in this turn of level 0: there is
   * nothing to do before it. Infinity when nothing is scheduled.
   */
  nextDeadlineMs(): number {
    if (this.#size === 0) return Infinity;
    if (this.#heads[OVERDUE_LIST] !== NONE) return this.#cursorMs;
    const slot = this.#tickOf(this.#cursorMs) & LEVEL0_MASK;
    const next = this.#bitmap.next(slot);
    return next === NONE ? this.#cursorMs + (LEVEL0_SLOTS - slot) : this.#cursorMs + (next - slot);
  }

  /** Moves the cursor to the start of the next turn of level 0, if that is at or before `toMs`. */
  #enterNextTurn(toMs: number, slot: number): boolean {
    // Nothing anywhere: there is no turn worth entering.
    if (this.#size === 0) return false;
    const turnMs = this.#cursorMs + (LEVEL0_SLOTS - slot);
    if (turnMs > toMs) return false;
    this.#cursorMs = turnMs;
    const cursor = this.#tickOf(turnMs);
    if ((cursor & LEVEL1_SPAN_MASK) === 0) {
      if ((cursor & LEVEL2_SPAN_MASK) === 0) this.#spread(LEVEL3_LIST + (cursor >>> 27));
      this.#spread(LEVEL2_LIST + ((cursor >>> 21) & 63));
    }
    this.#spread(LEVEL1_LIST + ((cursor >>> 15) & 63));
    return true;
  }

  /** Puts every entry of a list where it belongs by now. */
  #spread(list: number): void {
    let entry = this.#heads[list]!;
    this.#heads[list] = NONE;
    this.#tails[list] = NONE;
    while (entry >= 0) {
      const page = this.#links[entry >>> PAGE_SHIFT]!;
      const at = (entry & PAGE_MASK) * LINK_WORDS;
      const next = page[at + NEXT_WORD]!;
      this.#place(entry, page[at + TICK_WORD]!);
      entry = next;
    }
  }

  /** Puts an entry into the list of its tick, seen from the cursor. */
  #place(entry: number, tick: number): void {
    const cursor = this.#tickOf(this.#cursorMs);
    if (((tick - cursor) >>> 0) < LEVEL0_SLOTS) {
      const slot = tick & LEVEL0_MASK;
      this.#bitmap.set(slot);
      this.#append(slot, entry);
    } else if ((((tick >>> 15) - (cursor >>> 15)) & 0x1ffff) < 64) {
      this.#append(LEVEL1_LIST + ((tick >>> 15) & 63), entry);
    } else if ((((tick >>> 21) - (cursor >>> 21)) & 0x7ff) < 64) {
      this.#append(LEVEL2_LIST + ((tick >>> 21) & 63), entry);
    } else {
      this.#append(LEVEL3_LIST + (tick >>> 27), entry);
    }
  }

  #append(list: number, entry: number): void {
    const page = this.#links[entry >>> PAGE_SHIFT]!;
    const at = (entry & PAGE_MASK) * LINK_WORDS;
    page[at + NEXT_WORD] = ~list;
    const tail = this.#tails[list]!;
    if (tail === NONE) {
      page[at + PREVIOUS_WORD] = ~list;
      this.#heads[list] = entry;
    } else {
      page[at + PREVIOUS_WORD] = tail;
      this.#setLink(tail, NEXT_WORD, entry);
    }
    this.#tails[list] = entry;
  }

  #setLink(entry: number, word: number, value: number): void {
    this.#links[entry >>> PAGE_SHIFT]![(entry & PAGE_MASK) * LINK_WORDS + word] = value;
  }

  #tickOf(ms: number): number {
    return (ms - this.#baseMs) | 0;
  }
}

/** How far past the cursor a deadline may lie: 2^31 ms, less one slot of level 3. */
export const HORIZON_MS = 2 ** 31 - 2 ** 27;

const NONE = -1;
const PAGE_SHIFT = 16;
const PAGE_ROWS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_ROWS - 1;
const LINK_WORDS = 3;
const NEXT_WORD = 0;
const PREVIOUS_WORD = 1;
const TICK_WORD = 2;

const LEVEL0_SLOTS = 1 << 15;
const LEVEL0_MASK = LEVEL0_SLOTS - 1;
const LEVEL1_SPAN_MASK = (1 << 21) - 1;
const LEVEL2_SPAN_MASK = (1 << 27) - 1;
const LEVEL1_LIST = LEVEL0_SLOTS;
const LEVEL2_LIST = LEVEL1_LIST + 64;
const LEVEL3_LIST = LEVEL2_LIST + 64;
const OVERDUE_LIST = LEVEL3_LIST + 32;
const LISTS = OVERDUE_LIST + 1;
