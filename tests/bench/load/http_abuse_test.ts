import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { serverUnderTest } from "../../adapters/http/server_under_test.ts";
import { abuseParts, abuseSegments } from "./http_abuse.ts";
import { abuseMix } from "./http_abuse_mix.ts";
import { UsageError } from "../../support/command_line.ts";
import { parseLoadOptions } from "./load_options.ts";
import { exchange } from "./raw_http.ts";

const TOKEN = "6f1c9ce4-9a06-4a5c-a5b5-f9f1c0a2d7f3";

Deno.test("Every request of the abuse is refused with a 4xx, or held until it is cut off", async () => {
  await using under = serverUnderTest({ token: TOKEN });
  const address = { hostname: "127.0.0.1", port: under.port };
  const mix = abuseMix(TOKEN);
  assertGreater(mix.length, 20);
  assertEquals(new Set(mix.map(({ name }) => name)).size, mix.length);
  for (const { name, bytes, holds } of mix) {
    // The server's clock stands still, so nothing is cut off.
    const { status, end } = await exchange(address, bytes, holds ? 20 : 10_000);
    if (holds) assertEquals([name, status, end], [name, null, "held"]);
    else assert(end === "closed" && status !== null && status >= 400 && status < 500, name);
  }
  assertEquals(under.engine.asked, { status: 0, devices: [] });
  assertEquals(under.engine.bodies, []);
});

Deno.test("abuseSegments() parts the measured time into pairs without a gap", () => {
  for (const [minutes, count] of [[0.05, 2], [0.5, 2], [1, 4], [2, 8], [2.3, 8]] as const) {
    const segments = abuseSegments(70_000, 70_000 + minutes * 60_000);
    assertEquals(segments.length, count);
    let atMs = 70_000;
    segments.forEach(({ isAbused, fromMs, toMs }, i) => {
      assertEquals([isAbused, fromMs], [i % 2 === 1, atMs]);
      atMs = toMs;
    });
    assertEquals(atMs, 70_000 + minutes * 60_000);
  }
});

Deno.test("abuseParts() leaves out the beginning of each half, and counts what comes after for itself", () => {
  const window = { windowFromMs: 10_000, windowToMs: 40_000 };
  const options = parseLoadOptions(["--http-abuse", "1000", "--http-connections", "10_000"]);
  assertEquals([options.httpAbuse, options.httpConnections], [1_000, 10_000]);
  assertEquals(abuseParts(options, window), [
    { name: "quiet", fromMs: 12_500, toMs: 25_000 },
    { name: "abused", fromMs: 27_500, toMs: 40_000 },
    { name: "held", fromMs: 40_000, toMs: 60_000 },
  ]);
  assertEquals(abuseParts(parseLoadOptions([]), window), []);
  assertThrows(
    () => parseLoadOptions(["--http-abuse", "1", "--restart-kill"]),
    UsageError,
  );
});
