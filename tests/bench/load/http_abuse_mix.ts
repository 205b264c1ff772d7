/**
 * Requests as somebody sends them who means no good, one kind after the other. Each is refused with
 * a 4xx or by closing; a kind that `holds` says nothing more, and waits to be cut off.
 */
export interface AbuseRequest {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly holds: boolean;
}

/** @param token The right one, whose neighbours are tried. */
export function abuseMix(token: string): readonly AbuseRequest[] {
  const near = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
  const post = `POST /v1/events HTTP/1.1\r\n${HOST}Content-Type: application/x-ndjson\r\n`;
  return [
    refused("no token", get("/v1/stats")),
    refused("wrong token", get("/v1/stats", "Authorization: Bearer wrong\r\n")),
    refused("near-miss token", get("/v1/devices/d", `Authorization: Bearer ${near}\r\n`)),
    refused("long token", get("/v1/stats", `Authorization: Bearer ${"a".repeat(8_000)}\r\n`)),
    refused("Basic near miss", get("/", `Authorization: Basic ${btoa(`user:${near}`)}\r\n`)),
    held("slow headers", `GET /livez HTTP/1.1\r\n${HOST}X: `),
    refused("headers too large", get("/livez", `X: ${"a".repeat(20_000)}\r\n`)),
    refused("too many headers", get("/livez", "X: a\r\n".repeat(200))),
    refused("folded header", get("/livez", "X: a\r\n b\r\n")),
    refused("half-open body", `${post}Content-Length: 1000\r\n\r\n{`),
    refused("1 GB body", `${post}Content-Length: ${2 ** 30}\r\n\r\n${" ".repeat(60_000)}`),
    refused("two lengths", `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`),
    refused(
      "length and chunks",
      `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ),
    refused("chunks without end", `${post}Transfer-Encoding: chunked\r\n\r\n${CHUNK.repeat(60)}`),
    held("silence", ""),
    held("half a request line", "GET /v1/st"),
    refused("not HTTP", "\x16\x03\x01\x00\xc8\x01\x00"),
    refused("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("bad request line", `GET  /livez HTTP/1.1\r\n${HOST}\r\n`),
    refused("path traversal", get("/%2e%2e/../../etc/passwd")),
    refused("overlong UTF-8", get("/v1/devices/%c0%af", `Authorization: Bearer ${token}\r\n`)),
    refused("wrong method", `DELETE /livez HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
    refused("query flood", get(`/v1/stats?${"a=1&".repeat(2_000)}`)),
  ];
}

const HOST = "Host: 127.0.0.1\r\n";
const CHUNK = `3e8\r\n${" ".repeat(1_000)}\r\n`;

function get(target: string, headers = ""): string {
  return `GET ${target} HTTP/1.1\r\n${HOST}${headers}Connection: close\r\n\r\n`;
}

function refused(name: string, text: string): AbuseRequest {
  return { name, bytes: bytesOf(text), holds: false };
}

function held(name: string, text: string): AbuseRequest {
  return { name, bytes: bytesOf(text), holds: true };
}

/** One byte a character. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
