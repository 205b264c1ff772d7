import type { SessionBudget } from "./session_budget.ts";
import type { SessionRules } from "./session_rules.ts";
import type { ShardCounters } from "./shard_counters.ts";

export interface ShardOptions {
  /** Number of the shard = output partition. */
  readonly index: number;
  readonly rules: SessionRules;
  /** Shared by all shards of a process. */
  readonly budget: SessionBudget;
  readonly counters: ShardCounters;
  /** Rows that what is remembered for the grace may take; default: any number. */
  readonly rememberedMax?: number;
  readonly hashSeed: number;
  /** Where the clock stands at first, epoch milliseconds. */
  readonly startMs: number;
}
