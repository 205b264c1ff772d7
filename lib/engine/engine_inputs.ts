import { ByteWriter } from "../core/byte_writer.ts";
import { writeInputPositions } from "../core/position.ts";
import type { DeadLetterSink } from "../ports/dead_letters.ts";
import type { FetchedRecords, Source, SourceError, SourceListener } from "../ports/source.ts";
import type { EngineMetrics } from "../telemetry/engine_metrics.ts";
import type { EngineLimits } from "./engine_limits.ts";
import { InputMerge } from "./input_merge.ts";
import type { InputPartition } from "./input_partition.ts";

export interface EngineInputsOptions {
  readonly source: Source;
  readonly deadLetters: DeadLetterSink;
  readonly partitions: readonly InputPartition[];
  readonly metrics: EngineMetrics;
  readonly limits: EngineLimits;
  /** The guarded clock. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** Something can be taken that could not before. */
  readonly onWork: () => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * All input partitions together: what was fetched and not yet taken, who is behind, who has to be
 * waited for, and who is paused so that memory stays bounded.
 */
export class EngineInputs implements SourceListener {
  readonly partitions: readonly InputPartition[];
  readonly merge: InputMerge;
  readonly #options: EngineInputsOptions;
  readonly #writer = new ByteWriter(512);
  /** Counts the restarts: an answer from before one is not for us any more. */
  #generation = 0;
  #pausedCount = 0;
  /** Until this monotonic instant what is known of the partitions may be from before a standstill. */
  #doubtedUntilMs = -Infinity;
  #areEndsKnown = true;
  /** Counts the standstills: an answer that was asked for before one may be from before it. */
  #doubts = 0;

  constructor(options: EngineInputsOptions) {
    this.#options = options;
    this.partitions = options.partitions;
    this.merge = new InputMerge(options.partitions);
  }

  /** Bytes that the inputs of a position take, at most. */
  get positionBytesMax(): number {
    // A number and an offset each; a topic's name stands before its partitions, once.
    let bytes = 16 + this.partitions.length * 16;
    for (const topic of new Set(this.partitions.map(({ topic }) => topic))) {
      bytes += 16 + topic.length * 3;
    }
    return bytes;
  }

  onFetch(fetched: FetchedRecords): void {
    const partition = this.partitions[fetched.partition]!;
    partition.add(fetched);
    this.#options.metrics.inputs.highWatermark[partition.index] = fetched.highWatermark;
    this.#decode(partition);
    if (partition.head() !== null) this.#options.onWork();
  }

  onPartitionState(partition: number, reachable: boolean): void {
    this.partitions[partition]!.reachable = reachable;
    this.#options.metrics.inputs.reachable[partition] = reachable ? 1 : 0;
    this.#options.onWork();
  }

  onError(error: SourceError): void {
    this.#options.onFailure(error);
  }

  /**
   * Starts to fetch every partition from `offsets`, whatever was fetched before.
   *
   * Letters that are not answered still count. They pause a partition at once only if they are
   * twice too many: what lies before the first letter can be read again and taken meanwhile, and
   * restart after restart memory stays bounded all the same.
   */
  start(offsets: Float64Array, ends: readonly number[]): void {
    this.#generation++;
    this.#areEndsKnown = true;
    for (const partition of this.partitions) {
      partition.restart(offsets[partition.index]!);
      partition.highWatermark = ends[partition.index]!;
      if (partition.paused) this.#resume(partition);
      this.#options.metrics.inputs.reachable[partition.index] = 1;
    }
    this.#options.source.start([...offsets], this);
    for (const partition of this.partitions) {
      if (this.#lettersExceed(partition, 2)) this.#pause(partition);
    }
  }

  /** Fetches paused partitions again that have room. Called once a round. */
  resume(): void {
    if (this.#pausedCount === 0) return;
    for (const partition of this.partitions) {
      if (!partition.paused || this.#lettersReachHalf(partition)) continue;
      if (partition.queuedEvents < this.#options.limits.queuedEventsMax / 2) {
        this.#resume(partition);
        this.#decode(partition);
      }
    }
  }

  /**
   * The process stood still, for seconds or for hours: what the last fetches reported is from
   * before that, and requests that were under way may have timed out. Until the source has told the
   * ends of now, everything counts as behind, and nobody is excused for not being reachable.
   * Otherwise the clocks would run past events that wait to be fetched.
   */
  doubt(): void {
    const { source, monotonicMs, onWork } = this.#options;
    this.#doubtedUntilMs = monotonicMs() + DOUBT_MS_MAX;
    this.#areEndsKnown = false;
    // Nobody was waited for while nothing of this process ran.
    for (const partition of this.partitions) partition.starvedSinceMs = NaN;
    const doubt = ++this.#doubts;
    const generation = this.#generation;
    source.ranges().then((ranges) => {
      // A restart brings ends of its own.
      if (generation !== this.#generation || doubt !== this.#doubts) return;
      for (const partition of this.partitions) {
        const { end } = ranges[partition.index]!;
        if (end > partition.highWatermark) partition.highWatermark = end;
      }
      this.#areEndsKnown = true;
      onWork();
    }, () => {
      // Whatever keeps the source from answering, its fetches tell it as well.
    });
  }

  /** Next offset per partition that nobody has taken. */
  positions(): Float64Array {
    const offsets = new Float64Array(this.partitions.length);
    for (const partition of this.partitions) offsets[partition.index] = partition.position;
    return offsets;
  }

  /** The inputs part of `sw-position` for these offsets. */
  encode(offsets: Float64Array): Uint8Array {
    this.#writer.clear();
    writeInputPositions(
      this.#writer,
      this.partitions.map(({ topic, partition, index }) => ({
        topic,
        partition,
        offset: offsets[index]!,
      })),
    );
    return this.#writer.view().slice();
  }

  /**
   * Whether a partition has to be waited for: it is behind, has nothing to give (it is being
   * fetched, or a dead letter is on its way), and that for less than a second. One that cannot be
   * fetched, or is paused because of its events, holds nothing up.
   */
  mustWait(): boolean {
    const monotonicMs = this.#options.monotonicMs();
    if (!this.#areEndsKnown && monotonicMs < this.#doubtedUntilMs) return true;
    let wait = false;
    for (const partition of this.partitions) {
      if (
        !partition.isBehind || partition.head() !== null || this.#isExcused(partition, monotonicMs)
      ) {
        partition.starvedSinceMs = NaN;
        continue;
      }
      if (Number.isNaN(partition.starvedSinceMs)) partition.starvedSinceMs = monotonicMs;
      if (monotonicMs - partition.starvedSinceMs < STARVED_WAIT_MS) wait = true;
    }
    return wait;
  }

  /**
   * Whether any input is behind the end its last fetch reported, so that timers must not run on.
   * What is queued here counts in any case: it will be taken.
   *
   * @param skipBefore Offsets of a shard below which it has everything: while the reader is below
   * one, that partition does not count for it.
   */
  isBehind(skipBefore: Float64Array | null): boolean {
    const monotonicMs = this.#options.monotonicMs();
    if (!this.#areEndsKnown && monotonicMs < this.#doubtedUntilMs) return true;
    for (const partition of this.partitions) {
      if (!partition.isBehind) continue;
      if (this.#isExcused(partition, monotonicMs) && partition.head() === null) continue;
      if (monotonicMs - partition.starvedSinceMs >= STARVED_WAIT_MS) continue;
      if (skipBefore !== null && partition.position < skipBefore[partition.index]!) continue;
      return true;
    }
    return false;
  }

  /** Brings the gauges up to date. */
  report(): void {
    const { inputs } = this.#options.metrics;
    for (const partition of this.partitions) {
      inputs.position[partition.index] = partition.position;
      inputs.paused[partition.index] = partition.paused ? 1 : 0;
    }
  }

  #isExcused(partition: InputPartition, monotonicMs: number): boolean {
    // Many letters on their way are waited for as one is: events may be queued behind them.
    return (!partition.reachable && monotonicMs >= this.#doubtedUntilMs) ||
      (partition.paused && !this.#lettersReachHalf(partition));
  }

  /**
   * Decodes what was fetched of a partition, and sends its dead letters, until that is done or
   * pauses it. What is left, and what was under way then, waits as the bytes that it came in.
   */
  #decode(partition: InputPartition): void {
    const { unansweredLettersMax, unansweredLetterBytesMax, queuedEventsMax } =
      this.#options.limits;
    const { unanswered } = partition;
    while (partition.hasUndecoded && !partition.paused) {
      // One more than is allowed pauses it. After a restart there may be more than that already.
      const piece = partition.decode(this.#options.nowMs(), {
        lettersMax: Math.max(1, unansweredLettersMax + 1 - unanswered.count),
        letterBytesMax: Math.max(1, unansweredLetterBytesMax + 1 - unanswered.bytes),
      });
      if (piece.letters.length > 0) {
        this.#send(partition, piece);
        if (this.#lettersExceed(partition, 1)) this.#pause(partition);
      }
      if (!partition.paused && partition.queuedEvents > queuedEventsMax) this.#pause(partition);
    }
  }

  #send(partition: InputPartition, { letters, letterBytes, open }: OpenPiece): void {
    const { deadLetters, metrics, onWork, onFailure } = this.#options;
    const generation = this.#generation;
    const answered = partition.unanswered.add(letters.length, letterBytes);
    deadLetters.send(letters).then((acknowledged) => {
      metrics.deadLetters.sent += acknowledged;
      answered();
      if (generation === this.#generation) open();
      // Letters from before a restart open nothing, but may be what the partition is paused for.
      else if (!partition.paused) return;
      onWork();
    }, onFailure);
  }

  /** Whether more letters, or bytes of them, are not answered than `times` what is allowed. */
  #lettersExceed({ unanswered }: InputPartition, times: number): boolean {
    const { unansweredLettersMax, unansweredLetterBytesMax } = this.#options.limits;
    return unanswered.count > unansweredLettersMax * times ||
      unanswered.bytes > unansweredLetterBytesMax * times;
  }

  #lettersReachHalf({ unanswered }: InputPartition): boolean {
    const { unansweredLettersMax, unansweredLetterBytesMax } = this.#options.limits;
    return unanswered.count >= unansweredLettersMax / 2 ||
      unanswered.bytes >= unansweredLetterBytesMax / 2;
  }

  #pause(partition: InputPartition): void {
    partition.paused = true;
    this.#pausedCount++;
    this.#options.source.setPaused(partition.index, true);
  }

  #resume(partition: InputPartition): void {
    partition.paused = false;
    this.#pausedCount--;
    this.#options.source.setPaused(partition.index, false);
  }
}

type OpenPiece = ReturnType<InputPartition["decode"]>;

const STARVED_WAIT_MS = 1000;
/** So long is waited for brokers that do not answer after a standstill. */
const DOUBT_MS_MAX = 5000;
