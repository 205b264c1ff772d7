import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  BadRequestError,
  findHeadEnd,
  parseRequestHead,
} from "../../../lib/adapters/http/request_head.ts";
import { Random } from "../../support/random.ts";

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function endOf(bytes: Uint8Array): number {
  return findHeadEnd(bytes, { from: 0, scannedTo: 0, to: bytes.length });
}

const FULL = 'POST /v1/events?a=%20b HTTP/1.1\r\nHost: [::1]:8484\r\nX-Odd:\t \xe9="a" \t\r\n' +
  "Empty:\r\nContent-Length: 012\r\nConnection: x, Close\r\nExpect: 100-Continue\r\n\r\n";

Deno.test("parseRequestHead() takes a head apart", () => {
  assertEquals(parseRequestHead(bytesOf(FULL)), {
    method: "POST",
    target: "/v1/events?a=%20b",
    host: "[::1]:8484",
    headers: [
      ["Host", "[::1]:8484"],
      ["X-Odd", '\xe9="a"'],
      ["Empty", ""],
      ["Content-Length", "012"],
      ["Connection", "x, Close"],
      ["Expect", "100-Continue"],
    ],
    body: { kind: "length", bytes: 12 },
    keepsAlive: false,
    expectsContinue: true,
  });
  const least = parseRequestHead(bytesOf("GET / HTTP/1.1\r\nhost:a\r\n\r\n"));
  assertEquals(least.body, { kind: "none" });
  assertEquals([least.keepsAlive, least.expectsContinue], [true, false]);
  const old = parseRequestHead(bytesOf("GET / HTTP/1.0\r\nhost:a\r\nexpect:100-continue\r\n\r\n"));
  assertEquals([old.keepsAlive, old.expectsContinue], [false, false]);
  // As some load balancers probe.
  assertEquals(parseRequestHead(bytesOf("GET /livez HTTP/1.0\r\n\r\n")).host, "localhost");
});

Deno.test("findHeadEnd() finds the same end however the bytes come", () => {
  const bytes = bytesOf(`${FULL}${FULL}`);
  assertEquals(endOf(bytes), FULL.length);
  for (let from = 0; from < 3; from++) {
    const shifted = bytesOf("\0".repeat(from) + FULL);
    let end = -1;
    for (let to = from; to < shifted.length && end < 0; to++) {
      end = findHeadEnd(shifted, { from, scannedTo: Math.max(from, to - 1), to });
      assertEquals(end, -1);
    }
    const to = shifted.length;
    assertEquals(findHeadEnd(shifted, { from, scannedTo: to - 1, to }), to);
  }
});

Deno.test("Whatever bytes come, a head or a BadRequestError comes of them, and the same each way", () => {
  const random = new Random(1);
  let heads = 0;
  for (let run = 0; run < 20_000; run++) {
    const bytes = bytesOf(FULL);
    for (let changes = random.int(0, 3); changes > 0; changes--) {
      const at = random.int(0, bytes.length - 1);
      bytes[at] = random.chance(0.5) ? random.int(0, 255) : bytes[random.int(0, bytes.length - 1)]!;
    }
    try {
      const end = endOf(bytes);
      if (end < 0) continue;
      const head = parseRequestHead(bytes.subarray(0, end));
      heads++;
      assert(/^[!-~]+$/.test(head.target) && head.target.startsWith("/"));
      for (const [name, value] of head.headers) {
        assert(/^[!-~]+$/.test(name), name);
        assert(!/[\r\n\0]/.test(value), value);
      }
      // What the platform makes of them must not fail where ours passed.
      new Headers(head.headers as [string, string][]);
    } catch (error) {
      assertInstanceOf(error, BadRequestError, `run ${run}`);
      assert(error.status >= 400 && error.status < 500);
    }
  }
  assert(heads > 5_000, `${heads} heads`);
});

Deno.test("A header of blanks only costs no more than its length", () => {
  const blanks = " \t".repeat(8_000);
  const bytes = bytesOf(`GET / HTTP/1.1\r\nHost: a\r\nX:${blanks}a${blanks}\r\n\r\n`);
  assertEquals(parseRequestHead(bytes).headers[1], ["X", "a"]);
  const names = bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${"x".repeat(16_000)}\r\n\r\n`);
  assertThrows(() => parseRequestHead(names), BadRequestError);
});
