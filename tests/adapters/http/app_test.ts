import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { EngineUnavailableError } from "../../../lib/ports/engine_queries.ts";
import { advanceWhenAwaited, appUnderTest } from "./app_under_test.ts";

async function problemOf(answer: Response): Promise<{ status: number; detail: string }> {
  assertEquals(answer.headers.get("content-type"), "application/problem+json");
  const body = await answer.json();
  assertEquals(body.type, "about:blank");
  assertEquals(body.status, answer.status);
  assert(body.title.length > 0 && body.detail.length > 0);
  return body;
}

Deno.test("An unknown path is a 404 problem", async () => {
  const { app } = appUnderTest();
  for (const path of ["/nothing", "/v1/", "/v1/devices", "/v1/devices/a/b", "//", "/metrics/"]) {
    const answer = await app.request(path);
    assertEquals([path, answer.status], [path, 404]);
    await problemOf(answer);
  }
});

Deno.test("A wrong method is a 405 problem that names the right ones", async () => {
  const { app } = appUnderTest();
  const paths = ["/", "/livez", "/readyz", "/startupz", "/healthz", "/metrics", "/version"];
  for (const path of [...paths, "/v1/stats", "/v1/devices/a"]) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const answer = await app.request(path, { method });
      assertEquals([path, method, answer.status], [path, method, 405]);
      assertEquals(answer.headers.get("allow"), "GET, HEAD");
      await problemOf(answer);
    }
  }
});

Deno.test("Every answer carries the security headers, errors too", async () => {
  const { app, engine } = appUnderTest();
  engine.failure = new Error("secret");
  for (const path of ["/", "/livez", "/metrics", "/nothing", "/v1/stats", "/v1/devices/%ff"]) {
    const { headers } = await app.request(path);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("x-frame-options"), "DENY");
    assertEquals(headers.get("cache-control"), "no-store");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
    assertStringIncludes(headers.get("content-security-policy")!, "default-src 'none'");
    assertEquals(headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("An error of ours is a 500 problem without its text, and is logged once in a while", async () => {
  const { app, engine, logLines } = appUnderTest();
  engine.failure = new Error("secret inside");
  const answer = await app.request("/v1/devices/a");
  assertEquals(answer.status, 500);
  assertFalse(JSON.stringify(await problemOf(answer)).includes("secret"));
  await app.request("/v1/devices/a");
  assertEquals(logLines.length, 1);
  assertStringIncludes(logLines[0]!, "secret inside");
});

Deno.test("An engine that ended is a 503 problem", async () => {
  const { app, engine } = appUnderTest();
  engine.failure = new EngineUnavailableError("The engine has ended", { retryable: false });
  for (const path of ["/v1/stats", "/v1/devices/a"]) {
    const answer = await app.request(path);
    assertEquals(answer.status, 503);
    assertEquals(answer.headers.get("retry-after"), "1");
    assertEquals((await problemOf(answer)).detail, "The engine has ended");
  }
});

Deno.test("/version tells the build", async () => {
  const { app } = appUnderTest();
  assertEquals(await (await app.request("/version")).json(), {
    name: "sessionwheel",
    version: "1.2.3",
    commit: "abcdef0",
    deno: "2.9.6",
    v8: "15.0",
  });
});

Deno.test("/metrics is the Prometheus text of the engine and the process", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.shards.sessionsActive.set([40, 2]);
  const answer = await app.request("/metrics");
  assertEquals(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  assertStringIncludes(text, "\nsessionwheel_sessions_active 42\n");
  assertStringIncludes(text, "\nprocess_cpu_seconds_total 1.5\n");
});

Deno.test("/metrics answers without the engine", async () => {
  const { app, engine, clock } = appUnderTest();
  engine.silent = true;
  const answer = app.request("/metrics");
  await advanceWhenAwaited(clock, 2_000);
  assertEquals((await answer).status, 200);
  assertStringIncludes(await (await answer).text(), "\nsessionwheel_engine_up 0\n");
  engine.release();
});

Deno.test("/v1/stats tells sessions, rates, quantiles, shards, lag and the state's hash", async () => {
  const { app, engine, clock } = appUnderTest();
  const { metrics } = engine;
  metrics.shards.sessionsActive.set([3, 4]);
  metrics.shards.stateHash.set([1n, 2n]);
  metrics.inputs.position.set([90, 100]);
  metrics.inputs.highWatermark.set([100, 105]);
  await app.request("/v1/stats");
  clock.advance(2_000);
  metrics.records.heartbeat = 400;
  metrics.events.start = 20;
  for (let i = 0; i < 100; i++) metrics.heartbeatLateness.record(i < 98 ? 1 : 8);
  const stats = await (await app.request("/v1/stats")).json();
  assertEquals(stats.sessions.active, 7);
  assertEquals(stats.rates, {
    windowSeconds: 2,
    eventsPerSecond: 10,
    recordsPerSecond: 200,
    heartbeatsPerSecond: 200,
    outputBytesPerSecond: 0,
  });
  assertEquals(stats.latencies.heartbeatLateness.p50Ms, 1.01);
  assertEquals(stats.latencies.heartbeatLateness.p99Ms, 8);
  assertEquals(stats.latencies.endToEnd.p99Ms, null);
  assertEquals(stats.totals.allEvents, 20);
  assertEquals(stats.totals.allRecords, 400);
  assertEquals(stats.lagRecords, 15);
  assertEquals(stats.stateHash, "0000000000000003");
  assertEquals(stats.shards.length, 2);
  assertEquals(stats.uptimeSeconds, 2);
  assertEquals(stats.version, "1.2.3");
});

Deno.test("docs/http.md names every path there is", async () => {
  const { app } = appUnderTest();
  const doc = await Deno.readTextFile(new URL("../../../docs/http.md", import.meta.url));
  const paths = new Set(app.routes.map(({ path }) => path.replace(":deviceId", "{deviceId}")));
  paths.delete("/*");
  assert(paths.size >= 9);
  for (const path of paths) assertStringIncludes(doc, `\`GET ${path}\``);
  assertStringIncludes(doc, "`POST /v1/events`");
});
