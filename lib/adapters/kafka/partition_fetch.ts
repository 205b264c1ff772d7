import type { FetchedRecords } from "../../ports/source.ts";

/** Where one input partition stands. */
export class PartitionFetch {
  offset = 0;
  paused = false;
  underWay = false;
  /** Nothing more is fetched: the partition's error was reported. */
  ended = false;
  reachable: boolean | null = null;
  outOfRangeCount = 0;
  notBeforeMs = 0;
  #failures = 0;
  #lastEnd = -1;
  #lastLogStart = -1;

  constructor(readonly topic: string, readonly partition: number, readonly index: number) {}

  restart(offset: number): void {
    this.offset = offset;
    this.paused = false;
    this.underWay = false;
    this.ended = false;
    this.reachable = null;
    this.outOfRangeCount = 0;
    this.notBeforeMs = 0;
    this.#failures = 0;
    this.#lastEnd = -1;
    this.#lastLogStart = -1;
  }

  /**
   * Takes an answer in.
   * @returns whether it tells the listener anything: records, another end, or that all is well again.
   */
  accepted(answer: FetchedRecords, nextOffset: number): boolean {
    const wasFailing = this.#failures > 0;
    this.#failures = 0;
    this.outOfRangeCount = 0;
    const news = answer.records.length > 0 || answer.highWatermark !== this.#lastEnd ||
      answer.logStart !== this.#lastLogStart || wasFailing || this.reachable !== true;
    this.#lastEnd = answer.highWatermark;
    this.#lastLogStart = answer.logStart;
    if (nextOffset > this.offset) this.offset = nextOffset;
    return news;
  }

  postpone(nowMs: number): void {
    const pause = Math.min(FAILURE_PAUSE_MAX_MS, FAILURE_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.notBeforeMs = nowMs + pause;
  }
}

const FAILURE_PAUSE_MS = 50;
const FAILURE_PAUSE_MAX_MS = 1_000;
