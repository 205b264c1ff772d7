import { assertEquals, assertStringIncludes } from "@std/assert";
import { ManualClock } from "../../lib/adapters/memory/manual_clock.ts";
import type { Config } from "../../lib/config/config.ts";
import { EngineError } from "../../lib/engine/engine_error.ts";
import { EngineUnavailableError } from "../../lib/ports/engine_queries.ts";
import { OutputLogError } from "../../lib/ports/output_log.ts";
import { SourceError } from "../../lib/ports/source.ts";
import { toEngineFailure } from "../../lib/workers/engine_failure.ts";
import { EngineHost } from "../../lib/workers/engine_host.ts";
import type { EngineReport, EngineSetup } from "../../lib/workers/engine_messages.ts";
import type { EngineSurroundings, HostedEngine } from "../../lib/workers/hosted_engine.ts";

/** An engine that starts, stops and fails when the test says so. */
class FakeEngine implements HostedEngine {
  readonly starting = Promise.withResolvers<void>();
  readonly stopping = Promise.withResolvers<boolean>();
  readonly failing = Promise.withResolvers<never>();
  readonly failed = this.failing.promise;
  isClosed = false;
  lostReason = "";
  surroundings: EngineSurroundings | null = null;

  constructor() {
    // Not every test lets the host look at each of them.
    for (const { promise } of [this.starting, this.stopping, this.failing]) {
      Promise.resolve<unknown>(promise).catch(() => {});
    }
  }

  start(): Promise<void> {
    return this.starting.promise;
  }

  stop(): Promise<boolean> {
    return this.stopping.promise;
  }

  status(): ReturnType<HostedEngine["status"]> {
    return this.surroundings!.metrics.snapshot({ monotonicMs: 1, wallMs: 2 });
  }

  device(deviceId: string): null {
    if (deviceId === "bug") throw new TypeError("undefined is no session");
    return null;
  }

  ingest(): never {
    throw new EngineUnavailableError("full", { retryable: true });
  }

  checkpointsLost(reason: string): void {
    this.lostReason = reason;
  }

  close(): void {
    this.isClosed = true;
  }
}

const SETUP = {
  kind: "kafka",
  config: { shutdown: { timeoutMs: 30_000 } } as Config,
  log: { level: "info", format: "json", fields: { node: "edge-7" } },
  checkpoints: null,
} satisfies EngineSetup;

function hosted(options: { readonly createFailure?: Error } = {}) {
  const reports: EngineReport[] = [];
  const prepared: EngineSetup["kind"][] = [];
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const host = new EngineHost({
    post: (report) => reports.push(report),
    clock,
    hashSeed: 1,
    prepare: (kind) => prepared.push(kind),
    heapUsedBytes: () => 1_000_000,
    create: (_setup, surroundings) => {
      if (options.createFailure !== undefined) return Promise.reject(options.createFailure);
      engine.surroundings = surroundings;
      return Promise.resolve(engine);
    },
  });
  const kinds = () => reports.map(({ kind }) => kind);
  return { host, engine, clock, reports, prepared, kinds };
}

/** Lets all that is ready happen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("EngineHost reports the start, answers, and reports the end", async () => {
  const { host, engine, reports, prepared, kinds } = hosted();
  host.receive({ kind: "prepare", engine: "kafka" });
  assertEquals(prepared, ["kafka"]);
  host.receive({ kind: "start", setup: SETUP });
  await turn();
  assertEquals(kinds(), []);
  engine.starting.resolve();
  await turn();
  host.receive({ kind: "device", id: 7, deviceId: "a" });
  host.receive({ kind: "stop" });
  engine.stopping.resolve(true);
  await turn();
  assertEquals(reports, [
    { kind: "started" },
    { kind: "device", id: 7, view: null },
    { kind: "stopped", isSettled: true },
  ]);
  assertEquals(engine.isClosed, true);
});

Deno.test("EngineHost answers questions before there is an engine", async () => {
  const { host, reports } = hosted();
  host.receive({ kind: "status", id: 1 });
  host.receive({ kind: "device", id: 2, deviceId: "a" });
  host.receive({ kind: "ingest", id: 3, body: new Uint8Array(1), format: "json" });
  await turn();
  const [status, device, ingest] = reports;
  assertEquals(status?.kind === "status" && status.status.phase, "starting");
  assertEquals(status?.kind === "status" && status.status.heapUsedBytes, 1_000_000);
  assertEquals(device, { kind: "device", id: 2, view: null });
  assertEquals(ingest?.kind === "refused" && ingest.retryable, true);
});

Deno.test("EngineHost reports a failure once, whatever fails after it", async () => {
  const { host, engine, reports } = hosted();
  host.receive({ kind: "start", setup: SETUP });
  engine.starting.resolve();
  await turn();
  engine.failing.reject(new EngineError("two of us", { code: "fenced" }));
  await turn();
  host.receive({ kind: "stop" });
  engine.stopping.reject(new Error("too late"));
  await turn();
  assertEquals(reports.slice(1), [
    { kind: "failed", failure: { kind: "fenced", message: "two of us", stack: null } },
  ]);
});

Deno.test("EngineHost reports what keeps the engine from starting", async () => {
  for (const atCreation of [true, false]) {
    const error = new OutputLogError("no such topic", { code: "unfit_topic", retryable: false });
    const { host, engine, reports } = hosted(atCreation ? { createFailure: error } : {});
    host.receive({ kind: "start", setup: SETUP });
    engine.starting.reject(error);
    await turn();
    assertEquals(reports, [
      { kind: "failed", failure: { kind: "config", message: "no such topic", stack: null } },
    ]);
  }
});

Deno.test("EngineHost stops an engine that still waits for its brokers", async () => {
  const { host, engine, reports } = hosted();
  host.receive({ kind: "start", setup: SETUP });
  await turn();
  host.receive({ kind: "stop" });
  engine.stopping.resolve(true);
  // What was waited for ends with an error once the client is closed.
  engine.starting.reject(new Error("the client was closed"));
  await turn();
  assertEquals(reports, [{ kind: "stopped", isSettled: true }]);
});

Deno.test("EngineHost waits no longer than shutdown.timeout for an engine that hangs", async () => {
  const { host, engine, clock, reports } = hosted();
  host.receive({ kind: "start", setup: SETUP });
  engine.starting.resolve();
  await turn();
  host.receive({ kind: "stop" });
  await turn();
  assertEquals(reports.length, 1);
  clock.advance(27_000);
  await turn();
  assertEquals(reports[1], { kind: "stopped", isSettled: false });
  assertEquals(engine.isClosed, true);
});

Deno.test("EngineHost refuses a question the engine cannot take, and goes on", async () => {
  const { host, engine, reports } = hosted();
  host.receive({ kind: "start", setup: SETUP });
  engine.starting.resolve();
  await turn();
  host.receive({ kind: "ingest", id: 1, body: new Uint8Array(1), format: "json" });
  host.receive({ kind: "device", id: 2, deviceId: "a" });
  assertEquals(reports.slice(1), [
    { kind: "refused", id: 1, message: "full", retryable: true },
    { kind: "device", id: 2, view: null },
  ]);
});

Deno.test("EngineHost takes a question that breaks the engine for our bug", async () => {
  const { host, engine, reports } = hosted();
  host.receive({ kind: "start", setup: SETUP });
  engine.starting.resolve();
  await turn();
  host.receive({ kind: "device", id: 1, deviceId: "bug" });
  const [, refused, failed] = reports;
  assertEquals(refused?.kind, "refused");
  assertEquals(failed?.kind === "failed" && failed.failure.kind, "bug");
});

Deno.test("EngineHost sends log lines and tells the engine that its checkpoints are lost", async () => {
  const { host, engine, reports } = hosted();
  host.receive({ kind: "start", setup: SETUP });
  await turn();
  engine.surroundings!.logger.info("hello", { a: 1 });
  const [line] = reports;
  assertStringIncludes(line?.kind === "log" ? line.line : "", `"node":"edge-7","a":1}\n`);
  host.receive({ kind: "checkpoints_lost", reason: "the disk is gone" });
  assertEquals(engine.lostReason, "the disk is gone");
});

Deno.test("toEngineFailure tells who has to act, and keeps a stack only of our bugs", () => {
  const source = (code: SourceError["code"]) => new SourceError("s", { code, retryable: false });
  const output = (code: OutputLogError["code"]) =>
    new OutputLogError("o", { code, retryable: false });
  const kinds = [
    new EngineError("e", { code: "state" }),
    source("unknown_topic"),
    source("offset_out_of_range"),
    source("partitions_added"),
    output("fenced"),
    output("access_denied"),
  ].map((error) => toEngineFailure(error));
  assertEquals(kinds.map(({ kind }) => kind), [
    "state",
    "config",
    "state",
    "world",
    "fenced",
    "world",
  ]);
  assertEquals(kinds.every(({ stack }) => stack === null), true);
  const bug = toEngineFailure(new TypeError("x is not a function"));
  assertEquals([bug.kind, bug.message], ["bug", "TypeError: x is not a function"]);
  assertStringIncludes(bug.stack ?? "", "engine_host_test.ts");
  assertEquals(toEngineFailure("thrown").message, "thrown");
});
