import type { ReadBatch } from "./record_batch_bytes.ts";
import { within } from "./within.ts";

interface Waiter {
  readonly partitionsMissing: Set<number>;
  readonly fits: (partition: number, batch: ReadBatch, seenMs: number) => boolean;
  /** How many partitions may stay without; 0 = all have to show one. */
  readonly missingMax: number;
  readonly resolve: (seenMs: number) => void;
}

/** Waits for batches to appear in the output. Instants are those of `performance.now()`. */
export class BatchWatch {
  readonly #partitions: number;
  readonly #waiters = new Set<Waiter>();
  /** When the marker of a writer was seen, by partition, producer id and epoch. */
  readonly #markersSeenMs = new Map<string, number>();

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  saw(partition: number, batch: ReadBatch, seenMs: number): void {
    if (batch.isControl) {
      this.#markersSeenMs.set(writerOf(partition, batch), seenMs);
      return;
    }
    for (const waiter of this.#waiters) {
      if (!waiter.fits(partition, batch, seenMs)) continue;
      waiter.partitionsMissing.delete(partition);
      if (waiter.partitionsMissing.size > waiter.missingMax) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(seenMs);
    }
  }

  /**
   * The first records of an engine that was started at `sinceMs`: of a writer whose fence was seen
   * after that. What a dead one had under way may still come in after its death.
   * @returns when they were seen, in one partition or in all; null when they did not come in time.
   */
  async nextOwner(
    sinceMs: number,
    options: { readonly everywhere: boolean; readonly timeoutMs: number },
  ): Promise<number | null> {
    return await this.#wait(
      (partition, batch) => (this.#markersSeenMs.get(writerOf(partition, batch)) ?? 0) > sinceMs,
      options,
    );
  }

  /** Records made after that instant of the wall clock, in every partition, whoever makes them. */
  async flow(
    { emittedAfterMs, timeoutMs }: { readonly emittedAfterMs: number; readonly timeoutMs: number },
  ): Promise<number | null> {
    return await this.#wait(
      (_, { records }) => records.some(({ timestampMs }) => timestampMs > emittedAfterMs),
      { everywhere: true, timeoutMs },
    );
  }

  async #wait(
    fits: Waiter["fits"],
    { everywhere, timeoutMs }: { readonly everywhere: boolean; readonly timeoutMs: number },
  ): Promise<number | null> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const waiter: Waiter = {
      partitionsMissing: new Set(Array.from({ length: this.#partitions }, (_, i) => i)),
      missingMax: everywhere ? 0 : this.#partitions - 1,
      fits,
      resolve,
    };
    this.#waiters.add(waiter);
    try {
      return await within(timeoutMs, promise);
    } finally {
      this.#waiters.delete(waiter);
    }
  }
}

function writerOf(partition: number, { producerId, epoch }: ReadBatch): string {
  return `${partition}/${producerId}/${epoch}`;
}
