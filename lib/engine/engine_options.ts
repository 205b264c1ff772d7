import type { EventLayout } from "../core/event_layout.ts";
import type { RecordBatchReaderOptions } from "../core/record_batch_reader.ts";
import type { SessionRules } from "../core/session_rules.ts";
import type { CheckpointStore } from "../ports/checkpoint_store.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeadLetterSink } from "../ports/dead_letters.ts";
import type { OutputLog } from "../ports/output_log.ts";
import type { Source } from "../ports/source.ts";
import type { EngineMetrics } from "../telemetry/engine_metrics.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { EngineLimits } from "./engine_limits.ts";

/** What an engine runs on: the outside, through ports. */
export interface EnginePorts {
  readonly clock: Clock;
  readonly source: Source;
  readonly log: OutputLog;
  readonly deadLetters: DeadLetterSink;
  /** Null where nothing is kept: `demo`. */
  readonly checkpoints: CheckpointStore | null;
}

/** `refuse`: an operator has to say so first. `forget`: they get no further record, not even an End. */
export type LostSessions = "refuse" | "forget";

/** What an engine does. Durations are milliseconds. */
export interface EngineOptions {
  readonly rules: SessionRules;
  /** Name of the layout that is written; all known ones are read. */
  readonly recordLayout: string;
  /** The layout of a topic's events. */
  readonly eventLayout: (topic: string) => EventLayout;
  readonly eventBytesMax: number;
  readonly sessionsMax: number;
  /** What all shards together may remember for the grace: ended sessions and early ends. */
  readonly rememberedMax: number;
  /** Whose offsets the source commits, for messages. */
  readonly groupId: string;
  /** Where to start reading an input with no position and no committed offset. */
  readonly start: "earliest" | "latest";
  /** Whether the log keeps older owners of a shard out. */
  readonly fencing: boolean;
  /** Whether to start where retention took records of sessions that were active. */
  readonly lostSessions: LostSessions;
  /** Null: only at shutdown. */
  readonly checkpointIntervalMs: number | null;
  readonly shutdownTimeoutMs: number;
  /** A round that has only heartbeats to write waits for the next tick. */
  readonly tickMs: number;
  readonly hashSeed: number;
  /** Default `ENGINE_LIMITS`. */
  readonly limits?: EngineLimits;
  readonly batches: RecordBatchReaderOptions;
  readonly metrics: EngineMetrics;
  readonly logger: Logger;
}
