/** Requests that are wrong before their body, sent over real sockets: what comes back, exactly. */
import { assertEquals } from "@std/assert";
import { exchange, GET_LIVEZ, RawClient, serverUnderTest } from "./server_under_test.ts";

interface AbuseCase {
  readonly name: string;
  /** Each on a connection of its own. */
  readonly requests: readonly (string | Uint8Array)[];
  readonly status: number;
}

const CLOSE = "Connection: close\r\n";
const HOST = "Host: localhost\r\n";

function get(target: string, headers = HOST): string {
  return `GET ${target} HTTP/1.1\r\n${headers}${CLOSE}\r\n`;
}

const CLIENT_HELLO = Uint8Array.from(
  [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, ...Array(190)],
  Number,
);

const CASES: readonly AbuseCase[] = [
  {
    name: "a request line that is none",
    requests: [
      "GET /livez\r\n\r\n",
      `GET  /livez HTTP/1.1\r\n${HOST}\r\n`,
      `GET /livez HTTP/1.1 \r\n${HOST}\r\n`,
      `GET /livez http/1.1\r\n${HOST}\r\n`,
      `GET\t/livez\tHTTP/1.1\r\n${HOST}\r\n`,
      `/livez HTTP/1.1\r\n${HOST}\r\n`,
      "\r\n\r\n\r\n",
    ],
    status: 400,
  },
  {
    name: "another version of HTTP, HTTP/2's preface among them",
    requests: [
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      `GET /livez HTTP/0.9\r\n${HOST}\r\n`,
      `GET /livez HTTP/1.2\r\n${HOST}\r\n`,
      `GET /livez HTTP/11.1\r\n${HOST}\r\n`,
    ],
    status: 400,
  },
  { name: "TLS on the plain port", requests: [CLIENT_HELLO], status: 400 },
  {
    name: "bytes that are no HTTP at all",
    requests: [
      "\0\0\0\0",
      "\xff\xfe",
      "{}",
      "*1\r\n$4\r\nPING\r\n",
      "SSH-2.0-x\n",
      " GET / HTTP/1.1",
    ],
    status: 400,
  },
  {
    name: "a method in lower case, or with odd characters",
    requests: [`get /livez HTTP/1.1\r\n${HOST}\r\n`, `G(T /livez HTTP/1.1\r\n${HOST}\r\n`],
    status: 400,
  },
  {
    name: "the methods of proxies",
    requests: ["CONNECT a:1", "TRACE /livez", "TRACK /livez"].map((line) =>
      `${line} HTTP/1.1\r\n${HOST}\r\n`
    ),
    status: 400,
  },
  {
    name: "a method that a path does not answer",
    requests: ["OPTIONS", "DELETE", "PUT", "PATCH", "PROPFIND", "M-SEARCH"].map((method) =>
      `${method} /v1/stats HTTP/1.1\r\n${HOST}${CLOSE}\r\n`
    ),
    status: 405,
  },
  {
    name: "a target that is no path",
    requests: ["livez", "*", "http://localhost/livez", "/a\\b", "/a#b", "/\xc3\xbc", "?"].map((
      target,
    ) => get(target)),
    status: 400,
  },
  {
    name: "a target that climbs out of its folder",
    requests: [
      "/../../etc/passwd",
      "/v1/devices/../../../etc/passwd",
      "/%2e%2e/%2e%2e/etc/passwd",
      "/v1/devices/%2e%2e/%2e%2e/etc/passwd",
      "/..%2f..%2fetc%2fpasswd",
      "//etc/passwd",
      "/v1//stats",
    ].map((target) => get(target)),
    status: 404,
  },
  {
    name: "a device id that is not percent-encoded UTF-8 of 256 bytes at most",
    requests: ["%", "%4", "%zz", "%ff", "%c0%af", "%ed%a0%80", "%f4%90%80%80", "a".repeat(257)].map(
      (
        id,
      ) => get(`/v1/devices/${id}`),
    ),
    status: 400,
  },
  {
    name: "a line that ends with LF or CR alone",
    requests: [
      "GET /livez HTTP/1.1\nHost: localhost\n\n",
      `GET /livez HTTP/1.1\r\n${HOST}\n`,
      "GET /livez HTTP/1.1\rHost: localhost\r\r",
      `GET /livez HTTP/1.1\r\n${HOST}X: a\rY: b\r\n\r\n`,
    ],
    status: 400,
  },
  {
    name: "a control character in a header",
    requests: ["\0", "\x01", "\x0b", "\x7f"].map((byte) =>
      get("/livez", `${HOST}X: a${byte}b\r\n`)
    ),
    status: 400,
  },
  {
    name: "a header that is folded, or has no proper name",
    requests: [" folded", "\tfolded", "X : a", ": a", "no colon", "X(: a", "\xe9: a"].map((line) =>
      get("/livez", `${HOST}${line}\r\n`)
    ),
    status: 400,
  },
  {
    name: "no host, two of them, or none that could be one",
    requests: [
      "",
      `${HOST}${HOST}`,
      "Host: \r\n",
      "Host: a b\r\n",
      "Host: user@localhost\r\n",
      "Host: localhost/x\r\n",
      "Host: localhost:99999\r\n",
      "Host: localhost, localhost\r\n",
    ].map((host) => get("/livez", host)),
    status: 400,
  },
  {
    name: "the host name of somebody else",
    requests: ["evil.example", "localhost.evil.example", "169.254.169.254", "[::2]", "localhost."]
      .map((host) => get("/v1/stats", `Host: ${host}\r\n`)),
    status: 421,
  },
  {
    name: "headers that are too large",
    requests: [
      get("/livez", `${HOST}X: ${"a".repeat(17_000)}\r\n`),
      get("/livez", `${HOST}${"X: aaaaaaaaaaaaaaaa\r\n".repeat(1_000)}`),
      `GET /livez HTTP/1.1\r\nCookie: ${"a".repeat(200_000)}`,
      get(`/livez?${"a".repeat(17_000)}`),
    ],
    status: 431,
  },
  {
    name: "too many headers",
    requests: [get("/livez", `${HOST}${"X:\r\n".repeat(100)}`)],
    status: 431,
  },
  {
    name: "an expectation that nobody can meet",
    requests: [get("/livez", `${HOST}Expect: 200-ok\r\n`)],
    status: 417,
  },
];

for (const { name, requests, status } of CASES) {
  Deno.test(`The HTTP server answers ${status} to ${name}, and goes on`, async () => {
    await using under = serverUnderTest();
    for (const request of requests) {
      const client = await RawClient.connect(under.port);
      await client.send(request);
      // Some are refused with all that the client wanted to send still to come.
      await client.closed;
      assertEquals([request, client.statuses], [request, [status]]);
    }
    assertEquals(under.engine.asked, { status: 0, devices: [] });
    assertEquals((await exchange(under.port, GET_LIVEZ)).slice(0, 13), "HTTP/1.1 200 ");
    assertEquals(under.logLines, []);
  });
}

const TOKEN = "6f1c9ce4-9a06-4a5c-a5b5-f9f1c0a2d7f3";

Deno.test("The HTTP server answers 401 to every token but the one, over real sockets", async () => {
  await using under = serverUnderTest({ token: TOKEN });
  const wrong = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer ${TOKEN.slice(0, -1)}4`,
    `Bearer 7${TOKEN.slice(1)}`,
    `Bearer ${TOKEN}0`,
    `Bearer ${TOKEN}${TOKEN}`,
    `Bearer ${TOKEN.toUpperCase()}`,
    `Bearer "${TOKEN}"`,
    `Bearer ${TOKEN},`,
    `Bearer ${"a".repeat(8_000)}`,
    `Bearer${TOKEN}`,
    `Token ${TOKEN}`,
    TOKEN,
    `Basic ${TOKEN}`,
    `Basic ${btoa(TOKEN.slice(1))}`,
    `Basic ${btoa(`user:${TOKEN} `)}`,
    `Basic ${"!".repeat(1_000)}`,
    // Two headers become one of two values.
    `Bearer ${TOKEN}\r\nAuthorization: Bearer ${TOKEN}`,
    `Bearer wrong\r\nAuthorization: Bearer ${TOKEN}`,
  ];
  for (const authorization of wrong) {
    const headers = `${HOST}Authorization: ${authorization}\r\n`;
    for (const target of ["/v1/stats", "/v1/devices/d", "/", "/version", "/nothing"]) {
      const answer = await exchange(under.port, get(target, headers));
      assertEquals([authorization, answer.slice(9, 12)], [authorization, "401"]);
    }
  }
  const elsewhere = await exchange(
    under.port,
    get(`/v1/stats?token=${TOKEN}&access_token=${TOKEN}`),
  );
  assertEquals(elsewhere.slice(9, 12), "401");
  assertEquals(under.engine.asked, { status: 0, devices: [] });
  const right = `${HOST}Authorization: Bearer ${TOKEN}\r\n`;
  assertEquals((await exchange(under.port, get("/v1/stats", right))).slice(9, 12), "200");
});

Deno.test("The HTTP server takes no other protocol up, and answers as if none had been offered", async () => {
  await using under = serverUnderTest();
  const offers = [
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Upgrade: TLS/1.0\r\n",
  ];
  for (const offer of offers) {
    const request = `GET /version HTTP/1.1\r\n${HOST}${offer}Connection: upgrade, close\r\n\r\n`;
    const client = await RawClient.connect(under.port);
    await client.send(request);
    await client.closed;
    assertEquals(client.statuses, [200]);
  }
});

Deno.test("The HTTP server answers a request for ranges whole", async () => {
  await using under = serverUnderTest();
  const ranges = `bytes=${Array.from({ length: 500 }, (_, i) => `${i}-`).join(",")}`;
  const answer = await exchange(under.port, get("/version", `${HOST}Range: ${ranges}\r\n`));
  assertEquals(answer.slice(9, 12), "200");
  assertEquals(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))).name, "sessionwheel");
});

Deno.test("The HTTP server lets a flood of query parameters cost nothing", async () => {
  await using under = serverUnderTest();
  const query = Array.from({ length: 2_000 }, (_, i) => `a${i}=1`).join("&");
  assertEquals((await exchange(under.port, get(`/v1/devices/d?${query}`))).slice(9, 12), "404");
  assertEquals(under.engine.asked.devices, ["d"]);
});

Deno.test("The HTTP server hands a NUL, a quote and a line break in a device id on as they are", async () => {
  await using under = serverUnderTest();
  const ids = ["\0", '"', "\r\n", "a\0b", "'; drop table", "<script>"];
  for (const id of ids) {
    const answer = await exchange(under.port, get(`/v1/devices/${encodeURIComponent(id)}`));
    assertEquals(answer.slice(9, 12), "404");
  }
  assertEquals(under.engine.asked.devices, ids);
});

Deno.test("The HTTP server answers HTTP/1.0 and closes the connection", async () => {
  await using under = serverUnderTest();
  // Load balancers probe so, without a host.
  const bare = await exchange(under.port, "GET /livez HTTP/1.0\r\n\r\n");
  assertEquals(bare.slice(0, 13), "HTTP/1.1 200 ");
  const answer = await exchange(under.port, `GET /livez HTTP/1.0\r\n${HOST}\r\n`);
  assertEquals(answer.slice(0, 13), "HTTP/1.1 200 ");
});
