/**
 * Numbers with the instant at which each is due, earliest first: a binary heap in two arrays, so
 * that millions of devices cost 16 bytes each.
 */
export class DueHeap {
  #dueMs: Float64Array;
  #items: Float64Array;
  #size = 0;

  constructor(capacity = 1024) {
    this.#dueMs = new Float64Array(capacity);
    this.#items = new Float64Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Infinity when there is nothing. */
  nextDueMs(): number {
    return this.#size === 0 ? Infinity : this.#dueMs[0]!;
  }

  push(dueMs: number, item: number): void {
    if (this.#size === this.#items.length) this.#grow();
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (this.#dueMs[parent]! <= dueMs) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#dueMs[hole] = dueMs;
    this.#items[hole] = item;
  }

  /** Takes the earliest out. Call it only while `size` is not 0. */
  pop(): number {
    const earliest = this.#items[0]!;
    const last = --this.#size;
    const dueMs = this.#dueMs[last]!;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#dueMs[child + 1]! < this.#dueMs[child]!) child++;
      if (this.#dueMs[child]! >= dueMs) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#dueMs[hole] = dueMs;
    this.#items[hole] = this.#items[last]!;
    return earliest;
  }

  #move(from: number, to: number): void {
    this.#dueMs[to] = this.#dueMs[from]!;
    this.#items[to] = this.#items[from]!;
  }

  #grow(): void {
    const dueMs = new Float64Array(2 * this.#items.length);
    const items = new Float64Array(2 * this.#items.length);
    dueMs.set(this.#dueMs);
    items.set(this.#items);
    this.#dueMs = dueMs;
    this.#items = items;
  }
}
