import { type Handler, Hono, type MiddlewareHandler } from "hono";
import type { Clock } from "../../ports/clock.ts";
import { type EngineQueries, EngineUnavailableError } from "../../ports/engine_queries.ts";
import type { BuildInfo } from "../../telemetry/build_info.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { ProcessInfo } from "../../telemetry/process_info.ts";
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "../../telemetry/prometheus_text.ts";
import { type AccessPolicy, guard } from "./access.ts";
import { BoundedCalls, CallRefusedError } from "./bounded_calls.ts";
import { deviceHandler } from "./device_route.ts";
import type { EngineMonitor } from "./engine_monitor.ts";
import { healthResponse, liveChecks, readyChecks, startupChecks } from "./health.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http_limits.ts";
import { ingestHandler } from "./ingest_route.ts";
import { livePage } from "./live_page.ts";
import { problem, unavailable } from "./problem.ts";
import { statsJson } from "./stats_json.ts";

export interface AppDeps {
  readonly engine: EngineQueries;
  readonly monitor: EngineMonitor;
  readonly clock: Clock;
  readonly access: AccessPolicy;
  readonly build: BuildInfo;
  readonly processInfo: () => ProcessInfo;
  readonly log: Logger;
  readonly limits?: HttpLimits;
}

/** Everything `sessionwheel` answers over HTTP (docs/http.md). Holds no state of its own. */
export function createApp(deps: AppDeps): Hono {
  const { engine, monitor, clock, build, log } = deps;
  const limits = deps.limits ?? HTTP_LIMITS;
  const { deviceQueriesMax, queryTimeoutMs, ingestsMax, ingestTimeoutMs } = limits;
  const page = livePage();

  // Paths are matched as they were sent: an encoded slash in a device id is no separator.
  const app = new Hono({ getPath: pathOf });
  app.use(securityHeaders());
  app.use(guard(deps.access, OPEN_PATHS));

  route(app, "GET", "/livez", (c) => {
    const checks = liveChecks(monitor, limits.engineSilenceMaxMs);
    return healthResponse("livez", checks, c.req.raw, build);
  });
  route(app, "GET", "/readyz", async (c) => {
    return healthResponse("readyz", await readyChecks(monitor), c.req.raw, build);
  });
  route(app, "GET", "/startupz", async (c) => {
    return healthResponse("startupz", await startupChecks(monitor), c.req.raw, build);
  });
  route(app, "GET", "/healthz", async (c) => {
    const live = liveChecks(monitor, limits.engineSilenceMaxMs);
    const ready = (await readyChecks(monitor)).filter((check) => check.name !== "engine");
    return healthResponse("healthz", [...live, ...ready], c.req.raw, build);
  });
  route(app, "GET", "/metrics", async (c) => {
    // The process's own metrics are worth most when the engine is silent.
    const status = await monitor.status().catch(() => null);
    const text = prometheusText({ engine: status, process: deps.processInfo(), build });
    return c.body(text, 200, { "content-type": PROMETHEUS_CONTENT_TYPE });
  });
  route(app, "GET", "/version", (c) => c.json({ name: "sessionwheel", ...build }));
  route(app, "GET", "/v1/stats", async (c) => {
    const status = await monitor.status();
    const uptimeMs = clock.wallMs() - deps.processInfo().startedAtMs;
    return c.json(statsJson(status, monitor.window, { build, uptimeMs }));
  });

  const queries = new BoundedCalls({
    clock,
    callsMax: deviceQueriesMax,
    timeoutMs: queryTimeoutMs,
  });
  route(app, "GET", `${DEVICES_PATH}:deviceId`, deviceHandler(engine, queries, DEVICES_PATH));
  if (engine.ingest !== undefined) {
    const ingests = new BoundedCalls({
      clock,
      callsMax: ingestsMax,
      timeoutMs: limits.requestTimeoutMs + ingestTimeoutMs,
    });
    route(app, "POST", "/v1/events", ingestHandler(engine.ingest.bind(engine), ingests, limits));
  }
  route(app, "GET", "/", (c) => {
    c.header("content-security-policy", page.contentSecurityPolicy);
    return c.html(page.html);
  });

  app.notFound(() => problem(404, "There is nothing here; docs/http.md lists what there is"));
  app.onError((error) => {
    if (error instanceof CallRefusedError) {
      return unavailable(`The engine is busy: ${error.message}`);
    }
    if (error instanceof EngineUnavailableError) return unavailable(error.message);
    log.error("an HTTP request failed", { error }, { everyMs: 10_000 });
    return problem(500, "The request failed; the log says why");
  });
  return app;
}

const DEVICES_PATH = "/v1/devices/";
/** Readable without a token: what an orchestrator and a scraper ask. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  "/livez",
  "/readyz",
  "/startupz",
  "/healthz",
  "/metrics",
]);

/** Answers other methods with 405. Hono answers HEAD with what GET would answer, without the body. */
function route(app: Hono, method: "GET" | "POST", path: string, handler: Handler): void {
  app.on(method, path, handler);
  const allow = method === "GET" ? "GET, HEAD" : method;
  app.all(path, () => problem(405, `Only ${allow} is answered here`, { headers: { allow } }));
}

function pathOf(request: Request): string {
  const start = request.url.indexOf("/", request.url.indexOf("://") + 3);
  if (start < 0) return "/";
  const end = request.url.slice(start).search(/[?#]/);
  return end < 0 ? request.url.slice(start) : request.url.slice(start, start + end);
}

function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const headers = c.res.headers;
    if (!headers.has("content-security-policy")) {
      headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    }
    headers.set("cache-control", "no-store");
    headers.set("cross-origin-resource-policy", "same-origin");
    headers.set("referrer-policy", "no-referrer");
    headers.set("x-content-type-options", "nosniff");
    headers.set("x-frame-options", "DENY");
  };
}
