/**
 * How late the records of the measured window are, as histograms.
 *
 * | name | of | what |
 * |---|---|---|
 * | L1 | starts and ends | made (`emittedAt`, the record's timestamp) − the event's timestamp |
 * | L2 | the same | appended by the broker − the event's timestamp; needs log-append time |
 * | L3 | the same | seen by a consumer − the event's timestamp |
 * | H  | heartbeats | made − due (`startedAt + k·H`) |
 * | H2, H3 | heartbeats | appended − due; seen − due |
 *
 * The event's timestamp is the one it was sent with: the instant at which it was meant to leave, so a stall of whatever part
 * counts for every event that it held up. A record belongs to the window when its event was meant
 * to leave, or its heartbeat was due, within it, no matter when it came.
 */
import { LatencyHistogram } from "../../../lib/telemetry/latency_histogram.ts";
import { type Quantiles, quantilesOf, quantilesOfWholeMs } from "./quantiles.ts";
import { END, HEARTBEAT, type RecordParser } from "./record_parser.ts";

export interface LatencyReport {
  readonly starts: { readonly L1: Quantiles; readonly L2: Quantiles; readonly L3: Quantiles };
  readonly ends: { readonly L1: Quantiles; readonly L2: Quantiles; readonly L3: Quantiles };
  /** Starts and ends together. */
  readonly changes: { readonly L1: Quantiles; readonly L2: Quantiles; readonly L3: Quantiles };
  readonly heartbeats: { readonly H: Quantiles; readonly H2: Quantiles; readonly H3: Quantiles };
  /** By the names of the parts. */
  readonly parts: Readonly<Record<string, PartLatencies>>;
}

/** Starts and ends together, and heartbeats. */
export interface PartLatencies {
  readonly L1: Quantiles;
  readonly L3: Quantiles;
  readonly H: Quantiles;
  readonly H3: Quantiles;
}

/** A span of the run that is counted for itself; spans of one name are counted together. */
export interface LoadPart {
  readonly name: string;
  /** Since the schedule's first instant. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** One second of the run, by when its records were due. */
export interface SecondOfOutput {
  /** Since the schedule's first instant. */
  readonly second: number;
  readonly records: number;
  readonly L1Max: number;
  readonly HMax: number;
}

interface LatencyOptions {
  readonly fromMs: number;
  readonly durationMs: number;
  readonly windowFromMs: number;
  readonly windowToMs: number;
  /** One after the other. */
  readonly parts: readonly LoadPart[];
}

export class Latencies {
  /** Records made within the window. */
  recordsInWindow = 0;
  readonly #options: LatencyOptions;
  readonly #starts = new Triple();
  readonly #ends = new Triple();
  readonly #heartbeats = new Triple();
  readonly #records: Float64Array;
  readonly #changeMax: Float64Array;
  readonly #heartbeatMax: Float64Array;
  readonly #parts: readonly { readonly fromMs: number; readonly toMs: number; of: PartOfRun }[];
  readonly #partsByName = new Map<string, PartOfRun>();

  constructor(options: LatencyOptions) {
    this.#options = options;
    const seconds = Math.ceil(options.durationMs / 1000) + 1;
    this.#records = new Float64Array(seconds);
    this.#changeMax = new Float64Array(seconds);
    this.#heartbeatMax = new Float64Array(seconds);
    this.#parts = options.parts.map(({ name, fromMs, toMs }) => {
      const of = this.#partsByName.get(name) ?? { changes: new Triple(), heartbeats: new Triple() };
      this.#partsByName.set(name, of);
      return { fromMs: options.fromMs + fromMs, toMs: options.fromMs + toMs, of };
    });
  }

  isInWindow(ms: number): boolean {
    return ms >= this.#options.windowFromMs && ms < this.#options.windowToMs;
  }

  /** @param dueMs When what caused the record was meant to happen; NaN counts only its making. */
  take(record: RecordParser, dueMs: number, appendedMs: number, seenMs: number): void {
    const { emittedAt, status } = record;
    if (this.isInWindow(emittedAt)) this.recordsInWindow++;
    const isHeartbeat = status === HEARTBEAT;
    const second = Math.floor((dueMs - this.#options.fromMs) / 1000);
    if (second >= 0 && second < this.#records.length) {
      this.#records[second]!++;
      const max = isHeartbeat ? this.#heartbeatMax : this.#changeMax;
      if (emittedAt - dueMs > max[second]!) max[second] = emittedAt - dueMs;
    }
    for (const { fromMs, toMs, of } of this.#parts) {
      if (dueMs < fromMs || dueMs >= toMs) continue;
      const part = isHeartbeat ? of.heartbeats : of.changes;
      part.made.record(emittedAt - dueMs);
      part.seen.record(seenMs - dueMs);
    }
    if (!this.isInWindow(dueMs)) return;
    const triple = isHeartbeat ? this.#heartbeats : status === END ? this.#ends : this.#starts;
    triple.made.record(emittedAt - dueMs);
    // NaN where the topic has no log-append time.
    if (appendedMs === appendedMs) triple.appended.record(appendedMs - dueMs);
    triple.seen.record(seenMs - dueMs);
  }

  report(): LatencyReport {
    const changes = new Triple();
    for (const triple of [this.#starts, this.#ends]) {
      changes.made.merge(triple.made);
      changes.appended.merge(triple.appended);
      changes.seen.merge(triple.seen);
    }
    const { made, appended, seen } = this.#heartbeats;
    return {
      starts: named(this.#starts),
      ends: named(this.#ends),
      changes: named(changes),
      heartbeats: { H: quantilesOf(made), H2: quantilesOf(appended), H3: quantilesOf(seen) },
      parts: Object.fromEntries(
        Array.from(this.#partsByName, ([name, part]) => [name, partLatencies(part)]),
      ),
    };
  }

  seconds(): SecondOfOutput[] {
    return Array.from(this.#records, (records, second) => ({
      second,
      records,
      L1Max: this.#changeMax[second]!,
      HMax: this.#heartbeatMax[second]!,
    }));
  }
}

interface PartOfRun {
  readonly changes: Triple;
  readonly heartbeats: Triple;
}

function partLatencies({ changes, heartbeats }: PartOfRun): PartLatencies {
  return {
    L1: quantilesOfWholeMs(changes.made),
    L3: quantilesOf(changes.seen),
    H: quantilesOfWholeMs(heartbeats.made),
    H3: quantilesOf(heartbeats.seen),
  };
}

class Triple {
  readonly made = new LatencyHistogram();
  readonly appended = new LatencyHistogram();
  readonly seen = new LatencyHistogram();
}

function named(triple: Triple): { L1: Quantiles; L2: Quantiles; L3: Quantiles } {
  return {
    L1: quantilesOf(triple.made),
    L2: quantilesOf(triple.appended),
    L3: quantilesOf(triple.seen),
  };
}
