import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Hono } from "hono";
import { HTTP_LIMITS, type HttpLimits } from "../../../lib/adapters/http/http_limits.ts";
import { HttpServerError, parseListenAddress } from "../../../lib/adapters/http/listen_address.ts";
import { type HttpServer, serveApp } from "../../../lib/adapters/http/serve_app.ts";
import { createLogger } from "../../../lib/telemetry/logger.ts";
import { FakeIngestEngine } from "../../support/fake_engine.ts";
import { appUnderTest } from "./app_under_test.ts";
import { ManualClock } from "./manual_clock.ts";

interface ServerUnderTest extends AsyncDisposable {
  readonly server: HttpServer;
  readonly engine: FakeIngestEngine;
  readonly clock: ManualClock;
  readonly logLines: string[];
}

async function serverUnderTest(
  options: { limits?: Partial<HttpLimits>; denoVersion?: string; app?: Hono } = {},
): Promise<ServerUnderTest> {
  const under = appUnderTest({ limits: options.limits ?? {} }, FakeIngestEngine);
  const logLines: string[] = [];
  const server = await serveApp(options.app ?? under.app, {
    address: parseListenAddress("127.0.0.1:0"),
    clock: under.clock,
    log: createLogger({
      level: "info",
      format: "json",
      write: (line) => logLines.push(line),
      wallMs: () => under.clock.wallMs(),
    }),
    limits: { ...HTTP_LIMITS, ...options.limits },
    ...(options.denoVersion === undefined ? {} : { denoVersion: options.denoVersion }),
  });
  return {
    server,
    engine: under.engine,
    clock: under.clock,
    logLines,
    async [Symbol.asyncDispose]() {
      const closed = server.close(0);
      under.clock.advance(1);
      await closed;
    },
  };
}

/** Sends bytes as they are and reads until the server closes the connection. */
async function exchange(port: number, ...parts: string[]): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let answer = "";
  try {
    for (const part of parts) await connection.write(new TextEncoder().encode(part));
    const buffer = new Uint8Array(65_536);
    const decoder = new TextDecoder();
    while (true) {
      const length = await connection.read(buffer);
      if (length === null) break;
      answer += decoder.decode(buffer.subarray(0, length));
    }
  } catch {
    // A reset is an end as well.
  } finally {
    connection.close();
  }
  return answer;
}

const GET_LIVEZ = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

Deno.test("serveApp() serves the app on the port it found", async () => {
  await using under = await serverUnderTest();
  const answer = await exchange(under.server.port, GET_LIVEZ);
  assertMatch(answer, /^HTTP\/1\.1 200 /);
  assert(answer.endsWith("\r\n\r\nok"));
});

Deno.test("serveApp() answers HEAD without a body", async () => {
  await using under = await serverUnderTest();
  const answer = await exchange(under.server.port, GET_LIVEZ.replace("GET", "HEAD"));
  assertMatch(answer, /^HTTP\/1\.1 200 /);
  assert(answer.endsWith("\r\n\r\n"));
});

Deno.test("serveApp() hands device ids to the engine as they were encoded", async () => {
  await using under = await serverUnderTest();
  const ids = ["a/b", "%", "ü ", "a?b"];
  for (const id of ids) {
    const path = `/v1/devices/${encodeURIComponent(id)}`;
    await exchange(under.server.port, GET_LIVEZ.replace("/livez", path));
  }
  assertEquals(under.engine.asked.devices, ids);
});

Deno.test("serveApp() refuses another host name", async () => {
  await using under = await serverUnderTest();
  const answer = await exchange(under.server.port, GET_LIVEZ.replace("localhost", "evil.example"));
  assertMatch(answer, /^HTTP\/1\.1 421 /);
});

Deno.test("serveApp() survives what is not HTTP", async () => {
  await using under = await serverUnderTest();
  const { port } = under.server;
  const requests = [
    "\r\n\r\n\u0000\u0001\u0002",
    "GET /livez\r\n\r\n",
    "GET /livez HTTP/1.1\r\n\r\n",
    "GET /livez HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
    "GET livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n" +
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  ];
  for (const request of requests) {
    const answer = await exchange(port, request);
    assert(answer === "" || answer.startsWith("HTTP/1.1 400 "), `${request} → ${answer}`);
  }
  assertMatch(await exchange(port, GET_LIVEZ), /^HTTP\/1\.1 200 /);
});

Deno.test("serveApp() refuses headers that are too large", async () => {
  await using under = await serverUnderTest();
  const large = `X: ${"a".repeat(20_000)}\r\nConnection: close`;
  const answer = await exchange(under.server.port, GET_LIVEZ.replace("Connection: close", large));
  assertMatch(answer, /^HTTP\/1\.1 431 /);
});

Deno.test("serveApp() cuts off a client that does not finish its headers, or its body, or is idle", async () => {
  await using under = await serverUnderTest({
    limits: {
      headersTimeoutMs: 50,
      requestTimeoutMs: 100,
      keepAliveTimeoutMs: 50,
      timeoutCheckMs: 20,
    },
  });
  const { port } = under.server;
  const answers = await Promise.all([
    exchange(port, "GET /livez HTTP/1.1\r\nHost: localhost\r\n"),
    exchange(
      port,
      "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n" +
        "Content-Length: 100\r\n\r\n{",
    ),
    exchange(port, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  ]);
  assertMatch(answers[0], /^HTTP\/1\.1 408 /);
  assertMatch(answers[1], /^HTTP\/1\.1 408 /);
  assertMatch(answers[2], /^HTTP\/1\.1 200 /);
  assertEquals(under.engine.bodies, []);
});

Deno.test("serveApp() takes a chunked body and stops a chunked one that is too large", async () => {
  await using under = await serverUnderTest({ limits: { ingestBytesMax: 1_000 } });
  const { port } = under.server;
  const head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\n" +
    "Content-Type: application/x-ndjson\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const chunk = `64\r\n${" ".repeat(99)}\n\r\n`;
  const taken = await exchange(port, head, chunk.repeat(3), "0\r\n\r\n");
  assertMatch(taken, /^HTTP\/1\.1 202 /);
  assertEquals(under.engine.bodies.map(({ text }) => text.length), [300]);
  const refused = await exchange(port, head, chunk.repeat(30), "0\r\n\r\n");
  assertMatch(refused, /^HTTP\/1\.1 413 /);
  assertEquals(under.engine.bodies.length, 1);
});

Deno.test("serveApp() gives nothing of a body to the engine when the client breaks off", async () => {
  await using under = await serverUnderTest();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: under.server.port });
  const head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\n" +
    "Content-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n{}\n";
  await connection.write(new TextEncoder().encode(head));
  connection.close();
  // A later request on the same loop is answered after the broken one was seen.
  assertMatch(await exchange(under.server.port, GET_LIVEZ), /^HTTP\/1\.1 200 /);
  assertEquals(under.engine.bodies, []);
});

Deno.test("serveApp() takes only so many connections", async () => {
  await using under = await serverUnderTest({ limits: { connectionsMax: 2 } });
  const { port } = under.server;
  const held = await Promise.all([1, 2].map(async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(
      new TextEncoder().encode("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    );
    await connection.read(new Uint8Array(1_000));
    return connection;
  }));
  assertEquals(await exchange(port, GET_LIVEZ), "");
  for (const connection of held) connection.close();
});

Deno.test("HttpServer.close() lets an open request end and closes idle connections", async () => {
  let finish = (): void => {};
  const app = new Hono();
  const entered = Promise.withResolvers<void>();
  app.get("/slow", async (c) => {
    entered.resolve();
    await new Promise<void>((resolve) => finish = resolve);
    return c.text("done");
  });
  app.get("/fast", (c) => c.text("fast"));
  const { server, clock } = await serverUnderTest({ app });
  const idle = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await idle.write(new TextEncoder().encode("GET /fast HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await idle.read(new Uint8Array(1_000));
  const slow = exchange(server.port, "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await entered.promise;
  const closed = server.close(10_000);
  assertEquals(server.close(10_000), closed);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port: server.port }));
  finish();
  assertStringIncludes(await slow, "done");
  await closed;
  assertEquals(clock.waiting, 0);
  idle.close();
});

Deno.test("HttpServer.close() cuts off a request that does not end in time", async () => {
  const app = new Hono();
  const entered = Promise.withResolvers<void>();
  app.get("/never", () => {
    entered.resolve();
    return new Promise<Response>(() => {});
  });
  const { server, clock } = await serverUnderTest({ app });
  const never = exchange(server.port, "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await entered.promise;
  const closed = server.close(1_000);
  clock.advance(1_000);
  await closed;
  assertEquals(await never, "");
});

Deno.test("serveApp() says so when the port is in use", async () => {
  await using under = await serverUnderTest();
  const error = await assertRejects(
    () =>
      serveApp(new Hono(), {
        address: parseListenAddress(`127.0.0.1:${under.server.port}`),
        clock: under.clock,
        log: createLogger({ level: "error", format: "json", write: () => {}, wallMs: () => 0 }),
      }),
    HttpServerError,
  );
  assertEquals(error.code, "address_in_use");
  assertStringIncludes(error.message, "the port is in use");
});

Deno.test("serveApp() on a base without limits warns, and refuses other machines", async () => {
  await using under = await serverUnderTest({ denoVersion: "2.6.10" });
  assertEquals(under.logLines.length, 1);
  assertStringIncludes(under.logLines[0]!, '"level":"warn"');
  const error = await assertRejects(
    () =>
      serveApp(new Hono(), {
        address: parseListenAddress("0.0.0.0:0"),
        clock: under.clock,
        log: createLogger({ level: "error", format: "json", write: () => {}, wallMs: () => 0 }),
        denoVersion: "2.8.3",
      }),
    HttpServerError,
  );
  assertEquals(error.code, "unsafe_base");
});
