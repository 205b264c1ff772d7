/**
 * Keeps R of a shard: an output offset at or after which every active session, every remembered
 * end and every unexpired early end has a record or a header.
 *
 * While all is on time, a session that is active now wrote a record less than H ago, and what is
 * remembered was written less than G ago, both on the shard's clock: so everything is at or after
 * the first batch whose clock is not before now − max(H, G). That does not hold when heartbeats
 * were left out, while due timers are unwritten, after a restore (the log may end with any of
 * these) and after a change of H or G. From each of these on R stands still until max(H, G) of
 * the shard's clock has passed, when every session has written again. (In catching up, heartbeats
 * are left out by the wall clock: their sessions write again when the shard's clock has come to
 * the one that is not left out, and R stands still until a window after that.)
 *
 * Of the batches it keeps only some, 256 in a window; between two it takes the earlier one.
 */
export class RestorePoint {
  readonly #windowMs: number;
  readonly #grainMs: number;
  #offsets: number[] = [];
  #clocks: number[] = [];
  #first = 0;
  #held: number;
  #heldUntilMs: number;
  #logEnd: number;

  /**
   * @param windowMs max(H, G).
   * @param offset R at the end of the log, which is the end where the log holds nothing.
   * @param clockMs The shard's clock: R stands still from here on for a window.
   * @param logEnd Next offset of the output partition.
   */
  constructor(windowMs: number, offset: number, clockMs: number, logEnd: number) {
    this.#windowMs = windowMs;
    this.#grainMs = windowMs / 256;
    this.#held = offset;
    this.#heldUntilMs = clockMs + windowMs;
    this.#logEnd = logEnd;
  }

  /**
   * R stands still where it was at the shard's clock `sinceMs`, while everything was on time
   * still, until a window past `untilMs`, by when everything is on time again.
   */
  hold(sinceMs: number, untilMs: number): void {
    if (sinceMs > this.#heldUntilMs) this.#held = this.offset(sinceMs);
    this.#heldUntilMs = Math.max(this.#heldUntilMs, untilMs + this.#windowMs);
  }

  /** A batch closed at the shard's clock `clockMs` was acknowledged at these offsets. */
  acknowledged(clockMs: number, baseOffset: number, nextOffset: number): void {
    this.#logEnd = nextOffset;
    const last = this.#clocks.length - 1;
    if (last >= this.#first && clockMs < this.#clocks[last]! + this.#grainMs) return;
    this.#clocks.push(clockMs);
    this.#offsets.push(baseOffset);
  }

  /** R for a batch that is closed at the shard's clock `clockMs`. */
  offset(clockMs: number): number {
    if (clockMs <= this.#heldUntilMs) return this.#held;
    const fromMs = clockMs - this.#windowMs;
    const clocks = this.#clocks;
    // The last kept batch before the window; the first one in it lies at or after that.
    while (this.#first + 1 < clocks.length && clocks[this.#first + 1]! < fromMs) this.#first++;
    if (this.#first > 1024) {
      this.#clocks = clocks.slice(this.#first);
      this.#offsets = this.#offsets.slice(this.#first);
      this.#first = 0;
    }
    // No batch acknowledged at all since the hold began: what is active is in flight still.
    return this.#first < this.#offsets.length ? this.#offsets[this.#first]! : this.#logEnd;
  }
}
