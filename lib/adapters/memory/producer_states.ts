/** A batch as far as its producer numbered it. */
export interface SequencedBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

export type SequenceVerdict =
  | { readonly kind: "append" }
  | { readonly kind: "duplicate"; readonly baseOffset: number }
  | { readonly kind: "out_of_order" }
  | { readonly kind: "fenced" };

interface RecentBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  /** Newest last; empty after a marker that began the epoch. */
  recent: RecentBatch[];
}

/** A broker remembers so many batches of a producer; what is older than them is no duplicate. */
const RECENT_BATCHES = 5;

const SEQUENCE_MASK = 0x7fff_ffff;

/**
 * What a broker knows of the producers of one partition: who is fenced, and which sequence is next.
 *
 * After Kafka's `ProducerAppendInfo` and `ProducerStateEntry`: a lower epoch is fenced; a higher one
 * starts at sequence 0; a producer that the partition never saw may start anywhere; exactly the
 * first and last sequence of one of the last five batches are a duplicate; the rest is out of order.
 */
export class ProducerStates {
  readonly #states = new Map<number, ProducerState>();

  judge(batch: SequencedBatch): SequenceVerdict {
    const state = this.#states.get(batch.producerId);
    if (state === undefined) return { kind: "append" };
    if (batch.epoch < state.epoch) return { kind: "fenced" };
    if (batch.epoch > state.epoch) {
      return { kind: batch.baseSequence === 0 ? "append" : "out_of_order" };
    }
    const last = lastSequenceOf(batch);
    for (const { firstSequence, lastSequence, baseOffset } of state.recent) {
      if (firstSequence === batch.baseSequence && lastSequence === last) {
        return { kind: "duplicate", baseOffset };
      }
    }
    const newest = state.recent.at(-1);
    const expected = newest === undefined ? 0 : (newest.lastSequence + 1) & SEQUENCE_MASK;
    return { kind: batch.baseSequence === expected ? "append" : "out_of_order" };
  }

  /** Notes a batch that was judged `append` and is in the log now. */
  appended(batch: SequencedBatch, baseOffset: number): void {
    const state = this.#stateAt(batch.producerId, batch.epoch);
    state.recent.push({
      firstSequence: batch.baseSequence,
      lastSequence: lastSequenceOf(batch),
      baseOffset,
    });
    if (state.recent.length > RECENT_BATCHES) state.recent.shift();
  }

  /** Notes an abort marker: from here on lower epochs of this producer are fenced. */
  marked(producerId: number, epoch: number): void {
    this.#stateAt(producerId, epoch);
  }

  #stateAt(producerId: number, epoch: number): ProducerState {
    let state = this.#states.get(producerId);
    if (state === undefined || state.epoch < epoch) {
      state = { epoch, recent: [] };
      this.#states.set(producerId, state);
    }
    return state;
  }
}

function lastSequenceOf(batch: SequencedBatch): number {
  return (batch.baseSequence + batch.recordCount - 1) & SEQUENCE_MASK;
}
