/**
 * What belongs to the requests of a connection that are not answered yet, by correlation id. It has
 * the part of a `Map` that kafkajs uses, for few entries that leave in the order in which they came.
 *
 * A `Map` itself makes a new table after every few changes, and the table before keeps that one
 * alive, with the requests in it: once the collector has moved one to the old space, all later ones
 * follow, some megabytes a second under load, and every scavenge takes ten times as long.
 */
export class RequestsInFlight<Value> {
  readonly #ids: number[] = [];
  readonly #values: Value[] = [];

  get size(): number {
    return this.#ids.length;
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }

  get(id: number): Value | undefined {
    return this.#values[this.#ids.indexOf(id)];
  }

  set(id: number, value: Value): this {
    const at = this.#ids.indexOf(id);
    if (at >= 0) this.#values[at] = value;
    else {
      this.#ids.push(id);
      this.#values.push(value);
    }
    return this;
  }

  delete(id: number): boolean {
    const at = this.#ids.indexOf(id);
    if (at < 0) return false;
    if (at === 0) {
      this.#ids.shift();
      this.#values.shift();
    } else {
      this.#ids.splice(at, 1);
      this.#values.splice(at, 1);
    }
    return true;
  }

  clear(): void {
    this.#ids.length = 0;
    this.#values.length = 0;
  }

  /** Oldest first. */
  values(): IterableIterator<Value> {
    return this.#values.values();
  }

  /** Oldest first; `visit` may delete the entry it is called with. */
  forEach(visit: (value: Value, id: number) => void): void {
    const ids = [...this.#ids];
    const values = [...this.#values];
    for (const [at, id] of ids.entries()) visit(values[at]!, id);
  }
}
