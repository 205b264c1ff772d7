import type { RejectReason } from "../core/reject_reason.ts";

/**
 * Where goes what is not an event, whole and at least once.
 *
 * The caller lets no position and no group offset pass a letter before `send` resolved for it.
 * The sink waits for brokers that are away; a letter that is refused as too large it cuts to fit
 * by itself, and one that is refused even then it counts, logs and passes.
 */
export interface DeadLetterSink {
  /**
   * Resolves once every letter is acknowledged (or was given up as unacceptable, see above), with
   * the number of those that were acknowledged.
   */
  send(letters: readonly DeadLetter[]): Promise<number>;
  close(): Promise<void>;
}

export interface DeadLetter {
  readonly reason: RejectReason;
  readonly detail: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Records that the letter stands for: 1, or those of a whole undecodable batch. */
  readonly count: number;
  readonly timestampMs: number;
  /** Bytes as they came, or null. */
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly DeadLetterHeader[];
}

export interface DeadLetterHeader {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}
