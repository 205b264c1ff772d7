import type { AnalyserReport } from "./analyser.ts";
import type { HeapTrace } from "./collector_trace.ts";
import type { GeneratorReport } from "./generator.ts";
import type { AbuseResult, HeldResult } from "./http_abuse.ts";
import type { LoadOptions } from "./load_options.ts";
import type { Machine } from "./machine.ts";
import type { Usage } from "./process_usage.ts";
import type { Resources } from "./resource_samples.ts";

/** Everything that a run found out; what `--json` writes. */
export interface LoadResult {
  readonly startedAt: string;
  readonly options: LoadOptions;
  readonly engine: string;
  readonly machine: Machine;
  readonly generator: GeneratorReport;
  readonly analyser: AnalyserReport;
  /** Of the measured window; of a catch-up, from the engine's start to the last change. */
  readonly usage: Usage;
  readonly memory: EngineMemory;
  /** Of the engine in the measured window; null for a catch-up. */
  readonly resources: Resources | null;
  /** Of the engine in the measured window; null where it was not asked for. */
  readonly collector: readonly HeapTrace[] | null;
  readonly activeSessions: number;
  readonly catchUp: CatchUp | null;
  readonly restart: Restart | null;
  readonly abuse: AbuseResult | null;
  readonly held: HeldResult | null;
  /** Why the figures are not those of the engine; empty for a good run. */
  readonly voidBecause: readonly string[];
  /** What the engine did wrong; empty for a good run. */
  readonly faults: readonly string[];
  /** What else used the machine, beyond what a quiet one does; empty for an undisturbed run. */
  readonly disturbances: readonly string[];
}

/** Bytes resident. */
export interface EngineMemory {
  /** Before the first event. */
  readonly empty: number;
  /** At the end of the measured window. */
  readonly loaded: number;
  readonly peak: number;
}

export interface CatchUp {
  readonly events: number;
  /** From the first record to the last Start or End, as seen by the consumer. */
  readonly seconds: number;
  /** From the start of the process to the first record. */
  readonly secondsToFirst: number;
  readonly eventsPerSecond: number;
}

/** Milliseconds since the engine was started again; null where nothing came. */
export interface Restart {
  /** From the signal to the end of the process before. */
  readonly stopMs: number;
  readonly firstBatchMs: number | null;
  readonly everyShardMs: number | null;
  /** From the last batch seen before to the first after. */
  readonly silentMs: number | null;
}

/** A generator that is later than this at p99 measures itself. */
export const SLIP_P99_MAX_MS = 5;

/** Others may use this share of one core before a run counts as disturbed. */
export const OTHERS_CORE_SHARE_MAX = 0.15;

export function voidReasons(generator: GeneratorReport, options: LoadOptions): string[] {
  const reasons: string[] = [];
  const { p99 } = generator.slip;
  if (options.mode !== "catch-up" && p99 !== null && p99 > SLIP_P99_MAX_MS) {
    reasons.push(
      `the generator was ${p99.toFixed(1)} ms late at p99, at most ${SLIP_P99_MAX_MS} are allowed`,
    );
  }
  for (const [code, batches] of Object.entries(generator.refused)) {
    reasons.push(`the broker refused ${batches} batches of input with error ${code}`);
  }
  if (generator.unanswered > 0) {
    reasons.push(`${generator.unanswered} requests of input were not answered`);
  }
  return reasons;
}

export function engineFaults(analyser: AnalyserReport, options: LoadOptions): string[] {
  const found: string[] = [];
  const { missing, faults } = analyser;
  const add = (count: number, what: string) => {
    if (count > 0) found.push(`${count} ${what}`);
  };
  add(missing.starts, "Starts missing at the end");
  add(missing.heartbeats, "heartbeats missing at the end");
  add(missing.ends, "Ends missing at the end");
  add(faults.missing, "heartbeats missing");
  add(faults.duplicate, "duplicate records");
  add(faults.outOfOrder, "records out of order");
  add(faults.wrongField, "records with a wrong field");
  add(faults.wrongPartition, "records on the wrong partition");
  add(faults.unexpected, "records that nothing caused");
  add(analyser.foreignRecords, "records that are not well-formed");
  // After time away the contract allows it; under a steady load there is no time away.
  if (options.mode === "steady") {
    add(analyser.leftOutInWindow, "heartbeats left out in the measured window");
  }
  return found;
}

export function disturbances(usage: Usage): string[] {
  const found: string[] = [];
  const others = usage.otherSeconds / usage.seconds;
  if (others > OTHERS_CORE_SHARE_MAX) {
    found.push(`other processes and the kernel used ${(others * 100).toFixed(0)} % of a core`);
  }
  const stolen = usage.stealSeconds / usage.seconds;
  if (stolen > 0.02) found.push(`the hypervisor took ${(stolen * 100).toFixed(0)} % of a core`);
  return found;
}
