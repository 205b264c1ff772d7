import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { delay } from "@std/async";
import { Hono } from "hono";
import { HttpServerError, parseListenAddress } from "../../../lib/adapters/http/listen_address.ts";
import { type ConnectionListener, serveApp } from "../../../lib/adapters/http/serve_app.ts";
import { createLogger } from "../../../lib/telemetry/logger.ts";
import { exchange, GET_LIVEZ, RawClient, serverUnderTest } from "./server_under_test.ts";

Deno.test("serveApp() serves the app on the port it found", async () => {
  await using under = serverUnderTest();
  const answer = await exchange(under.port, GET_LIVEZ);
  assertMatch(answer, /^HTTP\/1\.1 200 /);
  assert(answer.endsWith("\r\n\r\nok"));
});

Deno.test("serveApp() answers HEAD without a body", async () => {
  await using under = serverUnderTest();
  const answer = await exchange(under.port, GET_LIVEZ.replace("GET", "HEAD"));
  assertMatch(answer, /^HTTP\/1\.1 200 /);
  assert(answer.endsWith("\r\n\r\n"));
});

Deno.test("serveApp() hands device ids to the engine as they were encoded", async () => {
  await using under = serverUnderTest();
  const ids = ["a/b", "%", "ü ", "a?b"];
  for (const id of ids) {
    const path = `/v1/devices/${encodeURIComponent(id)}`;
    await exchange(under.port, GET_LIVEZ.replace("/livez", path));
  }
  assertEquals(under.engine.asked.devices, ids);
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
  const { server, clock } = serverUnderTest({ app });
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
  assertEquals(clock.nextWakeMs(), null);
  idle.close();
});

Deno.test("HttpServer.close() cuts off a request that does not end in time", async () => {
  const app = new Hono();
  const entered = Promise.withResolvers<void>();
  app.get("/never", () => {
    entered.resolve();
    return new Promise<Response>(() => {});
  });
  const { server, clock } = serverUnderTest({ app });
  const never = exchange(server.port, "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await entered.promise;
  const closed = server.close(1_000);
  clock.advance(1_000);
  await closed;
  assertEquals(await never, "");
});

Deno.test("serveApp() says so when the port is in use", async () => {
  await using under = serverUnderTest();
  const error = assertThrows(
    () =>
      serveApp(new Hono(), {
        address: parseListenAddress(`127.0.0.1:${under.port}`),
        clock: under.clock,
        log: createLogger({ level: "error", format: "json", write: () => {}, wallMs: () => 0 }),
      }),
    HttpServerError,
  );
  assertEquals(error.code, "address_in_use");
  assertStringIncludes(error.message, "the port is in use");
});

Deno.test("serveApp() goes on taking connections when one could not be taken", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const failures = [new Error("Too many open files (os error 24)"), new Error("reset")];
  const failing: ConnectionListener = {
    addr: listener.addr,
    close: () => listener.close(),
    accept: () => {
      const failure = failures.shift();
      return failure === undefined ? listener.accept() : Promise.reject(failure);
    },
  };
  await using under = serverUnderTest({ listen: () => failing });
  const client = await RawClient.connect(under.port);
  await client.send(GET_LIVEZ);
  // The next connection is tried for after a pause, not at once: the table of files may be full.
  await client.until(() => under.logLines.length > 0);
  assertEquals(failures.length, 1);
  while (!client.isClosed) {
    under.clock.advance(100);
    await delay(1);
  }
  assertMatch(client.received, /^HTTP\/1\.1 200 /);
  assertEquals(under.logLines.length, 1);
  assertStringIncludes(under.logLines[0]!, "an HTTP connection could not be taken");
});
