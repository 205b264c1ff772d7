import type { Clock } from "../../ports/clock.ts";
import type { EngineQueries } from "../../ports/engine_queries.ts";
import type { EngineStatus } from "../../telemetry/engine_status.ts";
import { StatusWindow } from "../../telemetry/status_window.ts";
import { withTimeout } from "./bounded_calls.ts";

/**
 * Asks the engine for its status once a second and for everybody who wants one, with one question
 * open at most; knows when it last answered (the watchdog behind `/livez`) and its recent rates.
 *
 * Call order: `start`, and `stop` at the end. `status` works without them.
 */
export class EngineMonitor {
  /** The last seconds, for rates and recent quantiles. */
  readonly window: StatusWindow = new StatusWindow();
  readonly #engine: EngineQueries;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #reuseMs: number;
  readonly #pollMs: number;
  #asked: Promise<EngineStatus> | null = null;
  #latest: EngineStatus | null = null;
  #lastAnswerMs: number;
  #cancelWake: (() => void) | null = null;

  constructor(options: {
    engine: EngineQueries;
    clock: Clock;
    timeoutMs: number;
    reuseMs: number;
    pollMs?: number;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
    this.#reuseMs = options.reuseMs;
    this.#pollMs = options.pollMs ?? 1_000;
    this.#lastAnswerMs = options.clock.monotonicMs();
  }

  /**
   * The engine's status, at most `reuseMs` old; while it starts it is asked each time, so that
   * readiness is seen at once.
   * @throws CallRefusedError `timeout`
   * @throws EngineUnavailableError
   */
  status(): Promise<EngineStatus> {
    const latest = this.#latest;
    if (latest?.started === true && this.silenceMs() < this.#reuseMs) {
      return Promise.resolve(latest);
    }
    this.#asked ??= this.#ask();
    return withTimeout(this.#asked, this.#timeoutMs, this.#clock);
  }

  /** The last status there was, however old. */
  latest(): EngineStatus | null {
    return this.#latest;
  }

  /** Milliseconds since the engine last answered; since the monitor was made before it ever did. */
  silenceMs(): number {
    return this.#clock.monotonicMs() - this.#lastAnswerMs;
  }

  start(): void {
    if (this.#cancelWake === null) this.#poll();
  }

  stop(): void {
    this.#cancelWake?.();
    this.#cancelWake = null;
  }

  async #ask(): Promise<EngineStatus> {
    try {
      const status = await this.#engine.status();
      this.#latest = status;
      this.#lastAnswerMs = this.#clock.monotonicMs();
      this.window.add(status);
      return status;
    } finally {
      this.#asked = null;
    }
  }

  #poll(): void {
    this.#cancelWake = this.#clock.wakeAfter(this.#pollMs, () => this.#poll());
    // A failure shows as silence; whoever asks for a status gets the reason.
    this.status().catch(() => {});
  }
}
