/** Bodies that lie, never end or hide another request, over real sockets. */
import { assert, assertEquals, assertGreaterOrEqual, assertStringIncludes } from "@std/assert";
import {
  exchange,
  GET_LIVEZ,
  RawClient,
  secondsUntilClosed,
  serverUnderTest,
} from "./server_under_test.ts";

const POST =
  "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const GIGABYTE = 1024 ** 3;

async function statusesOf(port: number, ...parts: (string | Uint8Array)[]): Promise<number[]> {
  const client = await RawClient.connect(port);
  await client.send(...parts);
  await client.closed;
  return client.statuses;
}

const REFUSED: readonly {
  readonly name: string;
  readonly status: number;
  readonly requests: string[];
}[] = [
  {
    name: "a body of a gigabyte, by its announcement",
    status: 413,
    requests: [`${POST}Content-Length: ${GIGABYTE}\r\n\r\n`],
  },
  {
    name: "a length past any number",
    status: 413,
    requests: [`${POST}Content-Length: 99999999999999999999\r\n\r\n`],
  },
  {
    name: "a length that is no number",
    status: 400,
    requests: ["-1", "+5", "0x10", "5, 5", "1e3", "5 5", ""].map((length) =>
      `${POST}Content-Length: ${length}\r\n\r\nhello`
    ),
  },
  {
    name: "two lengths, equal ones too",
    status: 400,
    requests: [
      `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
      `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    ],
  },
  {
    name: "a length and chunks (request smuggling)",
    status: 400,
    requests: [
      `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`,
    ],
  },
  {
    name: "an encoding of transfer that is not just chunked",
    status: 400,
    requests: ["gzip, chunked", "chunked, identity", "xchunked", "chunked;a", "\vchunked", ""]
      .map((encoding) => `${POST}Transfer-Encoding: ${encoding}\r\n\r\n0\r\n\r\n`)
      .concat(
        `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `${POST.replace("1.1", "1.0")}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ),
  },
  {
    name: "chunks that are not well-formed",
    status: 400,
    requests: [
      `${CHUNKED}zz\r\n`,
      `${CHUNKED}-1\r\n`,
      `${CHUNKED}\r\n`,
      `${CHUNKED}0x1\r\na\r\n0\r\n\r\n`,
      `${CHUNKED}fffffffff\r\n`,
      `${CHUNKED}1\na\r\n0\r\n\r\n`,
      `${CHUNKED}1\r\nab\r\n0\r\n\r\n`,
      `${CHUNKED}1;${"a".repeat(300)}`,
      `${CHUNKED}0\r\n${"X: a\r\n".repeat(100)}`,
    ],
  },
  {
    name: "a compressed body, which could grow a thousandfold",
    status: 415,
    requests: ["gzip", "deflate", "br", "zstd"].map((encoding) =>
      `${POST}Content-Encoding: ${encoding}\r\nContent-Length: 2\r\n\r\n{}`
    ),
  },
  {
    name: "a write that another web page sends",
    status: 403,
    requests: [`${POST}Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n{}`],
  },
];

for (const { name, status, requests } of REFUSED) {
  Deno.test(`The HTTP server answers ${status} to ${name}, and goes on`, async () => {
    await using under = serverUnderTest();
    for (const request of requests) {
      assertEquals([request, await statusesOf(under.port, request)], [request, [status]]);
    }
    assertEquals(under.engine.bodies, []);
    assertEquals(await statusesOf(under.port, GET_LIVEZ), [200]);
    assertEquals(under.logLines, []);
  });
}

Deno.test("The HTTP server stops chunks without an end at its limit", async () => {
  await using under = serverUnderTest({ limits: { ingestBytesMax: 100_000 } });
  const chunk = `3e8\r\n${" ".repeat(999)}\n\r\n`;
  assertEquals(await statusesOf(under.port, CHUNKED, ...Array(200).fill(chunk)), [413]);
  assertEquals(under.engine.bodies, []);
});

Deno.test("The HTTP server resets who goes on sending what was refused", async () => {
  await using under = serverUnderTest();
  const client = await RawClient.connect(under.port);
  await client.send(`${POST}Content-Length: ${GIGABYTE}\r\n\r\n`);
  // A sixteenth of what was announced; the server reads a megabyte at most and waits for no more.
  const megabyte = new Uint8Array(1024 * 1024);
  for (let sent = 0; sent < 64 && !client.isClosed; sent++) await client.send(megabyte);
  await client.closed;
  assertEquals(client.statuses, [413]);
  assertEquals(under.engine.bodies, []);
});

Deno.test("The HTTP server takes a body in chunks of one byte, and its trailers", async () => {
  await using under = serverUnderTest();
  const line = '{"a":1}\n'.repeat(1_000);
  const chunks = Array.from(line, (character) => `1;ext=x\r\n${character}\r\n`).join("");
  const request = CHUNKED.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  assertEquals(await statusesOf(under.port, request, chunks, "0\r\nX: a\r\n\r\n"), [202]);
  assertEquals(under.engine.bodies.map(({ text }) => text), [line]);
});

Deno.test("The HTTP server cuts off a body that comes too slowly, however steadily", async () => {
  await using under = serverUnderTest();
  for (const head of [`${POST}Content-Length: 100\r\n\r\n`, CHUNKED]) {
    const client = await RawClient.connect(under.port);
    await client.send(head);
    const byte = head === CHUNKED ? "1\r\n \r\n" : " ";
    const seconds = await secondsUntilClosed(under.clock, client, () => client.send(byte));
    assertGreaterOrEqual(seconds, 30);
    assertEquals(client.statuses, [408]);
  }
  assertEquals(under.engine.bodies, []);
});

Deno.test("The HTTP server gives nothing of a body to the engine that ends early", async () => {
  await using under = serverUnderTest();
  for (const head of [`${POST}Content-Length: 100\r\n\r\n{}\n`, `${CHUNKED}3\r\n{}\n\r\n`]) {
    const halfOpen = await RawClient.connect(under.port);
    await halfOpen.send(head);
    await halfOpen.finish();
    await halfOpen.closed;
    assertEquals(halfOpen.statuses, [400]);
    const broken = await RawClient.connect(under.port);
    await broken.send(head);
    broken.close();
  }
  // A later request on the same loop is answered after the broken ones were seen.
  assertEquals(await statusesOf(under.port, GET_LIVEZ), [200]);
  assertEquals(under.engine.bodies, []);
});

Deno.test("The HTTP server asks for a body that is waited for only when it wants it", async () => {
  await using under = serverUnderTest();
  const expecting = `${POST}Expect: 100-continue\r\nConnection: close\r\n`;
  const large = await statusesOf(under.port, `${expecting}Content-Length: ${GIGABYTE}\r\n\r\n`);
  assertEquals(large, [413]);
  const client = await RawClient.connect(under.port);
  await client.send(`${expecting}Content-Length: 3\r\n\r\n`);
  await client.until(() => client.received.includes("\r\n\r\n"));
  assertEquals(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
  await client.send("{}\n");
  await client.closed;
  assertEquals(client.statuses, [100, 202]);
  assertEquals(under.engine.bodies.length, 1);
});

Deno.test("The HTTP server never takes a body for the next request", async () => {
  await using under = serverUnderTest();
  const hidden = "GET /v1/devices/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const length = `Content-Length: ${hidden.length}\r\n\r\n${hidden}`;
  const requests = [
    `GET /livez HTTP/1.1\r\nHost: localhost\r\n${length}`,
    `DELETE /livez HTTP/1.1\r\nHost: localhost\r\n${length}`,
    `POST /nothing HTTP/1.1\r\nHost: localhost\r\n${length}`,
    `POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n${length}`,
    `GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  ];
  for (const request of requests) {
    assertEquals((await statusesOf(under.port, request)).length, 1, request);
  }
  assertEquals(under.engine.asked.devices, []);
});

Deno.test("The HTTP server takes what follows a body for a request, and refuses it if it is none", async () => {
  await using under = serverUnderTest();
  const answer = await exchange(
    under.port,
    `${POST}Content-Length: 3\r\n\r\n{}\n`,
    `${POST}Content-Length: 2\r\n\r\n{}surplus`,
  );
  const statuses = Array.from(answer.matchAll(/^HTTP\/1\.1 (\d+)/gm), (match) => match[1]);
  assertEquals(statuses, ["202", "202", "400"]);
  assertEquals(under.engine.bodies.length, 2);
});

Deno.test("The HTTP server holds only a few bodies at a time", async () => {
  await using under = serverUnderTest({ limits: { ingestsMax: 2 } });
  const open = await Promise.all([1, 2].map(() => RawClient.connect(under.port)));
  for (const client of open) {
    await client.send(`${POST}Expect: 100-continue\r\nContent-Length: 8000000\r\n\r\n`);
    await client.until(() => client.statuses.length === 1);
  }
  const refused = await exchange(under.port, `${POST}Content-Length: 3\r\n\r\n{}\n`);
  assert(refused.startsWith("HTTP/1.1 503 "));
  assertStringIncludes(refused, "retry-after: 1");
  for (const client of open) client.close();
});
