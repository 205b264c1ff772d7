import type { Clock } from "../ports/clock.ts";
import type { DeviceView, IngestAnswer, IngestFormat } from "../ports/engine_queries.ts";
import type { EngineMetrics } from "../telemetry/engine_metrics.ts";
import type { EngineStatus } from "../telemetry/engine_status.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { EngineSetup } from "./engine_messages.ts";

/** An engine with all that it stands on, as `EngineHost` runs it. */
export interface HostedEngine {
  /** Resolves when every shard runs. */
  start(): Promise<void>;
  /** In good order. @returns whether everything was settled. */
  stop(): Promise<boolean>;
  /** Rejects when the engine gives up. */
  readonly failed: Promise<never>;
  status(): EngineStatus;
  device(deviceId: string): DeviceView | null;
  /** Absent where events come from elsewhere. @throws EngineUnavailableError */
  ingest?(body: Uint8Array, format: IngestFormat): IngestAnswer;
  checkpointsLost(reason: string): void;
  /** Cuts off what `stop` left open. */
  close(): void;
}

/** What a thread gives to the engine it makes. */
export interface EngineSurroundings {
  readonly clock: Clock;
  readonly metrics: EngineMetrics;
  readonly logger: Logger;
  readonly hashSeed: number;
}

export type CreateEngine = (
  setup: EngineSetup,
  surroundings: EngineSurroundings,
) => Promise<HostedEngine>;
