import { giveWayToOtherThreads } from "../adapters/system/thread_priority.ts";
import type { Config } from "../config/config.ts";
import { CheckpointStoreError } from "../ports/checkpoint_store.ts";
import type { Clock } from "../ports/clock.ts";
import { restoreProgress } from "../telemetry/engine_status.ts";
import type { Logger } from "../telemetry/logger.ts";
import { VERSION } from "../version.ts";
import type { EngineEnd, RemoteEngine } from "../workers/remote_engine.ts";
import type { LogSetup } from "../workers/engine_messages.ts";
import { type CheckpointThread, openCheckpointThread } from "./checkpoint_thread.ts";
import { CommandFailure } from "./command_failure.ts";
import { failureExitCode, startEngineThread } from "./engine_thread.ts";
import { EXIT_IO, EXIT_OK } from "./exit_codes.ts";
import { openHttpSide } from "./http_side.ts";

export interface ServiceOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logSetup: LogSetup;
  readonly writeLog: (line: string) => void;
  /** Aborted when it is to end in good order, with the name of the signal. */
  readonly stop: AbortSignal;
}

/**
 * The service from its start to its end: HTTP first, so that probes are answered at once, and the
 * state directory beside it, then the engine. It waits for brokers for ever and ends only when it
 * is told to, or when the engine has given up; then all of it ends.
 *
 * @returns the exit code
 * @throws CommandFailure when it cannot even start.
 */
export async function runService(options: ServiceOptions): Promise<number> {
  const { config, clock, log, logSetup, writeLog, stop } = options;
  const thread = startEngineThread({ writeLog, kind: "kafka" });
  const { engine } = thread;
  const opening = openCheckpoints(config, log);
  // It counts where it is waited for.
  opening.catch(() => {});
  try {
    const http = openHttpSide({ config, engine, clock, log });
    http.monitor.start();
    try {
      logStart(log, config, http.url);
      const checkpoints = await opening;
      void checkpoints?.closed.then((reason) => {
        if (reason !== null) engine.checkpointsLost(reason);
      });
      if (stop.aborted) return EXIT_OK;
      engine.start({
        kind: "kafka",
        config,
        log: logSetup,
        checkpoints: checkpoints?.port ?? null,
      });
      reportStart(engine, { clock, log });
      // Not before: until then this thread has its part in the start.
      void engine.started.then(giveWayToOtherThreads);
      const end = await endOf(engine, options);
      if (end.kind === "stopped") await checkpointsClosed(checkpoints, clock);
      return exitCodeOf(end, log);
    } finally {
      await http.close();
    }
  } finally {
    thread.terminate();
    (await opening.catch(() => null))?.terminate();
  }
}

/** Waits until the engine ends: by itself, or since it was told to. */
async function endOf(engine: RemoteEngine, options: ServiceOptions): Promise<EngineEnd> {
  const { config, clock, log, stop } = options;
  const first = await Promise.race([engine.ended, aborted(stop)]);
  if (first !== null) return first;
  log.info("stopping: a second signal ends it at once", { signal: stop.reason });
  engine.stop();
  const { promise: isLate, resolve } = Promise.withResolvers<null>();
  const cancel = clock.wakeAfter(config.shutdown.timeoutMs, () => resolve(null));
  const end = await Promise.race([engine.ended, isLate]);
  cancel();
  return end ?? {
    kind: "failed",
    failure: {
      kind: "bug",
      message: `the engine did not end within shutdown.timeout; the next start restores from ` +
        `the output, nothing is lost and nothing repeats`,
      stack: null,
    },
  };
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

function exitCodeOf(end: EngineEnd, log: Logger): number {
  if (end.kind === "stopped") {
    log.info("stopped", { settled: end.isSettled });
    return EXIT_OK;
  }
  const { kind, message, stack } = end.failure;
  const exitCode = failureExitCode(kind);
  log.error(message, { reason: kind, exitCode, ...(stack === null ? {} : { stack }) });
  return exitCode;
}

/**
 * Null where there is no using the disk: a restart then restores from the output, which takes
 * longer and loses nothing.
 *
 * @throws CommandFailure when the directory is another process's, or may be.
 */
async function openCheckpoints(config: Config, log: Logger): Promise<CheckpointThread | null> {
  try {
    const thread = await openCheckpointThread(config.state.dir);
    for (const warning of thread.warnings) log.warn(warning);
    return thread;
  } catch (error) {
    if (!(error instanceof CheckpointStoreError)) throw error;
    // Without fencing the lock is all that keeps a second writer out.
    if (error.code === "locked" || !config.output.fencing) {
      throw new CommandFailure(error.message, { exitCode: EXIT_IO, cause: error });
    }
    log.error("no checkpoints: a restart will restore from the output, which takes longer", {
      error,
    });
    return null;
  }
}

/** The engine has closed the store; the thread may still be freeing the directory. */
async function checkpointsClosed(thread: CheckpointThread | null, clock: Clock): Promise<void> {
  if (thread === null) return;
  const { promise: isLate, resolve } = Promise.withResolvers<null>();
  const cancel = clock.wakeAfter(CHECKPOINTS_CLOSE_MS, () => resolve(null));
  await Promise.race([thread.closed, isLate]);
  cancel();
}

function logStart(log: Logger, config: Config, url: string): void {
  const { kafka, input, output, deadLetters } = config;
  log.info(`sessionwheel ${VERSION} starts`, {
    brokers: kafka.brokers,
    input: input.topics,
    output: output.topic,
    deadLetters: deadLetters.topic,
    http: url,
  });
}

/** Says when every shard runs, and until then now and then how far it is. */
function reportStart(
  engine: RemoteEngine,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): void {
  const sinceMs = clock.monotonicMs();
  const seconds = () => Math.round((clock.monotonicMs() - sinceMs) / 100) / 10;
  let cancel = () => {};
  const watch = async () => {
    try {
      const status = await engine.status();
      if (status.started || status.phase !== "starting") return;
      const restoring = status.shards.filter(({ state }) => state === "restoring").length;
      if (restoring > 0) {
        const percent = Math.round(restoreProgress(status) * 100);
        log.info("restoring the sessions from the output", { shards: restoring, percent });
      } else log.info("waiting for the topics", { forSeconds: seconds() });
      cancel = clock.wakeAfter(WAIT_REPORT_MS, () => void watch());
    } catch {
      // The engine is gone, and whoever waits for its end says so.
    }
  };
  cancel = clock.wakeAfter(WAIT_REPORT_MS, () => void watch());
  void engine.ended.then(() => cancel());
  void engine.started.then(async () => {
    cancel();
    const status = await engine.status().catch(() => null);
    log.info("running", {
      shards: status?.shards.length,
      sessions: status?.sessions.active,
      tookSeconds: seconds(),
    });
  });
}

const WAIT_REPORT_MS = 10_000;
const CHECKPOINTS_CLOSE_MS = 2_000;
