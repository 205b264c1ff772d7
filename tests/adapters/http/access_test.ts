import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { accessPolicy } from "../../../lib/adapters/http/access.ts";
import {
  HttpServerError,
  type ListenAddress,
  parseListenAddress,
} from "../../../lib/adapters/http/listen_address.ts";
import { appUnderTest } from "./app_under_test.ts";

const TOKEN = "correct-horse-battery";
const OPEN_PATHS = ["/livez", "/readyz", "/startupz", "/healthz", "/metrics"];
const OTHER_PATHS = ["/", "/version", "/v1/stats", "/v1/devices/d", "/nothing"];

function basic(credentials: string): string {
  return `Basic ${btoa(credentials)}`;
}

Deno.test("With a token the probes and /metrics stay open and all else needs it", async () => {
  const { app } = appUnderTest({ address: "0.0.0.0:8484", token: TOKEN });
  for (const path of OPEN_PATHS) assertEquals((await app.request(path)).status, 200);
  for (const path of OTHER_PATHS) {
    const answer = await app.request(path);
    assertEquals([path, answer.status], [path, 401]);
    assertEquals(answer.headers.get("www-authenticate"), 'Bearer realm="sessionwheel"');
    assertEquals(answer.headers.get("content-type"), "application/problem+json");
  }
});

Deno.test("The token opens everything, as Bearer or as the password of Basic", async () => {
  const { app } = appUnderTest({ address: "0.0.0.0:8484", token: TOKEN });
  for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN}`, basic(`x:${TOKEN}`)]) {
    const answer = await app.request("/v1/stats", { headers: { authorization } });
    assertEquals([authorization, answer.status], [authorization, 200]);
  }
});

Deno.test("What is not quite the token opens nothing", async () => {
  const { app } = appUnderTest({ address: "0.0.0.0:8484", token: TOKEN });
  const wrong = [
    "",
    "Bearer",
    "Bearer ",
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN.toUpperCase()}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    TOKEN,
    `Digest ${TOKEN}`,
    basic(`${TOKEN}:`),
    basic(`x:${TOKEN}y`),
    "Basic %%%",
  ];
  for (const authorization of wrong) {
    const answer = await app.request("/v1/stats", { headers: { authorization } });
    assertEquals([authorization, answer.status], [authorization, 401]);
  }
});

Deno.test("A browser that opens the page is asked for the token, a script is not", async () => {
  const { app } = appUnderTest({ address: "0.0.0.0:8484", token: TOKEN });
  const page = await app.request("/", { headers: { accept: "text/html,*/*" } });
  assertStringIncludes(page.headers.get("www-authenticate")!, "Basic ");
  const script = await app.request("/v1/stats", { headers: { accept: "*/*" } });
  assertStringIncludes(script.headers.get("www-authenticate")!, "Bearer ");
});

Deno.test("An encoded path is not taken for an open one", async () => {
  const { app } = appUnderTest({ address: "0.0.0.0:8484", token: TOKEN });
  for (const path of ["/%6Civez", "/livez/../v1/stats", "/livez%2f..%2fv1%2fstats"]) {
    assertEquals((await app.request(path)).status, 401);
  }
});

Deno.test("On loopback without a token only local host names are served", async () => {
  const { app } = appUnderTest({ address: "127.0.0.5:8484" });
  const served = ["localhost", "localhost:8484", "LOCALHOST:1", "127.0.0.1:8484", "[::1]:8484"];
  for (const host of [...served, "127.0.0.5:8484"]) {
    const answer = await app.request("/v1/stats", { headers: { host } });
    assertEquals([host, answer.status], [host, 200]);
  }
  const refused = ["evil.example", "evil.example:8484", "localhost.evil.example", "127.0.0.1.x"];
  for (const host of [...refused, "localhost.", "10.0.0.1", "[::2]", "::1", "a:b:c", ":80"]) {
    for (const path of ["/v1/stats", "/", "/metrics", "/livez"]) {
      const answer = await app.request(path, { headers: { host } });
      assertEquals([host, answer.status], [host, 421]);
    }
  }
});

Deno.test("accessPolicy() refuses to serve other machines without a token unless told to", () => {
  for (const address of ["0.0.0.0:80", "[::]:80", "10.1.2.3:80", "edge-7:80", "[::2]:80"]) {
    const parsed = parseListenAddress(address);
    const error = assertThrows(
      () => accessPolicy(parsed, { token: null, insecure: false }),
      HttpServerError,
    );
    assertEquals(error.code, "token_missing");
    assertEquals(accessPolicy(parsed, { token: null, insecure: true }).kind, "open");
    assertEquals(accessPolicy(parsed, { token: "t", insecure: true }).kind, "token");
  }
});

Deno.test("accessPolicy() refuses an empty token and trims the newline of its file", async () => {
  const address = parseListenAddress("127.0.0.1:8484");
  for (const token of ["", "\n", "  "]) {
    assertThrows(() => accessPolicy(address, { token, insecure: true }), HttpServerError);
  }
  const { app } = appUnderTest({ token: `${TOKEN}\n` });
  const headers = { authorization: `Bearer ${TOKEN}` };
  assertEquals((await app.request("/v1/stats", { headers })).status, 200);
  assertEquals((await app.request("/v1/stats")).status, 401);
});

Deno.test("accessPolicy() open lets everybody in under any name", async () => {
  const { app } = appUnderTest({ access: { kind: "open" } });
  assertEquals((await app.request("http://edge-7.example/v1/stats")).status, 200);
});

Deno.test("parseListenAddress() takes host:port and knows what is loopback", () => {
  const expected: Record<string, ListenAddress> = {
    "127.0.0.1:8484": { hostname: "127.0.0.1", port: 8484, loopback: true },
    "127.8.0.1:0": { hostname: "127.8.0.1", port: 0, loopback: true },
    "localhost:80": { hostname: "localhost", port: 80, loopback: true },
    "[::1]:80": { hostname: "::1", port: 80, loopback: true },
    "0.0.0.0:65535": { hostname: "0.0.0.0", port: 65535, loopback: false },
    "[::]:80": { hostname: "::", port: 80, loopback: false },
    "Edge-7:80": { hostname: "edge-7", port: 80, loopback: false },
    "127.0.0.1.example:80": { hostname: "127.0.0.1.example", port: 80, loopback: false },
  };
  for (const [address, parsed] of Object.entries(expected)) {
    assertEquals(parseListenAddress(address), parsed);
  }
  for (const address of ["", "8484", ":8484", "::1:80", "a:b", "a:70000", "a b:1", "http://a:1"]) {
    const error = assertThrows(() => parseListenAddress(address), HttpServerError);
    assertEquals(error.code, "bad_address");
  }
});
