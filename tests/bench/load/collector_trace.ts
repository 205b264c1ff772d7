/**
 * The pauses of the JavaScript collector, from what V8 says of each collection with `--trace-gc`.
 */

export interface CollectorPauses {
  readonly count: number;
  /** Milliseconds all together, and of the longest; 0 where there was none. */
  readonly totalMs: number;
  readonly maxMs: number;
}

export interface HeapTrace {
  /** Of the young generation. */
  readonly scavenges: CollectorPauses;
  /** Of the whole heap: the pause at the end. */
  readonly markCompacts: CollectorPauses;
  /** The longest single step of marking, which runs between other work. */
  readonly markingStepMaxMs: number;
  /** After the first and the last mark-compact, 2^20 bytes; null without one. */
  readonly liveMb: { readonly first: number; readonly last: number } | null;
}

/**
 * @param lines What a process wrote; other lines are passed over.
 * @returns One for each of its threads that collected, the one with the most scavenges first: that
 * is the one that does the work.
 */
export function readCollectorTrace(lines: Iterable<string>): HeapTrace[] {
  const heaps = new Map<string, Heap>();
  for (const line of lines) {
    const found = COLLECTION.exec(line)?.groups;
    if (found === undefined) continue;
    const { isolate, kind, afterMb, pauseMs } = found;
    const heap = heaps.get(isolate!) ??
      { scavenges: [], markCompacts: [], markingStepMaxMs: 0, liveMb: [] };
    heaps.set(isolate!, heap);
    if (kind === "Scavenge") {
      heap.scavenges.push(Number(pauseMs));
      continue;
    }
    heap.markCompacts.push(Number(pauseMs));
    const stepMs = Number(BIGGEST_STEP.exec(line)?.[1] ?? 0);
    heap.markingStepMaxMs = Math.max(heap.markingStepMaxMs, stepMs);
    heap.liveMb.push(Number(afterMb));
  }
  return [...heaps.values()]
    .sort((a, b) => b.scavenges.length - a.scavenges.length)
    .map(({ scavenges, markCompacts, markingStepMaxMs, liveMb }) => ({
      scavenges: pausesOf(scavenges),
      markCompacts: pausesOf(markCompacts),
      markingStepMaxMs,
      liveMb: liveMb.length === 0 ? null : { first: liveMb[0]!, last: liveMb.at(-1)! },
    }));
}

interface Heap {
  readonly scavenges: number[];
  readonly markCompacts: number[];
  markingStepMaxMs: number;
  readonly liveMb: number[];
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
