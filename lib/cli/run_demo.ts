import type { Config } from "../config/config.ts";
import type { EventLayout } from "../core/event_layout.ts";
import type { FleetOptions } from "../demo/device_fleet.ts";
import type { Clock } from "../ports/clock.ts";
import type { EngineStatus } from "../telemetry/engine_status.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { LogSetup } from "../workers/engine_messages.ts";
import type { RemoteEngine } from "../workers/remote_engine.ts";
import { CommandFailure } from "./command_failure.ts";
import { renderBanner, renderComing, renderLive, renderSummary } from "./demo_display.ts";
import { failureExitCode, startEngineThread } from "./engine_thread.ts";
import { EXIT_BUG, EXIT_OK } from "./exit_codes.ts";
import { type HttpSide, openHttpSide } from "./http_side.ts";
import type { LiveLine } from "./live_line.ts";
import { OutputClosedError } from "./output_closed_error.ts";

export interface DemoOptions {
  /** With the session's durations as they are to be used, whatever the speed. */
  readonly config: Config;
  readonly fleet: FleetOptions;
  /** Null: until it is told to end. */
  readonly durationMs: number | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logSetup: LogSetup;
  readonly writeOut: (text: string) => void;
  readonly writeLog: (line: string) => void;
  readonly line: LiveLine;
  /** Aborted when it is to end. */
  readonly stop: AbortSignal;
}

/**
 * The demo from its start to its end: the engine on topics in memory, the HTTP side, and a line
 * that tells once a second what goes on.
 *
 * @returns the exit code
 * @throws CommandFailure
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { config, fleet, clock, log, logSetup, writeLog } = options;
  const thread = startEngineThread({ writeLog, kind: "demo" });
  const { engine } = thread;
  try {
    // Loading of the thread takes as long as opening the port: they go together.
    engine.start({ kind: "demo", config, log: logSetup, fleet });
    const http = openHttpSide({ config, engine, clock, log });
    try {
      options.writeOut(bannerOf(http.url, options));
      const shown = new DemoRun(engine, http, options);
      const end = await Promise.race([engine.ended, shown.whole()]);
      shown.stop();
      if (end.kind === "failed") throw failureOf(end);
      if (end.kind === "nobody_reads") return EXIT_OK;
      await stopEngine(engine, options);
      return EXIT_OK;
    } finally {
      await http.close();
    }
  } finally {
    thread.terminate();
  }
}

function failureOf(
  { failure }: Extract<Awaited<RemoteEngine["ended"]>, { readonly kind: "failed" }>,
): Error {
  return new CommandFailure(failure.stack ?? failure.message, {
    exitCode: failureExitCode(failure.kind),
  });
}

async function stopEngine(engine: RemoteEngine, options: DemoOptions): Promise<void> {
  const { clock, config } = options;
  engine.stop();
  const late = Promise.withResolvers<null>();
  const cancel = clock.wakeAfter(config.shutdown.timeoutMs, () => late.resolve(null));
  const end = await Promise.race([engine.ended, late.promise]);
  cancel();
  if (end?.kind === "failed") throw failureOf(end);
  if (end === null) {
    const message = "the engine did not end within shutdown.timeout";
    throw new CommandFailure(message, { exitCode: EXIT_BUG });
  }
}

/** What is shown while the engine runs. */
class DemoRun {
  readonly #engine: RemoteEngine;
  readonly #http: HttpSide;
  readonly #options: DemoOptions;
  readonly #startMs: number;
  readonly #cpuSecondsBefore: number | null;
  #isStopped = false;
  #cancelWake = () => {};

  constructor(engine: RemoteEngine, http: HttpSide, options: DemoOptions) {
    this.#engine = engine;
    this.#http = http;
    this.#options = options;
    this.#startMs = options.clock.monotonicMs();
    this.#cpuSecondsBefore = http.processInfo().cpuSeconds;
  }

  /** Resolves when it is time to end. */
  async whole(): Promise<{ readonly kind: "told" | "nobody_reads" }> {
    const { durationMs, stop, line } = this.#options;
    try {
      await this.#untilCaughtUp();
      this.#http.monitor.start();
      for (let second = 0; !this.#isOver(); second++) {
        const status = await this.#http.monitor.status().catch(() => null);
        if (status !== null && (line.isInPlace || isPlainLineDue(second))) {
          line.show(renderLive(status, this.#http.monitor.window, this.#elapsedMs()));
        }
        const nextMs = Math.floor(this.#elapsedMs() / 1_000) * 1_000 + 1_000;
        await this.#wait(Math.min(nextMs, durationMs ?? Infinity) - this.#elapsedMs());
      }
      if (this.#isStopped && !stop.aborted) return { kind: "told" };
      line.end();
      const status = await this.#http.monitor.status().catch(() => null);
      if (status !== null) this.#showSummary(status);
      return { kind: "told" };
    } catch (error) {
      if (error instanceof OutputClosedError) return { kind: "nobody_reads" };
      throw error;
    }
  }

  /** The engine has ended: nothing is shown any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelWake();
  }

  /** What lay in the topics before is old: what it costs is not what the demo is about. */
  async #untilCaughtUp(): Promise<void> {
    const { line, config } = this.#options;
    let isStarted = false;
    void this.#engine.started.then(() => isStarted = true);
    let calmLooks = 0;
    for (let look = 1; !this.#isOver(); look++) {
      const status = await this.#engine.status().catch(() => null);
      if (status === null) return;
      const { active } = status.sessions;
      const isFull = active >= config.limits.maxSessions;
      const lag = status.inputs.reduce((sum, { lagRecords }) => sum + (lagRecords ?? 1), 0);
      // At the first of these looks the last records may be under way.
      calmLooks = isStarted && (lag === 0 || isFull) ? calmLooks + 1 : 0;
      if (calmLooks === 2) return;
      if (look % CATCH_UP_LOOKS_SHOWN === 0) line.show(renderComing(active, this.#elapsedMs()));
      await this.#wait(CATCH_UP_LOOK_MS);
    }
  }

  #showSummary(status: EngineStatus): void {
    this.#options.writeOut(
      "\n" + renderSummary(status, {
        elapsedMs: this.#elapsedMs(),
        process: this.#http.processInfo(),
        cpuSecondsBefore: this.#cpuSecondsBefore,
      }),
    );
  }

  #isOver(): boolean {
    const { durationMs, stop } = this.#options;
    return this.#isStopped || stop.aborted ||
      (durationMs !== null && this.#elapsedMs() >= durationMs);
  }

  #elapsedMs(): number {
    return this.#options.clock.monotonicMs() - this.#startMs;
  }

  /** Ends early when all is to end. */
  #wait(delayMs: number): Promise<void> {
    const { clock, stop } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        stop.removeEventListener("abort", done);
        resolve();
      };
      const cancel = clock.wakeAfter(delayMs, done);
      this.#cancelWake = done;
      if (stop.aborted) done();
      else stop.addEventListener("abort", done, { once: true });
    });
  }
}

/** The first ones at once, then one every ten seconds. */
function isPlainLineDue(second: number): boolean {
  return second < 3 || second % PLAIN_LINE_SECONDS === 0;
}

function bannerOf(url: string, { config, fleet, line }: DemoOptions): string {
  const layout = config.input.layouts[config.input.topics[0]!]!;
  return renderBanner({
    url,
    devices: fleet.devices,
    speed: fleet.speed,
    heartbeatIntervalMs: config.session.heartbeatIntervalMs,
    exampleEvent: exampleEvent(layout),
    exampleDevice: EXAMPLE_DEVICE,
    hasToken: config.secrets.httpToken !== null,
    isTerminal: line.isInPlace,
  });
}

function exampleEvent(layout: EventLayout): string {
  return JSON.stringify({
    [layout.typeField]: layout.startValue,
    [layout.deviceField]: EXAMPLE_DEVICE,
    [layout.sessionField]: 1,
  });
}

const EXAMPLE_DEVICE = "my-device";
const PLAIN_LINE_SECONDS = 10;
const CATCH_UP_LOOK_MS = 50;
const CATCH_UP_LOOKS_SHOWN = 20;
