import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http_limits.ts";
import { HttpServerError, type ListenAddress } from "./listen_address.ts";

export interface ServeOptions {
  readonly address: ListenAddress;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: HttpLimits;
  /** `Deno.version.deno`; for tests. */
  readonly denoVersion?: string;
}

export interface HttpServer {
  readonly hostname: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /**
   * Takes no new connections, lets open requests end for at most `timeoutMs`, then cuts them off.
   * Calling it again gives the same promise.
   */
  close(timeoutMs: number): Promise<void>;
}

/**
 * Serves the app. Through `node:http`, since that has time limits for headers, requests and idle
 * connections, which `Deno.serve` has not.
 *
 * @throws HttpServerError
 */
export async function serveApp(app: Hono, options: ServeOptions): Promise<HttpServer> {
  const { address, clock, log } = options;
  const limits = options.limits ?? HTTP_LIMITS;
  checkBase(options.denoVersion ?? Deno.version.deno, address, log);
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
  }, getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  server.maxConnections = limits.connectionsMax;
  await listen(server, address);
  server.on("error", (error: Error) => log.error("the HTTP server failed", { error }));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  let closing: Promise<void> | null = null;
  return {
    hostname: address.hostname,
    port,
    close: (timeoutMs) => closing ??= close(server, clock, timeoutMs),
  };
}

/**
 * Before Deno 2.9 `node:http` enforces neither its time limits nor the number of connections: there
 * any client can hold the process's memory, so only this machine's may connect.
 */
function checkBase(denoVersion: string, address: ListenAddress, log: Logger): void {
  const [major = 0, minor = 0] = denoVersion.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 9)) return;
  if (!address.loopback) {
    const message = `Cannot serve HTTP on ${address.hostname}: this build is based on Deno ` +
      `${denoVersion}, which limits no connections; use a loopback address or a build on 2.9`;
    throw new HttpServerError(message, { code: "unsafe_base" });
  }
  log.warn("HTTP limits on time and connections are off on this base", { deno: denoVersion });
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: string }) => {
      const inUse = error.code === "EADDRINUSE";
      const reason = inUse ? "the port is in use" : error.message;
      reject(
        new HttpServerError(
          `Cannot serve HTTP on ${address.hostname}:${address.port}: ${reason}`,
          { code: inUse ? "address_in_use" : "other", cause: error },
        ),
      );
    };
    server.once("error", fail);
    server.listen(address.port, address.hostname, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

function close(server: Server, clock: Clock, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.wakeAfter(timeoutMs, () => {
      server.closeAllConnections();
      // Before Deno 2.9 that closes nothing; the process's end will, and must not wait for it.
      resolve();
    });
    server.close(() => {
      cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
