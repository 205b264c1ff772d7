/**
 * The pauses of the JavaScript collector, from what V8 says of each collection with `--trace-gc`.
 */

export interface CollectorPauses {
  readonly count: number;
  /** Milliseconds all together, and of the longest; 0 where there was none. */
  readonly totalMs: number;
  readonly maxMs: number;
}

export interface CollectorTrace {
  /** Of the young generation. */
  readonly scavenges: CollectorPauses;
  /** Of the whole heap: the pause at the end. */
  readonly markCompacts: CollectorPauses;
  /** The longest single step of marking, which runs between other work. */
  readonly markingStepMaxMs: number;
  /** Of all threads' heaps after their first and last mark-compact, 2^20 bytes; null without one. */
  readonly liveMb: { readonly first: number; readonly last: number } | null;
}

/** Of all threads of a process. @param lines What it wrote; other lines are passed over. */
export function readCollectorTrace(lines: Iterable<string>): CollectorTrace {
  const scavenges: number[] = [];
  const markCompacts: number[] = [];
  const live = new Map<string, { first: number; last: number }>();
  let markingStepMaxMs = 0;
  for (const line of lines) {
    const found = COLLECTION.exec(line)?.groups;
    if (found === undefined) continue;
    const { isolate, kind, afterMb, pauseMs } = found;
    if (kind === "Scavenge") {
      scavenges.push(Number(pauseMs));
      continue;
    }
    markCompacts.push(Number(pauseMs));
    const stepMs = Number(BIGGEST_STEP.exec(line)?.[1] ?? 0);
    markingStepMaxMs = Math.max(markingStepMaxMs, stepMs);
    const last = Number(afterMb);
    live.set(isolate!, { first: live.get(isolate!)?.first ?? last, last });
  }
  const heaps = [...live.values()];
  return {
    scavenges: pausesOf(scavenges),
    markCompacts: pausesOf(markCompacts),
    markingStepMaxMs,
    liveMb: heaps.length === 0 ? null : {
      first: heaps.reduce((sum, { first }) => sum + first, 0),
      last: heaps.reduce((sum, { last }) => sum + last, 0),
    },
  };
}

function pausesOf(pausesMs: readonly number[]): CollectorPauses {
  return {
    count: pausesMs.length,
    totalMs: pausesMs.reduce((sum, ms) => sum + ms, 0),
    maxMs: Math.max(0, ...pausesMs),
  };
}

/** `[pid:isolate] N ms: Scavenge 4.4 (5.4) -> 4.1 (6.1) MB, pooled: 0.0 MB, 1.13 / 0.00 ms …` */
const COLLECTION = new RegExp(
  String.raw`^\[\d+:(?<isolate>0x[0-9a-f]+)[^\]]*\]\s+\d+ ms: ` +
    String.raw`(?:\(?\w+\)? )*?(?<kind>Scavenge|Mark-Compact)(?: \([^)]*\))* ` +
    String.raw`[\d.]+ \([\d.]+\) -> (?<afterMb>[\d.]+) \([\d.]+\) MB, ` +
    String.raw`(?:pooled: [\d.]+ MB, )?(?<pauseMs>[\d.]+) / `,
);
const BIGGEST_STEP = /biggest step ([\d.]+) ms/;
