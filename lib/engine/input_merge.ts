import type { InputPartition } from "./input_partition.ts";

/**
 * Takes events over all input partitions merged by `sourceTimestamp`: a binary heap of the
 * partitions that have one to give, by the timestamp of their next.
 */
export class InputMerge {
  readonly #partitions: readonly InputPartition[];
  readonly #heap: Int32Array;
  readonly #keys: Float64Array;
  #size = 0;

  constructor(partitions: readonly InputPartition[]) {
    this.#partitions = partitions;
    this.#heap = new Int32Array(partitions.length);
    this.#keys = new Float64Array(partitions.length);
  }

  /** Looks at every partition anew: at the start of a round, when some were fetched or opened. */
  refill(): void {
    this.#size = 0;
    for (const partition of this.#partitions) {
      const head = partition.head();
      if (head === null) continue;
      this.#keys[partition.index] = head.chunk.sourceTimestampMs(head.next);
      this.#heap[this.#size] = partition.index;
      this.#siftUp(this.#size++);
    }
  }

  /** The partition with the oldest next event, or null. */
  first(): InputPartition | null {
    return this.#size === 0 ? null : this.#partitions[this.#heap[0]!]!;
  }

  /** The first partition's next event was taken: it goes where its new next one belongs. */
  advance(): void {
    const index = this.#heap[0]!;
    const head = this.#partitions[index]!.head();
    if (head === null) this.#heap[0] = this.#heap[--this.#size]!;
    else this.#keys[index] = head.chunk.sourceTimestampMs(head.next);
    this.#siftDown();
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(heap[i]!, heap[parent]!)) return;
      const index = heap[i]!;
      heap[i] = heap[parent]!;
      heap[parent] = index;
      i = parent;
    }
  }

  #siftDown(): void {
    const heap = this.#heap;
    let i = 0;
    while (true) {
      let least = i;
      const left = 2 * i + 1;
      if (left < this.#size && this.#isBefore(heap[left]!, heap[least]!)) least = left;
      if (left + 1 < this.#size && this.#isBefore(heap[left + 1]!, heap[least]!)) least = left + 1;
      if (least === i) return;
      const index = heap[i]!;
      heap[i] = heap[least]!;
      heap[least] = index;
      i = least;
    }
  }

  /** Equal timestamps go by partition, so that the order is one and the same every time. */
  #isBefore(a: number, b: number): boolean {
    const difference = this.#keys[a]! - this.#keys[b]!;
    return difference !== 0 ? difference < 0 : a < b;
  }
}
