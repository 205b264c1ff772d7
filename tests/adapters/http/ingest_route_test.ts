import { assertEquals, assertStringIncludes } from "@std/assert";
import { FakeIngestEngine } from "../../support/fake_engine.ts";
import { appUnderTest, type AppUnderTestOptions } from "./app_under_test.ts";

const NDJSON = { "content-type": "application/x-ndjson" };
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

function ingestUnderTest(
  options: AppUnderTestOptions = {},
): ReturnType<typeof appUnderTest<FakeIngestEngine>> {
  return appUnderTest(options, FakeIngestEngine);
}

/** A body of so many bytes without a `Content-Length`, in chunks, that tells how much was taken. */
function streamedBody(bytes: number, chunkBytes: number): {
  body: ReadableStream<Uint8Array>;
  taken: () => number;
  cancelled: () => boolean;
} {
  let taken = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (taken >= bytes) return controller.close();
      taken += chunkBytes;
      controller.enqueue(new Uint8Array(chunkBytes).fill(0x20));
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { body, taken: () => taken, cancelled: () => cancelled };
}

Deno.test("POST /v1/events is not there when the engine takes no events", async () => {
  const { app } = appUnderTest();
  for (const method of ["POST", "GET"]) {
    assertEquals((await app.request("/v1/events", { method, headers: NDJSON })).status, 404);
  }
});

Deno.test("POST /v1/events hands over the lines and answers the tally", async () => {
  const { app, engine } = ingestUnderTest();
  const body = '{"type":"start"}\nbad\n{"type":"end"}\n';
  const answer = await app.request("/v1/events", { method: "POST", headers: NDJSON, body });
  assertEquals(answer.status, 202);
  assertEquals(await answer.json(), {
    accepted: 2,
    ignored: 0,
    rejectedCount: 1,
    rejected: [{ line: 2, reason: "not_json", detail: "no JSON" }],
  });
  assertEquals(engine.bodies, [{ text: body, format: "lines" }]);
});

Deno.test("A body of application/json is one event, over several lines too", async () => {
  const { app, engine } = ingestUnderTest();
  const body = '{\n"type":"start"\n}';
  const answer = await app.request("/v1/events", { method: "POST", headers: JSON_TYPE, body });
  assertEquals((await answer.json()).accepted, 1);
  assertEquals(engine.bodies, [{ text: body, format: "json" }]);
});

Deno.test("When every event is rejected the answer is a 400 problem with the reasons", async () => {
  const { app } = ingestUnderTest();
  const request = { method: "POST", headers: JSON_TYPE, body: "bad" };
  const answer = await app.request("/v1/events", request);
  assertEquals(answer.status, 400);
  assertEquals(answer.headers.get("content-type"), "application/problem+json");
  assertEquals((await answer.json()).rejected[0].reason, "not_json");
});

Deno.test("At most a hundred rejected lines are named, all are counted", async () => {
  const { app } = ingestUnderTest();
  const body = "good\n" + "bad\n".repeat(250);
  const answer = await app.request("/v1/events", { method: "POST", headers: NDJSON, body });
  const { rejected, rejectedCount } = await answer.json();
  assertEquals(rejectedCount, 250);
  assertEquals(rejected.length, 100);
});

Deno.test("An empty body is a 400 problem", async () => {
  const { app, engine } = ingestUnderTest();
  for (const init of [{ headers: NDJSON }, { headers: NDJSON, body: "" }]) {
    assertEquals((await app.request("/v1/events", { method: "POST", ...init })).status, 400);
  }
  assertEquals(engine.bodies, []);
});

Deno.test("Another type of content, or a compressed one, is a 415 problem", async () => {
  const { app, engine } = ingestUnderTest();
  const refused: Record<string, string>[] = [
    { "content-type": "text/plain" },
    { "content-type": "application/x-www-form-urlencoded" },
    {},
    { ...NDJSON, "content-encoding": "gzip" },
  ];
  for (const headers of refused) {
    const body = new TextEncoder().encode("{}");
    const answer = await app.request("/v1/events", { method: "POST", headers, body });
    assertEquals(answer.status, 415);
    assertStringIncludes(answer.headers.get("accept")!, "application/x-ndjson");
  }
  assertEquals(engine.bodies, []);
});

Deno.test("A body that announces too many bytes is refused unread", async () => {
  const { app, engine } = ingestUnderTest();
  const { body, taken } = streamedBody(100, 10);
  const headers = { ...NDJSON, "content-length": String(8 * 1024 * 1024 + 1) };
  const answer = await app.request("/v1/events", { method: "POST", headers, body });
  assertEquals(answer.status, 413);
  assertEquals(taken(), 0);
  assertEquals(engine.bodies, []);
});

Deno.test("A body without a length is read up to the limit and no further", async () => {
  const { app, engine } = ingestUnderTest({ limits: { ingestBytesMax: 1_000 } });
  const large = streamedBody(1_000_000, 100);
  const refused = await app.request("/v1/events", {
    method: "POST",
    headers: NDJSON,
    body: large.body,
  });
  assertEquals(refused.status, 413);
  assertEquals(large.taken(), 1_100);
  assertEquals(large.cancelled(), true);
  const exact = await app.request("/v1/events", {
    method: "POST",
    headers: NDJSON,
    body: streamedBody(1_000, 100).body,
  });
  assertEquals(exact.status, 202);
  assertEquals(engine.bodies.length, 1);
});

Deno.test("A length that lies low does not get a larger body past the limit", async () => {
  const { app } = ingestUnderTest({ limits: { ingestBytesMax: 1_000 } });
  const { body } = streamedBody(5_000, 100);
  const headers = { ...NDJSON, "content-length": "10" };
  assertEquals((await app.request("/v1/events", { method: "POST", headers, body })).status, 413);
});

Deno.test("A body that breaks off is a 400 problem and nothing of it is taken", async () => {
  const { app, engine } = ingestUnderTest();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("connection reset"));
    },
  });
  const answer = await app.request("/v1/events", { method: "POST", headers: NDJSON, body });
  assertEquals(answer.status, 400);
  assertEquals(engine.bodies, []);
});

Deno.test("Bodies under way are bounded", async () => {
  const { app } = ingestUnderTest({ limits: { ingestsMax: 1 } });
  let finish = (): void => {};
  const slow = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("{}\n"));
      finish = () => controller.close();
    },
  });
  const first = app.request("/v1/events", { method: "POST", headers: NDJSON, body: slow });
  const second = await app.request("/v1/events", { method: "POST", headers: NDJSON, body: "{}" });
  assertEquals(second.status, 503);
  finish();
  assertEquals((await first).status, 202);
});

Deno.test("A wrong method on /v1/events is a 405 problem", async () => {
  const { app } = ingestUnderTest();
  const answer = await app.request("/v1/events");
  assertEquals(answer.status, 405);
  assertEquals(answer.headers.get("allow"), "POST");
});

Deno.test("A write from another web page is refused", async () => {
  const { app, engine } = ingestUnderTest();
  const post = (origin: string) =>
    app.request("/v1/events", { method: "POST", headers: { ...NDJSON, origin }, body: "{}" });
  assertEquals((await post("https://evil.example")).status, 403);
  assertEquals((await post("null")).status, 403);
  assertEquals((await post("http://localhost:9999")).status, 403);
  assertEquals(engine.bodies, []);
  assertEquals((await post("http://localhost")).status, 202);
});
