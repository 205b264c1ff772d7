import { accessPolicy } from "../adapters/http/access.ts";
import { createApp } from "../adapters/http/app.ts";
import { EngineMonitor } from "../adapters/http/engine_monitor.ts";
import { HTTP_LIMITS } from "../adapters/http/http_limits.ts";
import { HttpServerError, parseListenAddress } from "../adapters/http/listen_address.ts";
import { readProcessInfo } from "../adapters/http/process_usage.ts";
import { type HttpServer, serveApp } from "../adapters/http/serve_app.ts";
import type { Config } from "../config/config.ts";
import { formatHostPort } from "../config/host_port.ts";
import type { Clock } from "../ports/clock.ts";
import type { EngineQueries } from "../ports/engine_queries.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ProcessInfo } from "../telemetry/process_info.ts";
import { VERSION } from "../version.ts";
import { buildCommit } from "./build_commit.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_CONFIG, EXIT_IO } from "./exit_codes.ts";

/** Everything that is answered over HTTP, served. */
export interface HttpSide {
  /** Where a browser on this machine finds it, without a slash at the end. */
  readonly url: string;
  /** Not started. */
  readonly monitor: EngineMonitor;
  readonly processInfo: () => ProcessInfo;
  /** Lets open requests end for a moment. */
  close(): Promise<void>;
}

/** @throws CommandFailure when it cannot listen there. */
export function openHttpSide(options: {
  readonly config: Config;
  readonly engine: EngineQueries;
  readonly clock: Clock;
  readonly log: Logger;
}): HttpSide {
  const { config, engine, clock, log } = options;
  const startedAtMs = Math.round(clock.wallMs() - clock.monotonicMs());
  const processInfo = () => readProcessInfo(startedAtMs);
  const monitor = new EngineMonitor({
    engine,
    clock,
    timeoutMs: HTTP_LIMITS.queryTimeoutMs,
    reuseMs: HTTP_LIMITS.statusReuseMs,
  });
  const server = serve(() => {
    const address = parseListenAddress(formatHostPort(config.http.address));
    const access = accessPolicy(address, {
      token: config.secrets.httpToken,
      insecure: config.http.insecure,
    });
    const { deno, v8 } = Deno.version;
    const build = { version: VERSION, commit: buildCommit(), deno, v8 };
    const app = createApp({ engine, monitor, clock, access, build, processInfo, log });
    return serveApp(app, { address, clock, log });
  });
  return {
    url: `http://${formatHostPort({ host: localName(server.hostname), port: server.port })}`,
    monitor,
    processInfo,
    async close() {
      monitor.stop();
      await server.close(CLOSE_TIMEOUT_MS);
    },
  };
}

function serve(open: () => HttpServer): HttpServer {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof HttpServerError)) throw error;
    // A port in use may be free at the next try; the others are for an operator to mend.
    const isPassing = error.code === "address_in_use" || error.code === "other";
    const hint = error.code === "address_in_use" ? "; http.address chooses another" : "";
    throw new CommandFailure(error.message + hint, {
      exitCode: isPassing ? EXIT_IO : EXIT_CONFIG,
      cause: error,
    });
  }
}

/** Who listens on every interface is found on this machine's own. */
function localName(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  return hostname === "::" ? "::1" : hostname;
}

const CLOSE_TIMEOUT_MS = 1_000;
