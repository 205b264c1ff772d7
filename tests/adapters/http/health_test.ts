import { assertEquals, assertStringIncludes } from "@std/assert";
import { advanceWhenAwaited, appUnderTest } from "./app_under_test.ts";

const PROBES = ["/livez", "/readyz", "/startupz", "/healthz"];

Deno.test("Every probe of a running engine answers a plain ok", async () => {
  const { app } = appUnderTest();
  for (const path of PROBES) {
    const answer = await app.request(path);
    assertEquals([path, answer.status, await answer.text()], [path, 200, "ok"]);
  }
});

Deno.test("Every probe answers HEAD without a body", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.started = false;
  for (const path of PROBES) {
    const answer = await app.request(path, { method: "HEAD" });
    assertEquals([path, answer.status], [path, path === "/livez" ? 200 : 503]);
    assertEquals(await answer.text(), "");
  }
});

Deno.test("/readyz?verbose has a line a check", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.brokersReachable = false;
  engine.metrics.shards.setState(1, "stalled", "partition 1 has no leader");
  const answer = await app.request("/readyz?verbose");
  assertEquals(answer.status, 503);
  assertEquals(
    await answer.text(),
    [
      "[+]engine ok",
      "[+]started ok",
      "[-]kafka failed: brokers do not answer",
      "[-]shards failed: 1 stalled (partition 1 has no leader)",
      "[+]clock ok",
      "[+]phase ok",
      "readyz check failed",
      "",
    ].join("\n"),
  );
});

Deno.test("A failing probe gives its reasons without being asked", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.clockJumpAlarm = true;
  const answer = await app.request("/readyz");
  assertEquals(answer.status, 503);
  assertEquals(
    await answer.text(),
    "not ok\n[-]clock failed: the wall clock jumped, timers stand still\n",
  );
});

Deno.test("A probe answers health+json to who accepts it", async () => {
  const { app, engine } = appUnderTest();
  const headers = { accept: "application/health+json" };
  const passing = await app.request("/livez", { headers });
  assertEquals(passing.headers.get("content-type"), "application/health+json");
  assertEquals(await passing.json(), {
    status: "pass",
    version: "1.2.3",
    checks: { engine: [{ status: "pass" }] },
  });
  engine.metrics.started = false;
  const failing = await app.request("/startupz", { headers });
  assertEquals(failing.status, 503);
  const { status, checks } = await failing.json();
  assertEquals(status, "fail");
  assertEquals(checks.started[0].status, "fail");
});

Deno.test("/readyz fails on each condition that keeps sessions from being kept up", async () => {
  const breaks: Record<string, (metrics: ReturnType<typeof appUnderTest>["engine"]) => void> = {
    started: ({ metrics }) => metrics.started = false,
    kafka: ({ metrics }) => metrics.brokersReachable = false,
    shards: ({ metrics }) => metrics.shards.setState(0, "stopped", "foreign writer"),
    clock: ({ metrics }) => metrics.clockAheadMs = 1001,
    phase: ({ metrics }) => metrics.phase = "draining",
  };
  for (const [name, breakIt] of Object.entries(breaks)) {
    const { app, engine } = appUnderTest();
    breakIt(engine);
    const answer = await app.request("/readyz");
    assertEquals([name, answer.status], [name, 503]);
    assertStringIncludes(await answer.text(), `[-]${name} failed: `);
  }
});

Deno.test("/readyz fails when there is no shard yet", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.openShards(0);
  assertStringIncludes(await (await app.request("/readyz")).text(), "[-]shards failed");
});

Deno.test("/livez does not mind what only Kafka can mend", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.brokersReachable = false;
  engine.metrics.started = false;
  assertEquals((await app.request("/livez")).status, 200);
});

Deno.test("/livez fails once the engine has been silent for too long, and recovers with it", async () => {
  const { app, engine, clock, monitor } = appUnderTest({ limits: { engineSilenceMaxMs: 15_000 } });
  engine.silent = true;
  monitor.start();
  for (let second = 0; second < 15; second++) clock.advance(1_000);
  assertEquals((await app.request("/livez")).status, 200);
  clock.advance(1_000);
  const answer = await app.request("/livez");
  assertEquals(answer.status, 503);
  assertEquals(await answer.text(), "not ok\n[-]engine failed: has not answered for 16 s\n");
  engine.release();
  await monitor.status();
  assertEquals((await app.request("/livez")).status, 200);
  monitor.stop();
});

Deno.test("/readyz answers that the engine does not", async () => {
  const { app, engine, clock } = appUnderTest();
  engine.silent = true;
  const answer = app.request("/readyz");
  await advanceWhenAwaited(clock, 2_000);
  assertEquals((await answer).status, 503);
  assertEquals(await (await answer).text(), "not ok\n[-]engine failed: does not answer\n");
  engine.release();
});

Deno.test("/startupz stays ok once it was, also when the engine is silent", async () => {
  const { app, engine, clock } = appUnderTest();
  assertEquals((await app.request("/startupz")).status, 200);
  clock.advance(5_000);
  engine.silent = true;
  assertEquals((await app.request("/startupz")).status, 200);
});

Deno.test("/startupz tells how far the restore is", async () => {
  const { app, engine } = appUnderTest();
  engine.metrics.started = false;
  engine.metrics.shards.setState(1, "restoring");
  engine.metrics.shards.restoreTotal[1] = 200;
  engine.metrics.shards.restoreDone[1] = 50;
  const answer = await app.request("/startupz");
  assertStringIncludes(await answer.text(), "not every shard has run yet (25 % restored)");
});
