import type { ReplayProgress } from "../engine/replay.ts";
import { count, perSecond } from "./replay_summary.ts";

const REDRAW_MS = 100;
const BAR_CELLS = 24;
const CLEAR_LINE = "\r\x1b[K";

/** One line on a terminal that tells how far a replay is, redrawn ten times a second. */
export class ReplayProgressBar {
  readonly #write: ((text: string) => void) | null;
  readonly #totalBytes: number | null;
  #drawnMs = -Infinity;
  #isShown = false;

  /**
   * @param write Null: there is no terminal, and no bar.
   * @param totalBytes Size of the input; null where that is not known.
   */
  constructor(write: ((text: string) => void) | null, totalBytes: number | null) {
    this.#write = write;
    this.#totalBytes = totalBytes;
  }

  update(progress: ReplayProgress, elapsedMs: number): void {
    if (this.#write === null || elapsedMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = elapsedMs;
    this.#isShown = true;
    this.#write(CLEAR_LINE + renderProgress(progress, { elapsedMs, totalBytes: this.#totalBytes }));
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#write?.(CLEAR_LINE);
  }
}

/** `[######------]  48%  1,234,567 lines  512,345 events/s  2025-11-01T00:06:45Z` */
export function renderProgress(
  progress: ReplayProgress,
  options: { readonly elapsedMs: number; readonly totalBytes: number | null },
): string {
  const { totalBytes, elapsedMs } = options;
  const parts: string[] = [];
  if (totalBytes !== null && totalBytes > 0) {
    const share = Math.min(1, progress.bytesRead / totalBytes);
    const cells = Math.floor(share * BAR_CELLS);
    const bar = "#".repeat(cells) + "-".repeat(BAR_CELLS - cells);
    parts.push(`[${bar}] ${String(Math.floor(share * 100)).padStart(3)}%`);
  }
  parts.push(`${count(progress.lines)} lines`);
  parts.push(`${count(perSecond(progress.events, elapsedMs))} events/s`);
  parts.push(new Date(progress.clockMs).toISOString().replace(/\.\d+Z$/, "Z"));
  return parts.join("  ");
}
