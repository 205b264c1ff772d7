import { assertEquals, assertStringIncludes } from "@std/assert";
import { SystemClock } from "../../lib/adapters/system/clock.ts";
import { failureExitCode, startEngineThread } from "../../lib/cli/engine_thread.ts";
import { openCheckpointThread } from "../../lib/cli/checkpoint_thread.ts";
import { RUN_COMMAND } from "../../lib/cli/run_command.ts";
import { runService } from "../../lib/cli/run_service.ts";
import { createLogger } from "../../lib/telemetry/logger.ts";
import type { EngineSetup } from "../../lib/workers/engine_messages.ts";
import { load } from "../config/load.ts";
import { FakeSystem } from "./fake_system.ts";

interface Service {
  readonly lines: Record<string, unknown>[];
  readonly exitCode: Promise<number>;
  stop(): void;
}

/** A service in this process; nobody listens where its brokers should be. */
async function startService(settings: readonly string[]): Promise<Service> {
  const set = ["kafka.brokers=127.0.0.1:1", "http.address=127.0.0.1:0", ...settings];
  const { config } = await load({ set });
  const clock = new SystemClock();
  const lines: Record<string, unknown>[] = [];
  const writeLog = (line: string) => lines.push(JSON.parse(line));
  const logSetup = { level: "info" as const, format: "json" as const, fields: {} };
  const stop = new AbortController();
  const exitCode = runService({
    config,
    clock,
    log: createLogger({ ...logSetup, write: writeLog, wallMs: () => clock.wallMs() }),
    logSetup,
    writeLog,
    stop: stop.signal,
  });
  return { lines, exitCode, stop: () => stop.abort("SIGTERM") };
}

/** The first line of the log that this holds for. */
async function lineOf(
  { lines }: Service,
  holds: (line: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 500; tries++) {
    const line = lines.find(holds);
    if (line !== undefined) return line;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no such line: ${JSON.stringify(lines)}`);
}

async function inStateDirectory(use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "sessionwheel-run-" });
  try {
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("run without brokers names the setting in each of its forms, and the demo", async () => {
  const failure = await RUN_COMMAND.run([], new FakeSystem()).catch((error) => error);
  assertEquals([failure.name, failure.exitCode], ["CommandFailure", 78]);
  assertStringIncludes(failure.message, "kafka.brokers");
  assertStringIncludes(failure.message, "SESSIONWHEEL__KAFKA__BROKERS=");
  assertStringIncludes(failure.message, "--set kafka.brokers=");
  assertStringIncludes(failure.message, "sessionwheel demo");
});

Deno.test("run answers probes while its brokers are away, and ends when it is told to", () =>
  inStateDirectory(async (path) => {
    const service = await startService([`state.dir=${path}`]);
    const start = await lineOf(service, ({ http }) => http !== undefined);
    assertEquals(start["brokers"], ["127.0.0.1:1"]);
    const live = await fetch(`${start["http"]}/livez`);
    assertEquals([live.status, await live.text()], [200, "ok"]);
    const ready = await fetch(`${start["http"]}/readyz`);
    assertEquals(ready.status, 503);
    await ready.body?.cancel();
    await lineOf(service, ({ message }) => String(message).includes("127.0.0.1:1"));
    // The demo takes events over HTTP, this does not.
    const post = await fetch(`${start["http"]}/v1/events`, { method: "POST", body: "{}" });
    assertEquals(post.status, 404);
    await post.body?.cancel();
    service.stop();
    assertEquals(await service.exitCode, 0);
    assertEquals(service.lines.at(-1)?.["message"], "stopped");
  }));

Deno.test("run does not share its state directory with another process", () =>
  inStateDirectory(async (path) => {
    const holder = await openCheckpointThread(path);
    try {
      const service = await startService([`state.dir=${path}`]);
      const failure = await service.exitCode.catch((error) => error);
      assertEquals([failure.name, failure.exitCode], ["CommandFailure", 74]);
      assertStringIncludes(failure.message, path);
      assertStringIncludes(failure.message, "state.dir");
    } finally {
      holder.terminate();
    }
  }));

Deno.test("run goes on without checkpoints where the state directory cannot be used", () =>
  inStateDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    const service = await startService([`state.dir=${path}/file`]);
    const line = await lineOf(service, ({ level }) => level === "error");
    assertStringIncludes(String(line["message"]), "no checkpoints");
    service.stop();
    assertEquals(await service.exitCode, 0);
  }));

Deno.test("run without fencing does not start where the state directory cannot be locked", () =>
  inStateDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    const service = await startService([`state.dir=${path}/file`, "output.fencing=off"]);
    const failure = await service.exitCode.catch((error) => error);
    assertEquals([failure.name, failure.exitCode], ["CommandFailure", 74]);
  }));

Deno.test("An error that escapes in the engine's thread ends the engine as a bug of ours", async () => {
  const { engine, terminate } = startEngineThread({ writeLog: () => {}, kind: "kafka" });
  // No configuration at all: the thread trips over it where nothing catches.
  engine.start({ kind: "kafka", checkpoints: null } as unknown as EngineSetup);
  const end = await engine.ended;
  assertEquals(end.kind === "failed" && end.failure.kind, "bug");
  terminate();
});

Deno.test("What an operator has to look at is not restarted, our bugs and the world's faults are", () => {
  const codes = (["config", "state", "fenced", "world", "bug"] as const).map(failureExitCode);
  assertEquals(codes, [78, 78, 78, 69, 70]);
});
