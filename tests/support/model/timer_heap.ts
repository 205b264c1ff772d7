/** Sessions by their next due instant; equal instants in the order in which they were put in. */
export class TimerHeap<T> {
  #entries: { readonly dueMs: number; readonly turn: number; readonly item: T }[] = [];
  #turn = 0;

  push(dueMs: number, item: T): void {
    this.#entries.push({ dueMs, turn: this.#turn++, item });
    let child = this.#entries.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  peek(): { readonly dueMs: number; readonly item: T } | undefined {
    return this.#entries[0];
  }

  pop(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    this.#entries[0] = last;
    let parent = 0;
    while (true) {
      let first = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < this.#entries.length && this.#isBefore(child, first)) first = child;
      }
      if (first === parent) return;
      this.#swap(parent, first);
      parent = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#entries[a]!;
    const y = this.#entries[b]!;
    return x.dueMs < y.dueMs || (x.dueMs === y.dueMs && x.turn < y.turn);
  }

  #swap(a: number, b: number): void {
    const kept = this.#entries[a]!;
    this.#entries[a] = this.#entries[b]!;
    this.#entries[b] = kept;
  }
}
