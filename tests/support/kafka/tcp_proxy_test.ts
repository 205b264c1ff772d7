import { assertEquals, assertRejects } from "@std/assert";
import { startTcpProxy } from "./tcp_proxy.ts";
import { ApiKey, WireClient } from "./wire_client.ts";
import { WireReader, WireWriter } from "./wire_bytes.ts";

/** Answers every request with its own api key; stands in for a broker. */
function startEcho(): { readonly address: string; readonly seen: number[]; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen: number[] = [];
  (async () => {
    for await (const connection of listener) serve(connection, seen).catch(() => {});
  })().catch(() => {});
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    seen,
    close: () => listener.close(),
  };
}

async function serve(connection: Deno.TcpConn, seen: number[]): Promise<void> {
  const chunk = new Uint8Array(4096);
  try {
    for (let count = await connection.read(chunk); count !== null;) {
      const request = new WireReader(chunk.slice(4, count));
      const apiKey = request.int16();
      request.int16();
      seen.push(apiKey);
      const answer = new WireWriter().int32(request.int32()).int16(apiKey).done();
      await connection.write(new WireWriter().bytes(answer).done());
      count = await connection.read(chunk);
    }
  } finally {
    connection.close();
  }
}

const NOTHING = new Uint8Array(0);

Deno.test("TcpProxy passes messages on and decides by api key and direction", async () => {
  const echo = startEcho();
  const proxy = startTcpProxy({ target: echo.address });
  const client = await WireClient.connect(proxy.bootstrap);
  const rule = proxy.addRule({
    direction: "response",
    apiKey: ApiKey.produce,
    times: 1,
    decide: () => "close",
  });
  assertEquals((await client.request(ApiKey.metadata, 4, NOTHING)).int16(), ApiKey.metadata);
  assertEquals(rule.hits, 0);
  await assertRejects(() => client.request(ApiKey.produce, 7, NOTHING));
  assertEquals(rule.hits, 1);
  assertEquals(echo.seen, [ApiKey.metadata, ApiKey.produce]);
  client.close();
  const second = await WireClient.connect(proxy.bootstrap);
  assertEquals((await second.request(ApiKey.produce, 7, NOTHING)).int16(), ApiKey.produce);
  assertEquals(proxy.connectionsTotal, 2);
  second.close();
  await proxy.close();
  echo.close();
});

Deno.test("TcpProxy swallows a request, and cuts a response", async () => {
  const echo = startEcho();
  const proxy = startTcpProxy({ target: echo.address });
  const dropped = proxy.addRule({ direction: "request", times: 1, decide: () => "drop" });
  const client = await WireClient.connect(proxy.bootstrap);
  const hit = dropped.nextHit();
  const unanswered = client.request(ApiKey.fetch, 11, NOTHING);
  assertEquals((await hit).apiKey, ApiKey.fetch);
  assertEquals(echo.seen, []);
  proxy.closeConnections();
  await assertRejects(() => unanswered);
  client.close();
  proxy.addRule({ direction: "response", decide: () => "cut" });
  const second = await WireClient.connect(proxy.bootstrap);
  await assertRejects(() => second.request(ApiKey.fetch, 11, NOTHING));
  assertEquals(echo.seen, [ApiKey.fetch]);
  second.close();
  await proxy.close();
  echo.close();
});

Deno.test("TcpProxy holds a frozen direction until it thaws", async () => {
  const echo = startEcho();
  const proxy = startTcpProxy({ target: echo.address });
  const client = await WireClient.connect(proxy.bootstrap);
  proxy.freeze("response");
  const answered = proxy.addRule({ direction: "response", decide: () => "pass" }).nextHit();
  let done = false;
  const answer = client.request(ApiKey.fetch, 11, NOTHING).then((reader) => {
    done = true;
    return reader.int16();
  });
  await answered;
  assertEquals(done, false);
  proxy.thaw();
  assertEquals(await answer, ApiKey.fetch);
  client.close();
  await proxy.close();
  echo.close();
});

Deno.test("TcpProxy refuses connections while it is down", async () => {
  const echo = startEcho();
  const proxy = startTcpProxy({ target: echo.address });
  proxy.down();
  await assertRejects(() => WireClient.connect(proxy.bootstrap));
  proxy.up();
  const client = await WireClient.connect(proxy.bootstrap);
  assertEquals((await client.request(ApiKey.fetch, 11, NOTHING)).int16(), ApiKey.fetch);
  client.close();
  await proxy.close();
  echo.close();
});
