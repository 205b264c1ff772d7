import { REJECT_REASONS, type RejectReason } from "../core/reject_reason.ts";
import type { ByteTarget } from "../ports/byte_stream.ts";

/** A line that is no event. */
export interface RejectedLine {
  /** Counted from 0. */
  readonly line: number;
  readonly reason: RejectReason;
  readonly detail: string;
  /** What is kept of the line, without its end. */
  readonly bytes: Uint8Array;
  /** Its bytes go on: it was too long. */
  readonly isCut: boolean;
}

/**
 * Writes rejected lines as lines of JSON, `{"line":n,"reason":…,"detail":…,"value":"…"}`, and
 * counts them. Bytes that are no UTF-8 become U+FFFD in `value`.
 */
export class ReplayDeadLetters {
  readonly counts: Record<RejectReason, number>;
  readonly #target: ByteTarget;
  #texts: string[] = [];
  #length = 0;

  constructor(target: ByteTarget) {
    this.#target = target;
    this.counts = Object.fromEntries(
      REJECT_REASONS.map((reason) => [reason, 0]),
    ) as Record<RejectReason, number>;
  }

  /** Whether enough has gathered to be written. */
  get isFull(): boolean {
    return this.#length >= FLUSHED_LENGTH;
  }

  add({ line, reason, detail, bytes, isCut }: RejectedLine): void {
    // In a stream, the part of a character before the cut is held back.
    const value = utf8.decode(bytes, { stream: isCut });
    if (isCut) utf8.decode();
    const text = `${JSON.stringify({ line, reason, detail, value })}\n`;
    this.#texts.push(text);
    this.#length += text.length;
    this.counts[reason]++;
  }

  /** @throws ByteStreamError */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const text = this.#texts.join("");
    this.#texts = [];
    this.#length = 0;
    await this.#target.write(encoder.encode(text));
  }
}

const FLUSHED_LENGTH = 64 * 1024;
const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
