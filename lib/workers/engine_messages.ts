import type { Config } from "../config/config.ts";
import type { FleetOptions } from "../demo/device_fleet.ts";
import type { DeviceView, IngestAnswer, IngestFormat } from "../ports/engine_queries.ts";
import type { EngineStatus } from "../telemetry/engine_status.ts";
import type { LogFields, LogFormat, LogLevel } from "../telemetry/logger.ts";
import type { EngineFailure } from "./engine_failure.ts";

/**
 * What main says to the engine's thread.
 *
 * `prepare` comes first, `start` once; questions may come at any time, each with a number of its
 * own that comes back with the answer; after `stop` the thread reports `stopped` or `failed` and
 * answers no more.
 */
export type EngineRequest =
  /** Loads what that engine is made of, while main still gets ready what `start` brings. */
  | { readonly kind: "prepare"; readonly engine: EngineSetup["kind"] }
  | { readonly kind: "start"; readonly setup: EngineSetup }
  | { readonly kind: "status"; readonly id: number }
  | { readonly kind: "device"; readonly id: number; readonly deviceId: string }
  | {
    readonly kind: "ingest";
    readonly id: number;
    /** Transferred. */
    readonly body: Uint8Array;
    readonly format: IngestFormat;
  }
  /** The thread that writes checkpoints has died: nobody is to wait for it. */
  | { readonly kind: "checkpoints_lost"; readonly reason: string }
  | { readonly kind: "stop" };

/** What the engine's thread says to main. */
export type EngineReport =
  /** A line for standard error, with its newline: a slow reader of it must not stop the engine. */
  | { readonly kind: "log"; readonly line: string }
  /** Every shard runs. */
  | { readonly kind: "started" }
  /** It ended as it was told; `isSettled` when every answer of the brokers was awaited. */
  | { readonly kind: "stopped"; readonly isSettled: boolean }
  /** It has given up. */
  | { readonly kind: "failed"; readonly failure: EngineFailure }
  | { readonly kind: "status"; readonly id: number; readonly status: EngineStatus }
  | { readonly kind: "device"; readonly id: number; readonly view: DeviceView | null }
  | { readonly kind: "ingested"; readonly id: number; readonly answer: IngestAnswer }
  /** The question has no answer. */
  | {
    readonly kind: "refused";
    readonly id: number;
    readonly message: string;
    readonly retryable: boolean;
  };

/** Which engine, and all that it is made of. */
export type EngineSetup =
  | {
    readonly kind: "kafka";
    readonly config: Config;
    readonly log: LogSetup;
    /** To the thread that writes checkpoints; null: none are kept. Transferred. */
    readonly checkpoints: MessagePort | null;
  }
  | {
    readonly kind: "demo";
    readonly config: Config;
    readonly log: LogSetup;
    readonly fleet: FleetOptions;
  };

export interface LogSetup {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** On every line. */
  readonly fields: LogFields;
}
