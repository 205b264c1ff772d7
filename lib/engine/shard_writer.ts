import type { ProduceResult, RefusalCause } from "../ports/output_log.ts";

/** A batch that was handed to the log and whose fate is not settled. */
export interface InFlightBatch {
  readonly bytes: Uint8Array;
  /** Number of records. */
  readonly count: number;
  /** Monotonic instant of the first sending. */
  readonly sentAtMs: number;
  /** What the log answered to the last sending; null while it has not. */
  result: ProduceResult | null;
}

/** What has to happen after an answer. */
export type WriterVerdict =
  /** Nothing: wait for more answers. */
  | { readonly kind: "wait" }
  /** The oldest batch is in the log at this offset. */
  | { readonly kind: "acknowledged"; readonly baseOffset: number }
  /** Send these again, in this order, after a pause; a refusal of the first has a cause. */
  | { readonly kind: "resend"; readonly reason: string; readonly cause: RefusalCause | null }
  /** The sequence of the log is not ours, or it refuses these bytes: fence, restore, go on. */
  | { readonly kind: "recover"; readonly reason: string; readonly cause: RefusalCause | null }
  /** Someone newer owns the shard. */
  | { readonly kind: "fenced"; readonly reason: string };

/**
 * The window of a shard's batches in flight: at most four, of one producer id and one run of
 * sequence numbers, so that the broker, which knows the last five, appends each once and in order
 * however often it is sent.
 *
 * When the first fails retriably all are sent again in order; a sequence error (45) on a later one
 * then only says that the first is missing. On the first it means that the log is not as we think.
 *
 * What the broker refuses for want of a right is sent again as it is, whenever the right comes back.
 * What it refuses for its size or its instants has to be made anew, from what the log holds.
 */
export class ShardWriter<Batch extends InFlightBatch> {
  readonly #inFlight: Batch[] = [];
  #nextSequence = 0;
  /** After InitProducerId the first batch goes alone. */
  #isFirst = true;

  get inFlight(): readonly Batch[] {
    return this.#inFlight;
  }

  /** The sequence number of the next batch's first record. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Whether another batch may be sent. */
  canSend(): boolean {
    if (this.#inFlight.length === 0) return true;
    if (this.#isFirst || this.#inFlight.length >= IN_FLIGHT_MAX) return false;
    // Behind a batch that failed nothing new may go.
    return this.#inFlight.every(({ result }) => result === null);
  }

  sent(batch: Batch): void {
    this.#inFlight.push(batch);
    // Sequences run to 2^31 − 1 and go on at 0, also inside a batch.
    this.#nextSequence = (this.#nextSequence + batch.count) % SEQUENCES;
  }

  /**
   * The log answered a sending of `batch`. Call `settle` until it says `wait`.
   */
  answered(batch: Batch, result: ProduceResult): void {
    batch.result = result;
  }

  /** What follows from the answers so far. An acknowledged batch leaves the window by this. */
  settle(): WriterVerdict {
    const first = this.#inFlight[0];
    if (first === undefined || first.result === null) return WAIT;
    switch (first.result.kind) {
      case "acknowledged": {
        this.#inFlight.shift();
        this.#isFirst = false;
        return first.result;
      }
      case "fenced":
        return first.result;
      case "rejected": {
        const { cause, reason } = first.result;
        if (cause === "access") return this.#settleResend(reason, cause);
        return { kind: "recover", reason, cause };
      }
      case "out_of_order": {
        const reason = "the broker misses a sequence before the first batch";
        return { kind: "recover", reason, cause: null };
      }
      case "retriable":
        return this.#settleResend(first.result.reason, null);
    }
  }

  #settleResend(reason: string, cause: RefusalCause | null): WriterVerdict {
    // The others' answers to the sending before must not be taken for those to the next.
    if (this.#inFlight.some((batch) => batch.result === null)) return WAIT;
    for (const { result } of this.#inFlight) if (result?.kind === "fenced") return result;
    return { kind: "resend", reason, cause };
  }

  /** Readies the window to be sent again, in order. */
  resend(): void {
    for (const batch of this.#inFlight) batch.result = null;
  }

  /** Forgets everything: the shard has a new epoch, whose sequence starts at 0. */
  reset(): void {
    this.#inFlight.length = 0;
    this.#nextSequence = 0;
    this.#isFirst = true;
  }
}

const WAIT: WriterVerdict = { kind: "wait" };
/** With two, a broker that is busy for 10 ms holds heartbeats up; the broker's memory allows five. */
const IN_FLIGHT_MAX = 4;
const SEQUENCES = 2 ** 31;
