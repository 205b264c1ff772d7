import {
  type EngineLatencies,
  type EngineStatus,
  eventsTotal,
  recordsTotal,
} from "./engine_status.ts";
import { difference, type HistogramCounts } from "./latency_histogram.ts";

/**
 * The last ten seconds of the engine's counters, so that rates and quantiles tell what happens now and
 * not since the start. Feed it a status about once a second.
 */
export class StatusWindow {
  /** Oldest first. */
  readonly #kept: EngineStatus[] = [];

  add(status: EngineStatus): void {
    const last = this.#kept.at(-1);
    const before = this.#kept.at(-2);
    if (last !== undefined && status.monotonicMs < last.monotonicMs) {
      this.#kept.length = 0;
    } else if (before !== undefined && last!.monotonicMs - before.monotonicMs < SPACING_MS) {
      // With several readers statuses come closer together: the ones in between are not kept.
      this.#kept.pop();
    }
    this.#kept.push(status);
    while (this.#kept.length > 2 && this.#spanMs(1) >= WINDOW_MS) this.#kept.shift();
    if (this.#kept.length === 2 && this.#spanMs(0) > STALE_MS) this.#kept.shift();
  }

  /** Null until two statuses at different instants are known. */
  rates(): Rates | null {
    const older = this.#kept[0];
    const newer = this.#kept.at(-1);
    if (older === undefined || newer === undefined) return null;
    const windowMs = newer.monotonicMs - older.monotonicMs;
    if (windowMs <= 0) return null;
    const perSecond = (of: (status: EngineStatus) => number) =>
      Math.max(0, of(newer) - of(older)) / windowMs * 1000;
    return {
      windowMs,
      eventsPerSecond: perSecond(({ counters }) => eventsTotal(counters)),
      recordsPerSecond: perSecond(({ counters }) => recordsTotal(counters.records)),
      heartbeatsPerSecond: perSecond(({ counters }) => counters.records.heartbeat),
      outputBytesPerSecond: perSecond(({ counters }) => counters.outputBytes),
    };
  }

  /** What the histogram recorded within the window; everything when one status is known; or null. */
  recent(name: keyof EngineLatencies): HistogramCounts | null {
    const newer = this.#kept.at(-1);
    if (newer === undefined) return null;
    if (this.#kept.length === 1) return newer.latencies[name];
    return difference(newer.latencies[name], this.#kept[0]!.latencies[name]);
  }

  /** From the entry at `index` to the newest. */
  #spanMs(index: number): number {
    return this.#kept.at(-1)!.monotonicMs - this.#kept[index]!.monotonicMs;
  }
}

export interface Rates {
  readonly windowMs: number;
  readonly eventsPerSecond: number;
  readonly recordsPerSecond: number;
  readonly heartbeatsPerSecond: number;
  readonly outputBytesPerSecond: number;
}

const WINDOW_MS = 10_000;
const SPACING_MS = 800;
/** After a longer silence an old status says nothing about now. */
const STALE_MS = 60_000;
