import type { Clock } from "../ports/clock.ts";
import { EngineUnavailableError } from "../ports/engine_queries.ts";
import { EngineMetrics } from "../telemetry/engine_metrics.ts";
import { createLogger } from "../telemetry/logger.ts";
import { toEngineFailure } from "./engine_failure.ts";
import type { EngineReport, EngineRequest, EngineSetup } from "./engine_messages.ts";
import type { CreateEngine, HostedEngine } from "./hosted_engine.ts";

export interface EngineHostOptions {
  readonly post: (report: EngineReport) => void;
  readonly clock: Clock;
  /** Loads the code; a failure comes again from `create`. */
  readonly prepare: (engine: EngineSetup["kind"]) => void;
  readonly create: CreateEngine;
  readonly hashSeed: number;
  /** Of this thread. */
  readonly heapUsedBytes: () => number;
}

/**
 * Runs one engine for the thread that sends these requests.
 *
 * ```
 *   waiting ──start──► starting ──► running ──stop──► stopping ──► ended
 *                         └── engine gives up ──────────────────────►┘
 * ```
 * Questions are answered in every state: before the engine is there with what is known by then.
 */
export class EngineHost {
  readonly #options: EngineHostOptions;
  readonly #metrics = new EngineMetrics();
  #engine: HostedEngine | null = null;
  #shutdownTimeoutMs = 0;
  #isStopping = false;
  #hasEnded = false;

  constructor(options: EngineHostOptions) {
    this.#options = options;
  }

  receive(request: EngineRequest): void {
    switch (request.kind) {
      case "prepare":
        this.#options.prepare(request.engine);
        return;
      case "start":
        void this.#start(request.setup);
        return;
      case "stop":
        void this.#stop();
        return;
      case "checkpoints_lost":
        this.#engine?.checkpointsLost(request.reason);
        return;
      case "status":
      case "device":
      case "ingest":
        this.#answer(request);
    }
  }

  /** Never rejects. */
  async #start(setup: EngineSetup): Promise<void> {
    const { create, clock, hashSeed } = this.#options;
    const { config, log } = setup;
    this.#shutdownTimeoutMs = config.shutdown.timeoutMs;
    const logger = createLogger({
      level: log.level,
      format: log.format,
      write: (line) => this.#options.post({ kind: "log", line }),
      wallMs: () => clock.wallMs(),
    }).child(log.fields);
    try {
      const engine = await create(setup, { clock, metrics: this.#metrics, logger, hashSeed });
      if (this.#isStopping) return engine.close();
      this.#engine = engine;
      engine.failed.catch((error) => this.#fail(error));
      await engine.start();
      if (!this.#isStopping && !this.#hasEnded) this.#options.post({ kind: "started" });
    } catch (error) {
      // While stopping, what was still waited for ends so.
      if (!this.#isStopping) this.#fail(error);
    }
  }

  /** Never rejects. */
  async #stop(): Promise<void> {
    if (this.#isStopping || this.#hasEnded) return;
    this.#isStopping = true;
    const engine = this.#engine;
    try {
      const isSettled = engine === null || await this.#stopInTime(engine);
      engine?.close();
      this.#end({ kind: "stopped", isSettled });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The engine has a limit of its own; this one is for what its ports do not let go of. */
  #stopInTime(engine: HostedEngine): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const limitMs = this.#shutdownTimeoutMs * STOP_SHARE;
      const cancel = this.#options.clock.wakeAfter(limitMs, () => resolve(false));
      engine.stop().then(resolve, reject).finally(cancel);
    });
  }

  #fail(error: unknown): void {
    this.#metrics.phase = "failed";
    this.#end({ kind: "failed", failure: toEngineFailure(error) });
  }

  #end(report: EngineReport): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.post(report);
  }

  #answer(request: Extract<EngineRequest, { readonly id: number }>): void {
    const { id } = request;
    try {
      this.#options.post(this.#answerTo(request));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const retryable = error instanceof EngineUnavailableError && error.retryable;
      this.#options.post({ kind: "refused", id, message, retryable });
      // What is not the world's fault must not pass for it.
      if (!(error instanceof EngineUnavailableError)) this.#fail(error);
    }
  }

  #answerTo(request: Extract<EngineRequest, { readonly id: number }>): EngineReport {
    const { id } = request;
    const engine = this.#engine;
    switch (request.kind) {
      case "status":
        this.#metrics.heapUsedBytes = this.#options.heapUsedBytes();
        return { kind: "status", id, status: engine?.status() ?? this.#early() };
      case "device":
        return { kind: "device", id, view: engine?.device(request.deviceId) ?? null };
      case "ingest": {
        if (engine?.ingest === undefined || this.#isStopping) {
          const message = this.#isStopping ? "The engine stops" : "The engine takes no events yet";
          throw new EngineUnavailableError(message, { retryable: !this.#isStopping });
        }
        return { kind: "ingested", id, answer: engine.ingest(request.body, request.format) };
      }
    }
  }

  #early(): ReturnType<HostedEngine["status"]> {
    const { clock } = this.#options;
    return this.#metrics.snapshot({ monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() });
  }
}

/** The rest of `shutdown.timeout` is for what main has to close. */
const STOP_SHARE = 0.9;
