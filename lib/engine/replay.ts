import { EVENT_END, EVENT_START, EventChunk } from "../core/event_chunk.ts";
import { DECODED_IGNORED, DECODED_REJECTED, DECODED_START } from "../core/event_decoder.ts";
import { LineSink } from "../core/line_sink.ts";
import type { RecordLayout } from "../core/record_layout.ts";
import type { RejectReason } from "../core/reject_reason.ts";
import { SessionBudget } from "../core/session_budget.ts";
import type { SessionRules } from "../core/session_rules.ts";
import { Shard } from "../core/shard.ts";
import { newShardCounters, type ShardCounters } from "../core/shard_counters.ts";
import type { ByteSource, ByteTarget } from "../ports/byte_stream.ts";
import { LineSplitter } from "./line_splitter.ts";
import { ReplayDeadLetters } from "./replay_dead_letters.ts";
import {
  LINE_WITHOUT_EVENT,
  type ReplayLayouts,
  ReplayLineDecoder,
} from "./replay_line_decoder.ts";

export interface ReplayOptions {
  readonly input: ByteSource;
  /** Gets the records, a line each. */
  readonly output: ByteTarget;
  /** Gets the rejected lines, a line of JSON each. */
  readonly deadLetters: ByteTarget;
  /** Every heartbeat is written, whatever the rules say of missed ones in a live run. */
  readonly rules: Omit<SessionRules, "missed">;
  readonly layouts: ReplayLayouts;
  readonly recordLayout: RecordLayout;
  readonly partitions: number;
  readonly sessionsMax: number;
  readonly eventBytesMax: number;
  readonly hashSeed: number;
  /** Where the clock moves after the last line, epoch milliseconds. */
  readonly untilMs: number | null;
  /** Whether it then moves on until no session is active. */
  readonly drain: boolean;
  /** A line that would move the clock by more than this is rejected. */
  readonly jumpMsMax: number | null;
  /** Ends the replay where it is, with what was made so far written. */
  readonly signal: AbortSignal;
  /** Called after each block of lines or records, and at the end. */
  onProgress?(progress: ReplayProgress): void;
}

export interface ReplayProgress {
  readonly bytesRead: number;
  readonly lines: number;
  readonly events: number;
  readonly clockMs: number;
}

/** What a replay did. */
export interface ReplaySummary extends ReplayProgress {
  readonly starts: number;
  readonly ends: number;
  /** Empty lines and null values. */
  readonly withoutEvent: number;
  /** Events of another type. */
  readonly otherType: number;
  readonly rejected: Readonly<Record<RejectReason, number>>;
  /** Indexed by `LINE_…`. */
  readonly records: readonly number[];
  readonly counters: Readonly<ShardCounters>;
  /** Record timestamps below 0, which counted as the clock. */
  readonly timestampsCorrected: number;
  readonly activeSessions: number;
  readonly interrupted: boolean;
}

/**
 * Runs the lines of the input through the core under a virtual clock.
 *
 * All devices are in one shard: a session knows nothing of its partition, and so timers fire in
 * the order of their instants over all of them, the output is in the order of the virtual clock,
 * and the number of partitions is no more than a number in the lines. The same input gives the
 * same bytes.
 *
 * @throws ByteStreamError; what was made before is written where that is still possible.
 */
export function replay(options: ReplayOptions): Promise<ReplaySummary> {
  return new Replay(options).run();
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #lines: LineSplitter;
  readonly #decoder: ReplayLineDecoder;
  readonly #chunk = new EventChunk(1);
  readonly #shard: Shard;
  readonly #sink: LineSink;
  readonly #deadLetters: ReplayDeadLetters;
  readonly #counters = newShardCounters();
  /** The write under way; what it failed with, if it did. */
  #writing: Promise<unknown> = Promise.resolve();
  /** The clock stands where a line has set it, and not at its first value. */
  #clockIsSet = false;
  #lineNumber = 0;
  #starts = 0;
  #ends = 0;
  #withoutEvent = 0;
  #otherType = 0;
  #timestampsCorrected = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { eventBytesMax } = options;
    this.#lines = new LineSplitter(options.input, { lineBytesMax: eventBytesMax });
    this.#decoder = new ReplayLineDecoder(options.layouts, { eventBytesMax });
    this.#sink = new LineSink(options.recordLayout, options.partitions);
    this.#deadLetters = new ReplayDeadLetters(options.deadLetters);
    this.#shard = new Shard({
      index: 0,
      rules: { ...options.rules, missed: "all" },
      budget: new SessionBudget(options.sessionsMax),
      counters: this.#counters,
      hashSeed: options.hashSeed,
      startMs: 0,
    });
  }

  async run(): Promise<ReplaySummary> {
    const { untilMs, drain } = this.#options;
    try {
      while (await this.#fill()) {
        this.#decoder.startBlock();
        await this.#applyLines();
        // Whoever writes to us line by line sees the records of each.
        await this.#flush();
        await this.#deadLetters.flush();
        this.#reportProgress();
      }
      if (untilMs !== null && untilMs > this.#shard.clockMs) await this.#advance(untilMs);
      if (drain) await this.#drain();
    } catch (error) {
      // The first fault is the one to tell; what can still be saved of the rest is.
      await Promise.allSettled([this.#flush(), this.#deadLetters.flush()]);
      await this.#writing;
      throw error;
    }
    await this.#flush();
    await this.#deadLetters.flush();
    const fault = await this.#writing;
    if (fault !== undefined) throw fault;
    this.#reportProgress();
    return this.#summary();
  }

  /** Reads on unless it is stopped: a source like a terminal may keep us waiting for ever. */
  async #fill(): Promise<boolean> {
    const { signal } = this.#options;
    if (signal.aborted) return false;
    const hasLines = await new Promise<boolean>((resolve, reject) => {
      const stop = () => resolve(false);
      signal.addEventListener("abort", stop, { once: true });
      // A listener a read would add up over the days that a pipe may last.
      const done = () => signal.removeEventListener("abort", stop);
      this.#lines.fill().then(resolve, reject).finally(done);
    });
    return hasLines && !signal.aborted;
  }

  /** Applies the lines that were read. Only a full buffer is waited for. */
  async #applyLines(): Promise<void> {
    const { signal } = this.#options;
    const lines = this.#lines;
    const decoder = this.#decoder;
    while (lines.next()) {
      const { bytes, from, to } = lines;
      const decoded = decoder.decode(bytes, from, to, lines.lineBytes, this.#lineNumber);
      if (decoded === DECODED_REJECTED) this.#reject(decoder.rejectReason, decoder.rejectDetail);
      else if (decoded === DECODED_IGNORED) this.#otherType++;
      else if (decoded === LINE_WITHOUT_EVENT) this.#withoutEvent++;
      else if (this.#isTooFarAhead(decoder.timestampMs)) this.#rejectJump(decoder.timestampMs);
      else {
        const timestampMs = this.#usedTimestamp(decoder.timestampMs);
        const clockMs = Math.max(timestampMs, this.#shard.clockMs);
        if (!this.#tryAdvance(clockMs)) await this.#advance(clockMs);
        if (!this.#sink.hasRoom()) await this.#flush();
        if (signal.aborted) return;
        this.#apply(decoded, timestampMs);
        // What the event itself made overdue fires now.
        if (!this.#tryAdvance(clockMs)) await this.#advance(clockMs);
      }
      this.#lineNumber++;
      if (this.#deadLetters.isFull) await this.#deadLetters.flush();
      if (signal.aborted) return;
    }
  }

  #apply(decoded: number, timestampMs: number): void {
    const chunk = this.#chunk;
    const type = decoded === DECODED_START ? EVENT_START : EVENT_END;
    if (type === EVENT_START) this.#starts++;
    else this.#ends++;
    chunk.clear();
    chunk.add(this.#decoder.decoder, type, 1, this.#decoder.offset, timestampMs);
    this.#shard.apply(chunk, 0, NO_WALL_CLOCK, this.#sink);
  }

  #isTooFarAhead(timestampMs: number): boolean {
    const { jumpMsMax } = this.#options;
    return jumpMsMax !== null && this.#clockIsSet &&
      timestampMs - this.#shard.clockMs > jumpMsMax;
  }

  #usedTimestamp(timestampMs: number): number {
    if (timestampMs >= 0) {
      this.#clockIsSet = true;
      return timestampMs;
    }
    this.#timestampsCorrected++;
    return this.#shard.clockMs;
  }

  #rejectJump(timestampMs: number): void {
    const aheadMs = timestampMs - this.#shard.clockMs;
    this.#reject(
      "bad_field",
      `timestamp is ${aheadMs} ms ahead of the clock, at most ${this.#options.jumpMsMax}`,
    );
  }

  #reject(reason: RejectReason, detail: string): void {
    const { bytes, from, to, lineBytes } = this.#lines;
    this.#deadLetters.add({
      line: this.#lineNumber,
      reason,
      detail,
      bytes: bytes.subarray(from, to),
      isCut: lineBytes > to - from,
    });
  }

  /** Moves the clock to an instant not behind it; false when the buffer was full first. */
  #tryAdvance(toMs: number): boolean {
    return this.#shard.advance(toMs, NO_WALL_CLOCK, this.#sink);
  }

  async #advance(toMs: number): Promise<void> {
    while (!this.#options.signal.aborted && !this.#tryAdvance(toMs)) await this.#flush();
  }

  /** Goes from timer to timer, so that the clock stands at the last one afterwards. */
  async #drain(): Promise<void> {
    while (this.#shard.active.size > 0 && !this.#options.signal.aborted) {
      if (!this.#tryAdvance(this.#shard.nextDeadlineMs())) await this.#flush();
    }
  }

  /** Starts to write what was made, once the write before it is done. */
  async #flush(): Promise<void> {
    const fault = await this.#writing;
    if (fault !== undefined) throw fault;
    const bytes = this.#sink.take();
    if (bytes.length === 0) return;
    this.#writing = this.#options.output.write(bytes).then(() => undefined, (error) => error);
    this.#reportProgress();
  }

  #reportProgress(): void {
    this.#options.onProgress?.(this.#progress());
  }

  #progress(): ReplayProgress {
    return {
      bytesRead: this.#lines.bytesRead,
      lines: this.#lineNumber,
      events: this.#starts + this.#ends,
      clockMs: this.#shard.clockMs,
    };
  }

  #summary(): ReplaySummary {
    return {
      ...this.#progress(),
      starts: this.#starts,
      ends: this.#ends,
      withoutEvent: this.#withoutEvent,
      otherType: this.#otherType,
      rejected: { ...this.#deadLetters.counts },
      records: [...this.#sink.counts],
      counters: { ...this.#counters },
      timestampsCorrected: this.#timestampsCorrected,
      activeSessions: this.#shard.active.size,
      interrupted: this.#options.signal.aborted,
    };
  }
}

/** What is overdue is so by the shard's clock alone. */
const NO_WALL_CLOCK = -Infinity;
