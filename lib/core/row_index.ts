import { invariant } from "./invariant.ts";

/**
 * An open-addressing index from a 32-bit hash to row numbers: linear probing with backward-shift
 * deletion (no tombstones, so that months of coming and going leave no trace), and growth that is
 * spread over the following insertions instead of stopping the world.
 *
 * A slot is two words: the hash and the row + 1 (0 = free). Keeping the hash makes growth touch
 * no row, and a probe touch one only where the hashes agree. Equal hashes of different keys may
 * stand side by side; the caller compares the keys:
 *
 * ```ts
 * for (let slot = index.first(hash); slot >= 0; slot = index.next()) {
 *   if (sameKey(index.rowAt(slot))) …
 * }
 * ```
 *
 * While it grows, entries are in one of two tables. The old one gets tombstones (it is dropped
 * whole soon); the new one never does. Slot numbers of the old table lie above `OLD_TABLE`.
 */
export class RowIndex {
  #slots: Int32Array;
  #mask: number;
  #size = 0;
  #old: Int32Array | null = null;
  #oldMask = 0;
  #oldMoved = 0;
  #probeHash = 0;
  #probeSlot = -1;

  /** @param capacity Slots to start with; a power of two. */
  constructor(capacity = 16) {
    this.#slots = new Int32Array(capacity * 2);
    this.#mask = capacity - 1;
  }

  /** Makes room for so many entries at once, instead of growing to it; only while it is empty. */
  reserve(entries: number): void {
    invariant(this.#size === 0, "only an empty index is given room");
    let capacity = this.#mask + 1;
    while (entries * 4 > capacity * 3) capacity *= 2;
    if (capacity === this.#mask + 1) return;
    this.#old = null;
    this.#slots = new Int32Array(capacity * 2);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes held, for the memory figures. */
  get byteLength(): number {
    return this.#slots.byteLength + (this.#old?.byteLength ?? 0);
  }

  /** The first slot with this hash, or -1. Any change of the index ends the walk. */
  first(hash: number): number {
    this.#probeHash = hash;
    const slot = this.#walk(hash & this.#mask);
    if (slot >= 0 || this.#old === null) return slot;
    return this.#walkOld(hash & this.#oldMask);
  }

  /** The next slot with the hash last given to `first`, or -1. */
  next(): number {
    const slot = this.#probeSlot;
    if (slot >= OLD_TABLE) return this.#walkOld((slot - OLD_TABLE + 1) & this.#oldMask);
    const found = this.#walk((slot + 1) & this.#mask);
    if (found >= 0 || this.#old === null) return found;
    return this.#walkOld(this.#probeHash & this.#oldMask);
  }

  rowAt(slot: number): number {
    return slot >= OLD_TABLE
      ? this.#old![(slot - OLD_TABLE) * 2 + 1]! - 1
      : this.#slots[slot * 2 + 1]! - 1;
  }

  /** Puts another row under the key of this slot. */
  replaceAt(slot: number, row: number): void {
    if (slot >= OLD_TABLE) this.#old![(slot - OLD_TABLE) * 2 + 1] = row + 1;
    else this.#slots[slot * 2 + 1] = row + 1;
  }

  /** Adds an entry. The caller has made sure that its key is not there. */
  insert(hash: number, row: number): void {
    if (this.#old !== null) this.#moveSome(MOVED_PER_INSERT);
    // At most three quarters full: beyond that, probes of linear probing get long.
    if ((this.#size + 1) * 4 > (this.#mask + 1) * 3) this.#grow();
    this.#place(hash, row + 1);
    this.#size++;
  }

  /** Removes the entry in this slot. */
  removeAt(slot: number): void {
    this.#size--;
    this.#probeSlot = -1;
    if (slot >= OLD_TABLE) {
      this.#old![(slot - OLD_TABLE) * 2 + 1] = MOVED;
      return;
    }
    // Knuth, TAOCP 3, 6.4, algorithm R: pull back what would not be found past the hole.
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = slot;
    let i = slot;
    while (true) {
      i = (i + 1) & mask;
      if (slots[i * 2 + 1] === 0) break;
      const home = slots[i * 2]! & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots[hole * 2] = slots[i * 2]!;
      slots[hole * 2 + 1] = slots[i * 2 + 1]!;
      hole = i;
    }
    slots[hole * 2 + 1] = 0;
  }

  #walk(start: number): number {
    const slots = this.#slots;
    const hash = this.#probeHash;
    for (let slot = start; slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask) {
      if (slots[slot * 2] === hash) return (this.#probeSlot = slot);
    }
    return (this.#probeSlot = -1);
  }

  #walkOld(start: number): number {
    const old = this.#old!;
    const hash = this.#probeHash;
    for (let slot = start; old[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#oldMask) {
      if (old[slot * 2] === hash && old[slot * 2 + 1] !== MOVED) {
        return (this.#probeSlot = slot + OLD_TABLE);
      }
    }
    return (this.#probeSlot = -1);
  }

  #place(hash: number, entry: number): void {
    let slot = hash & this.#mask;
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot * 2] = hash;
    this.#slots[slot * 2 + 1] = entry;
  }

  #grow(): void {
    // With 16 moved per insert the old table is empty long before the new one is full.
    if (this.#old !== null) this.#moveSome(this.#oldMask + 1);
    this.#old = this.#slots;
    this.#oldMask = this.#mask;
    this.#oldMoved = 0;
    this.#mask = this.#mask * 2 + 1;
    this.#slots = new Int32Array((this.#mask + 1) * 2);
  }

  #moveSome(count: number): void {
    const old = this.#old!;
    const end = Math.min(this.#oldMoved + count, this.#oldMask + 1);
    for (let slot = this.#oldMoved; slot < end; slot++) {
      const entry = old[slot * 2 + 1]!;
      // A free slot stays free: it ends the probes of those that were never moved.
      if (entry === 0 || entry === MOVED) continue;
      this.#place(old[slot * 2]!, entry);
      old[slot * 2 + 1] = MOVED;
    }
    this.#oldMoved = end;
    if (end > this.#oldMask) this.#old = null;
  }
}

const MOVED = -1;
const MOVED_PER_INSERT = 16;
const OLD_TABLE = 0x2000_0000;
