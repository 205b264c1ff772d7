import { assertEquals, assertStringIncludes } from "@std/assert";
import type { DeviceView } from "../../../lib/ports/engine_queries.ts";
import { advanceWhenAwaited, appUnderTest } from "./app_under_test.ts";

function viewOf(deviceId: string, changes: Partial<DeviceView> = {}): DeviceView {
  return {
    deviceId,
    sessionId: "s1",
    sessionIdIsInteger: false,
    accountId: null,
    startedAt: Date.UTC(2025, 10, 1, 0, 6, 45),
    lastSeq: 3,
    nextAt: Date.UTC(2025, 10, 1, 0, 8, 45),
    shard: 5,
    ...changes,
  };
}

Deno.test("GET /v1/devices/{deviceId} answers the active session", async () => {
  const { app, engine } = appUnderTest();
  engine.devices.set("d1", viewOf("d1", { accountId: "a" }));
  const answer = await app.request("/v1/devices/d1");
  assertEquals(answer.headers.get("content-type"), "application/json");
  assertEquals(
    await answer.text(),
    '{"deviceId":"d1","sessionId":"s1","accountId":"a","startedAt":"2025-11-01T00:06:45.000Z",' +
      '"lastSeq":3,"nextAt":"2025-11-01T00:08:45.000Z","shard":5}',
  );
});

Deno.test("An integer session id keeps all its digits and stays a number", async () => {
  const { app, engine } = appUnderTest();
  for (const sessionId of ["18446744073709551615", "-9223372036854775808", "0"]) {
    engine.devices.set("d", viewOf("d", { sessionId, sessionIdIsInteger: true }));
    const text = await (await app.request("/v1/devices/d")).text();
    assertStringIncludes(text, `"sessionId":${sessionId},`);
  }
});

Deno.test("A session id that is text stays text, also when it looks like a number or like JSON", async () => {
  const { app, engine } = appUnderTest();
  for (const sessionId of ["12", '","x":"', "new\nline"]) {
    engine.devices.set("d", viewOf("d", { sessionId }));
    assertEquals((await (await app.request("/v1/devices/d")).json()).sessionId, sessionId);
  }
});

Deno.test("A device without an active session is a 404 problem", async () => {
  const { app } = appUnderTest();
  const answer = await app.request("/v1/devices/unknown");
  assertEquals(answer.status, 404);
  assertEquals(answer.headers.get("content-type"), "application/problem+json");
});

Deno.test("A device id is percent-decoded once, byte for byte", async () => {
  const { app, engine } = appUnderTest();
  const ids = ["a/b", "a b", "100%", "%2F", "ü", "a?b#c", "%25", "..a", "🎮", "a+b", "é\u0301"];
  for (const id of ids) await app.request(`/v1/devices/${encodeURIComponent(id)}`);
  assertEquals(engine.asked.devices, ids);
});

Deno.test("A query after the device id does not belong to it", async () => {
  const { app, engine } = appUnderTest();
  await app.request("/v1/devices/d1?pretty=1");
  assertEquals(engine.asked.devices, ["d1"]);
});

Deno.test("A device id that cannot be one is a 400 problem and costs the engine nothing", async () => {
  const { app, engine } = appUnderTest();
  for (const encoded of ["%ff", "%", "%zz", "a".repeat(257), "%C3%BC".repeat(129)]) {
    const answer = await app.request(`/v1/devices/${encoded}`);
    assertEquals([encoded.slice(0, 9), answer.status], [encoded.slice(0, 9), 400]);
  }
  assertEquals(engine.asked.devices, []);
  assertEquals((await app.request(`/v1/devices/${"a".repeat(256)}`)).status, 404);
});

Deno.test("A device query that takes too long is a 503 problem", async () => {
  const { app, engine, clock } = appUnderTest();
  engine.silent = true;
  const answer = app.request("/v1/devices/d");
  await advanceWhenAwaited(clock, 2_000);
  assertEquals((await answer).status, 503);
  engine.release();
});

Deno.test("Device queries are bounded, and those that timed out still count until answered", async () => {
  const { app, engine, clock } = appUnderTest({ limits: { deviceQueriesMax: 2 } });
  engine.silent = true;
  const open = [app.request("/v1/devices/a"), app.request("/v1/devices/b")];
  await advanceWhenAwaited(clock, 0);
  const refused = await app.request("/v1/devices/c");
  assertEquals(refused.status, 503);
  assertEquals(refused.headers.get("retry-after"), "1");
  clock.advance(2_000);
  assertEquals((await Promise.all(open)).map((answer) => answer.status), [503, 503]);
  assertEquals((await app.request("/v1/devices/d")).status, 503);
  assertEquals(engine.asked.devices, ["a", "b"]);
  engine.release();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals((await app.request("/v1/devices/e")).status, 404);
});
