import type { Hono } from "hono";
import { type AccessPolicy, accessPolicy } from "../../../lib/adapters/http/access.ts";
import { createApp } from "../../../lib/adapters/http/app.ts";
import { EngineMonitor } from "../../../lib/adapters/http/engine_monitor.ts";
import { HTTP_LIMITS, type HttpLimits } from "../../../lib/adapters/http/http_limits.ts";
import { parseListenAddress } from "../../../lib/adapters/http/listen_address.ts";
import { ManualClock } from "../../../lib/adapters/memory/manual_clock.ts";
import { createLogger } from "../../../lib/telemetry/logger.ts";
import { FakeEngine } from "../../support/fake_engine.ts";

export interface AppUnderTest<E extends FakeEngine> {
  readonly app: Hono;
  readonly engine: E;
  readonly clock: ManualClock;
  readonly monitor: EngineMonitor;
  readonly logLines: string[];
}

export interface AppUnderTestOptions {
  readonly address?: string;
  readonly token?: string;
  readonly access?: AccessPolicy;
  readonly limits?: Partial<HttpLimits>;
}

/** The app on a fake engine and a manual clock. */
export function appUnderTest(options?: AppUnderTestOptions): AppUnderTest<FakeEngine>;
export function appUnderTest<E extends FakeEngine>(
  options: AppUnderTestOptions,
  Engine: new (now: () => { monotonicMs: number; wallMs: number }) => E,
): AppUnderTest<E>;
export function appUnderTest(
  options: AppUnderTestOptions = {},
  Engine: new (now: () => { monotonicMs: number; wallMs: number }) => FakeEngine = FakeEngine,
): AppUnderTest<FakeEngine> {
  const clock = new ManualClock(WALL_START_MS);
  const startedAtMs = clock.wallMs();
  const engine = new Engine(() => instantOf(clock));
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const monitor = new EngineMonitor({
    engine,
    clock,
    timeoutMs: limits.queryTimeoutMs,
    reuseMs: limits.statusReuseMs,
  });
  const logLines: string[] = [];
  const app = createApp({
    engine,
    monitor,
    clock,
    access: options.access ??
      accessPolicy(parseListenAddress(options.address ?? "127.0.0.1:8484"), {
        token: options.token ?? null,
        insecure: false,
      }),
    build: { version: "1.2.3", commit: "abcdef0", deno: "2.9.6", v8: "15.0" },
    processInfo: () => ({
      residentMemoryBytes: 123_456_768,
      heapUsedBytes: 20_000_000,
      cpuSeconds: 1.5,
      startedAtMs,
    }),
    log: createLogger({
      level: "debug",
      format: "json",
      write: (line) => logLines.push(line),
      wallMs: () => clock.wallMs(),
    }),
    limits,
  });
  return { app, engine, clock, monitor, logLines };
}

const WALL_START_MS = Date.UTC(2025, 10, 1);

/** Both clocks at once. */
export function instantOf(clock: ManualClock): { monotonicMs: number; wallMs: number } {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/** Advances the clock once somebody waits for it. */
export async function advanceWhenAwaited(clock: ManualClock, ms: number): Promise<void> {
  while (clock.nextWakeMs() === null) await Promise.resolve();
  clock.advance(ms);
}
