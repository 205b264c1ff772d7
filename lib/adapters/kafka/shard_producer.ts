import type { ProduceBatch, ProduceListener } from "../../ports/output_log.ts";

/** How batches reach the broker: both ways keep the contract of `OutputLog.produce`. */
export interface ShardProducer {
  produce(batches: readonly ProduceBatch[], onResult: ProduceListener): void;
}
