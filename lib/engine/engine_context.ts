import type { RecordLayout } from "../core/record_layout.ts";
import type { SessionBudget } from "../core/session_budget.ts";
import type { ShardCounters } from "../core/shard_counters.ts";
import type { EngineInputs } from "./engine_inputs.ts";
import type { EngineOptions, EnginePorts } from "./engine_options.ts";
import type { GuardedClock } from "./guarded_clock.ts";
import type { ShardRunner } from "./shard_runner.ts";

/** What the parts of one engine share, once its topics are known. */
export interface EngineContext {
  readonly options: EngineOptions;
  readonly ports: EnginePorts;
  readonly clock: GuardedClock;
  readonly budget: SessionBudget;
  readonly counters: ShardCounters;
  readonly layouts: readonly RecordLayout[];
  readonly inputs: EngineInputs;
  readonly runners: readonly ShardRunner[];
  /** Ends the engine: nothing that waiting would mend has happened. */
  readonly fail: (error: unknown) => void;
}
