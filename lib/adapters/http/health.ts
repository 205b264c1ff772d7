import type { BuildInfo } from "../../telemetry/build_info.ts";
import {
  CLOCK_AHEAD_MS_MAX,
  type EngineStatus,
  restoreProgress,
  type ShardState,
} from "../../telemetry/engine_status.ts";
import type { EngineMonitor } from "./engine_monitor.ts";

/** One condition of a probe. */
export interface HealthCheck {
  readonly name: string;
  /** Why it fails, for people; null when it holds. */
  readonly failure: string | null;
}

/**
 * Whether the process should be left running: it fails only when the engine has not answered for
 * `silenceMaxMs`. Brokers that are away are no reason to restart it.
 */
export function liveChecks(monitor: EngineMonitor, silenceMaxMs: number): HealthCheck[] {
  const silenceMs = monitor.silenceMs();
  const seconds = Math.floor(silenceMs / 1000);
  return [check("engine", silenceMs <= silenceMaxMs, `has not answered for ${seconds} s`)];
}

/** Whether every shard has been running once. */
export async function startupChecks(monitor: EngineMonitor): Promise<HealthCheck[]> {
  const status = monitor.latest()?.started === true ? monitor.latest() : await askStatus(monitor);
  return [startedCheck(status)];
}

/** Whether sessions are being kept up right now. */
export async function readyChecks(monitor: EngineMonitor): Promise<HealthCheck[]> {
  const status = await askStatus(monitor);
  if (status === null) return [check("engine", false, "does not answer")];
  return [
    check("engine", true, ""),
    startedCheck(status),
    check("kafka", status.brokersReachable, "brokers do not answer"),
    shardsCheck(status),
    clockCheck(status),
    check("phase", status.phase === "running", `the engine is ${status.phase}`),
  ];
}

async function askStatus(monitor: EngineMonitor): Promise<EngineStatus | null> {
  try {
    return await monitor.status();
  } catch {
    return null;
  }
}

function startedCheck(status: EngineStatus | null): HealthCheck {
  if (status === null) return check("started", false, "the engine does not answer");
  const percent = Math.floor(restoreProgress(status) * 100);
  return check("started", status.started, `not every shard has run yet (${percent} % restored)`);
}

function clockCheck({ clock: { jumpAlarm, aheadMs } }: EngineStatus): HealthCheck {
  if (jumpAlarm) return check("clock", false, "the wall clock jumped, timers stand still");
  const seconds = Math.ceil(aheadMs / 1000);
  return check(
    "clock",
    aheadMs <= CLOCK_AHEAD_MS_MAX,
    `the sessions' time is ${seconds} s ahead of the wall clock, which was ahead before or is ` +
      "behind now: timers wait for it",
  );
}

function shardsCheck(status: EngineStatus): HealthCheck {
  if (status.shards.length === 0) return check("shards", false, "the output topic is not open");
  const failing = status.shards.filter((shard) => shard.state !== "running");
  if (failing.length === 0) return check("shards", true, "");
  const states = new Map<ShardState, number[]>();
  for (const { shard, state } of failing) {
    states.set(state, [...states.get(state) ?? [], shard]);
  }
  const text = [...states].map(([state, shards]) => `${shards.join(", ")} ${state}`).join("; ");
  const reason = failing.find((shard) => shard.reason !== null)?.reason;
  return check("shards", false, reason === undefined ? text : `${text} (${reason})`);
}

function check(name: string, holds: boolean, failure: string): HealthCheck {
  return { name, failure: holds ? null : failure };
}

/**
 * 200 or 503 with `ok` or `not ok` and the reasons; with `?verbose` a line a check, as in Kubernetes;
 * on `Accept: application/health+json` the checks as JSON.
 */
export function healthResponse(
  probe: string,
  checks: readonly HealthCheck[],
  request: Request,
  build: BuildInfo,
): Response {
  const failed = checks.filter((c) => c.failure !== null);
  const status = failed.length === 0 ? 200 : 503;
  if ((request.headers.get("accept") ?? "").includes("application/health+json")) {
    return new Response(healthJson(checks, build), {
      status,
      headers: { "content-type": "application/health+json", "vary": "accept" },
    });
  }
  const verbose = new URL(request.url).searchParams.has("verbose");
  const lines = verbose ? checks.map(checkLine) : failed.map(checkLine);
  if (verbose) lines.push(`${probe} check ${failed.length === 0 ? "passed" : "failed"}`);
  else lines.unshift(failed.length === 0 ? "ok" : "not ok");
  return new Response(lines.join("\n") + (lines.length > 1 ? "\n" : ""), {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "vary": "accept" },
  });
}

function checkLine({ name, failure }: HealthCheck): string {
  return failure === null ? `[+]${name} ok` : `[-]${name} failed: ${failure}`;
}

function healthJson(checks: readonly HealthCheck[], build: BuildInfo): string {
  const passed = checks.every((c) => c.failure === null);
  return JSON.stringify({
    status: passed ? "pass" : "fail",
    version: build.version,
    checks: Object.fromEntries(
      checks.map(({ name, failure }) => [
        name,
        [failure === null ? { status: "pass" } : { status: "fail", output: failure }],
      ]),
    ),
  }) + "\n";
}
