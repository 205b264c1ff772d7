import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { SystemClock } from "../../lib/adapters/system/clock.ts";
import { DEMO_COMMAND } from "../../lib/cli/demo_command.ts";
import { LiveLine } from "../../lib/cli/live_line.ts";
import { type DemoOptions, runDemo } from "../../lib/cli/run_demo.ts";
import type { Config } from "../../lib/config/config.ts";
import { createLogger } from "../../lib/telemetry/logger.ts";
import { load } from "../config/load.ts";
import { FakeSystem } from "./fake_system.ts";

/** A demo in this process, on a free port, with what it wrote. */
class Demo {
  out = "";
  readonly #stop = new AbortController();
  readonly #url = Promise.withResolvers<string>();
  readonly exitCode: Promise<number>;

  constructor(config: Config, options: Partial<DemoOptions> = {}) {
    const clock = new SystemClock();
    const write = (text: string) => {
      this.out += text;
      const url = /http:\S+:\d+/.exec(this.out);
      if (url !== null) this.#url.resolve(url[0]);
    };
    const logSetup = { level: "error" as const, format: "text" as const, fields: {} };
    this.exitCode = runDemo({
      config,
      fleet: { devices: 100, seed: 1, speed: 1, initialAgeMs: config.session.heartbeatIntervalMs },
      durationMs: null,
      clock,
      log: createLogger({ ...logSetup, write, wallMs: () => clock.wallMs() }),
      logSetup,
      writeOut: write,
      writeLog: write,
      line: new LiveLine(write, null),
      stop: this.#stop.signal,
      ...options,
    });
  }

  get url(): Promise<string> {
    return this.#url.promise;
  }

  stop(): Promise<number> {
    this.#stop.abort("SIGINT");
    return this.exitCode;
  }
}

async function freePortConfig(settings: readonly string[] = []): Promise<Config> {
  return (await load({ set: ["http.address=127.0.0.1:0", ...settings] })).config;
}

/** Asks until the answer has this status: the engine takes events when it comes to it. */
async function until(status: number, ask: () => Promise<Response>): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const response = await ask();
    const text = await response.text();
    if (response.status === status) return text;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no answer had the status ${status}`);
}

function post(url: string, contentType: string, body: string): Promise<Response> {
  return fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": contentType },
    body,
  });
}

Deno.test("The demo takes an event over HTTP and shows the device's session", async () => {
  const demo = new Demo(await freePortConfig());
  const url = await demo.url;
  const event = '{"type":"start","deviceId":"my-device","sessionId":18446744073709551615}';
  const taken = await until(202, () => post(url, "application/json", event));
  assertEquals(JSON.parse(taken).accepted, 1);
  const device = await until(200, () => fetch(`${url}/v1/devices/my-device`));
  assertStringIncludes(device, '"sessionId":18446744073709551615');
  const lines =
    `nonsense\n{"type":"end","deviceId":"my-device","sessionId":18446744073709551615}\n`;
  const ended = JSON.parse(await until(202, () => post(url, "application/x-ndjson", lines)));
  assertEquals([ended.accepted, ended.rejectedCount], [1, 1]);
  await until(404, () => fetch(`${url}/v1/devices/my-device`));
  assertEquals(await demo.stop(), 0);
});

Deno.test("The demo's example event is taken, in whatever layout", async () => {
  for (const layout of ["plain", "rtm-gaming"]) {
    const demo = new Demo(await freePortConfig([`input.layout=${layout}`]));
    const url = await demo.url;
    const [, event] = /-d '(\{.*\})'/.exec(demo.out)!;
    await until(202, () => post(url, "application/json", event!));
    await until(200, () => fetch(`${url}/v1/devices/my-device`));
    assertEquals(await demo.stop(), 0);
  }
});

Deno.test("The demo's devices are in their sessions at once, and it says how many", async () => {
  const demo = new Demo(await freePortConfig());
  const url = await demo.url;
  await until(200, () => fetch(`${url}/readyz`));
  let active = 0;
  while (active < 60) {
    const stats = JSON.parse(await until(200, () => fetch(`${url}/v1/stats`)));
    active = stats.sessions.active;
  }
  assertEquals(await demo.stop(), 0);
  assertMatch(demo.out, /records out +\d+: \d+ starts/);
});

Deno.test("The demo ends by itself after --duration, with a summary", async () => {
  const system = new FakeSystem();
  const args = ["--port", "0", "--duration", "300ms", "--devices", "20"];
  assertEquals(await DEMO_COMMAND.run(args, system), 0);
  assertStringIncludes(system.out, "20 simulated devices");
  assertStringIncludes(system.out, "Ctrl-C ends it.");
  assertMatch(system.out, /ran for +\d/);
  assertEquals(system.error, "");
});

Deno.test("The demo goes X times faster with --speed X", async () => {
  const system = new FakeSystem();
  const args = ["--port", "0", "--duration", "1s", "--devices", "20", "--speed", "300"];
  assertEquals(await DEMO_COMMAND.run(args, system), 0);
  // 30 s / 300
  assertStringIncludes(system.out, "a heartbeat every 100 ms");
  assertMatch(system.out, /[1-9]\d* heartbeats/);
});

Deno.test("The demo ends quietly when nobody reads what it says", async () => {
  const system = new FakeSystem();
  system.isOutputClosed = true;
  const failure = await DEMO_COMMAND.run(["--port", "0"], system).catch((error) => error);
  // The command line takes this error for a quiet end.
  assertEquals(failure.name, "OutputClosedError");
});

Deno.test("The demo says which port is in use and how to take another", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const args = ["--port", String(port)];
  const failure = await DEMO_COMMAND.run(args, new FakeSystem()).catch((error) => error);
  assertEquals([failure.name, failure.exitCode], ["CommandFailure", 74]);
  assertStringIncludes(failure.message, `127.0.0.1:${port}`);
  assertStringIncludes(failure.message, "http.address");
});

Deno.test("LiveLine rewrites its line on a terminal and keeps other text out of it", () => {
  let out = "";
  const line = new LiveLine((text) => out += text, () => 11);
  line.interrupt(() => out += "before\n");
  line.show("a line that is too long");
  line.interrupt(() => out += "log\n");
  line.show("next");
  line.end();
  assertEquals(
    out,
    "before\n\r\x1b[Ka line tha\r\x1b[Klog\na line tha\r\x1b[Knext\n",
  );
});

Deno.test("LiveLine writes line below line where there is no terminal", () => {
  let out = "";
  const line = new LiveLine((text) => out += text, null);
  line.show("one");
  line.interrupt(() => out += "log\n");
  line.show("two");
  line.end();
  assertEquals(out, "one\nlog\ntwo\n");
  assert(!line.isInPlace);
});
