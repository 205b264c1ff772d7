/** Connections that are held, flooded or never read, over real sockets. */
import { assert, assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import type { ByteConnection } from "../../../lib/adapters/http/http_connection.ts";
import {
  exchange,
  GET_LIVEZ,
  RawClient,
  secondsUntilClosed,
  serverUnderTest,
} from "./server_under_test.ts";

const PARTIAL = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
const KEPT = `${PARTIAL}\r\n`;

Deno.test("The HTTP server cuts off a client that does not finish its headers", async () => {
  await using under = serverUnderTest();
  const client = await RawClient.connect(under.port);
  await client.send(PARTIAL);
  assertGreaterOrEqual(await secondsUntilClosed(under.clock, client), 10);
  assertEquals(client.statuses, [408]);
});

Deno.test("The HTTP server cuts off a client that sends a byte a second (slowloris)", async () => {
  await using under = serverUnderTest();
  const client = await RawClient.connect(under.port);
  await client.send("G");
  const seconds = await secondsUntilClosed(
    under.clock,
    client,
    () => client.send(client.received === "" ? "A" : ""),
  );
  assertGreaterOrEqual(seconds, 10);
  assertEquals(client.statuses, [408]);
});

Deno.test("The HTTP server answers no request that is completed after its time", async () => {
  await using under = serverUnderTest();
  const client = await RawClient.connect(under.port);
  await client.send(PARTIAL.replace("/livez", "/v1/devices/late"));
  await secondsUntilClosed(
    under.clock,
    client,
    () => client.send(client.received === "" ? "" : "\r\n"),
  );
  assertEquals(client.statuses, [408]);
  assertEquals(under.engine.asked.devices, []);
});

Deno.test("The HTTP server closes connections without a request, without a word", async () => {
  await using under = serverUnderTest();
  const silent = await RawClient.connect(under.port);
  assertGreaterOrEqual(await secondsUntilClosed(under.clock, silent), 5);
  assertEquals(silent.received, "");
  const idle = await RawClient.connect(under.port);
  await idle.send(KEPT);
  await idle.until(() => idle.received.endsWith("ok"));
  assertGreaterOrEqual(await secondsUntilClosed(under.clock, idle), 5);
  assertEquals(idle.statuses, [200]);
});

Deno.test("The HTTP server closes the connection of a client that has gone", async () => {
  await using under = serverUnderTest({ limits: { connectionsMax: 2 } });
  for (const part of ["", "G", PARTIAL]) {
    const client = await RawClient.connect(under.port);
    await client.send(part);
    await client.finish();
    await client.closed;
    assertEquals(client.received, "");
  }
  assertEquals(under.logLines, []);
});

Deno.test("The HTTP server answers who has sent a request and closed its side", async () => {
  await using under = serverUnderTest();
  const client = await RawClient.connect(under.port);
  await client.send(KEPT);
  await client.finish();
  await client.closed;
  assertEquals(client.statuses, [200]);
});

Deno.test("The HTTP server answers requests that come at once one after the other", async () => {
  await using under = serverUnderTest();
  const client = await RawClient.connect(under.port);
  const devices = Array.from({ length: 500 }, (_, i) => `d${i}`);
  const requests = devices.map((id) => KEPT.replace("/livez", `/v1/devices/${id}`));
  await client.send(requests.join("") + GET_LIVEZ);
  await client.closed;
  assertEquals(client.statuses, [...devices.map(() => 404), 200]);
  assertEquals(under.engine.asked.devices, devices);
});

Deno.test("The HTTP server cuts off a client that does not take its answers", async () => {
  await using under = serverUnderTest();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: under.port });
  let isOpen = true;
  // The live page, until neither side takes more.
  const page = new TextEncoder().encode(KEPT.replace("/livez", "/").repeat(100));
  const sent = (async () => {
    while (true) await connection.write(page);
  })().catch(() => isOpen = false);
  let seconds = 0;
  while (isOpen) {
    under.clock.advance(1_000);
    seconds++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await sent;
  connection.close();
  assertGreaterOrEqual(seconds, 10);
  assertEquals((await exchange(under.port, GET_LIVEZ)).slice(9, 12), "200");
});

Deno.test("The HTTP server closes the connection that idles longest when there is no place left", async () => {
  await using under = serverUnderTest({ limits: { connectionsMax: 3 } });
  const [slow, idle, other] = [
    await RawClient.connect(under.port),
    await RawClient.connect(under.port),
    await RawClient.connect(under.port),
  ];
  for (const client of [slow, idle, other]) {
    await client.send(KEPT);
    await client.until(() => client.statuses.length === 1);
    under.clock.advance(10);
  }
  // It had been idle longest; now it is busy with a head.
  await slow.send(PARTIAL);
  await idle.send(KEPT);
  await idle.until(() => idle.statuses.length === 2);
  under.clock.advance(10);
  const late = await RawClient.connect(under.port);
  await late.send(KEPT);
  await late.until(() => late.statuses.length === 1);
  await other.closed;
  assertEquals([slow.isClosed, idle.isClosed, other.isClosed], [false, false, true]);
  assertEquals(under.logLines.length, 1);
  for (const client of [slow, idle, late]) client.close();
});

Deno.test("The HTTP server closes no connection whose request it is at work for", async () => {
  await using under = serverUnderTest({ limits: { connectionsMax: 2 } });
  under.engine.silent = true;
  const busy = [await RawClient.connect(under.port), await RawClient.connect(under.port)];
  for (const client of busy) await client.send(GET_LIVEZ.replace("/livez", "/v1/devices/d"));
  await busy[0]!.until(() => under.engine.asked.devices.length === 2);
  assertEquals(await exchange(under.port, GET_LIVEZ), "");
  under.engine.release();
  for (const client of busy) {
    await client.closed;
    assertEquals(client.statuses, [404]);
  }
  assertEquals((await exchange(under.port, GET_LIVEZ)).slice(9, 12), "200");
});

Deno.test("The HTTP server answers newcomers while a thousand connections are held against it", async () => {
  await using under = serverUnderTest({ limits: { connectionsMax: 32 } });
  const held: RawClient[] = [];
  for (let i = 0; i < 1_000; i++) {
    const client = await RawClient.connect(under.port);
    await client.send(PARTIAL);
    held.push(client);
    if (i % 100 === 99) {
      assertEquals((await exchange(under.port, GET_LIVEZ)).slice(9, 12), "200");
    }
  }
  assertGreater(held.filter((client) => client.isClosed).length, 900);
  for (const client of held) client.close();
  assertEquals((await exchange(under.port, GET_LIVEZ)).slice(9, 12), "200");
  assert(under.logLines.every((line) => line.includes("HTTP connections are at their limit")));
});

Deno.test("The HTTP server holds only so many connections that do not end when they are closed", async () => {
  const arrivals = Array.from({ length: 20 }, () => new StuckConnection());
  const waiting = [...arrivals];
  const drained = Promise.withResolvers<void>();
  await using under = serverUnderTest({
    limits: { connectionsMax: 3 },
    listen: () => ({
      addr: { port: 1 },
      close() {},
      accept() {
        const next = waiting.shift();
        if (next !== undefined) return Promise.resolve(next);
        drained.resolve();
        return new Promise(() => {});
      },
    }),
  });
  await drained.promise;
  // Three are open, three were closed to make room for them, and the rest was not taken.
  assertEquals(arrivals.filter((arrival) => !arrival.isClosed).length, 3);
  assertEquals(arrivals.filter((arrival) => arrival.reads > 0).length, 6);
  // Their clients go.
  for (const arrival of arrivals) arrival.end();
  assertEquals(under.logLines.length, 1);
});

/** Gives and takes nothing until its client goes, whether it was closed or not. */
class StuckConnection implements ByteConnection {
  isClosed = false;
  reads = 0;
  readonly #gone = Promise.withResolvers<null>();

  read(): Promise<null> {
    this.reads++;
    return this.#gone.promise;
  }

  write(): Promise<number> {
    return new Promise(() => {});
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
  }

  end(): void {
    this.#gone.resolve(null);
  }
}
