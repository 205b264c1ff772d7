import { STATUS_CODES } from "node:http";
import { PROBLEM_TYPE, problemJson } from "./problem.ts";

/**
 * An answer as it goes over the wire (RFC 9112). Answers here are small and made at once, so each
 * is read whole and has a `content-length`.
 */
export async function responseBytes(
  response: Response,
  options: {
    readonly keepsAlive: boolean;
    /** False for the answer to a HEAD. */
    readonly hasBody: boolean;
    readonly wallMs: number;
  },
): Promise<Uint8Array> {
  const body = new Uint8Array(await response.arrayBuffer());
  const { status } = response;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    `date: ${new Date(options.wallMs).toUTCString()}`,
    `connection: ${options.keepsAlive ? "keep-alive" : "close"}`,
  ];
  for (const [name, value] of response.headers) {
    if (!OURS.has(name)) lines.push(`${name}: ${value}`);
  }
  if (options.hasBody) lines.push(`content-length: ${body.length}`);
  const head = new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n");
  if (!options.hasBody) return head;
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/**
 * A problem (RFC 9457) as the last answer on a connection, without the making of a `Response`: that
 * costs as much as all the rest of refusing a request.
 */
export function refusalBytes(status: number, detail: string, wallMs: number): Uint8Array {
  const body = problemJson(status, detail);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    `date: ${new Date(wallMs).toUTCString()}`,
    "connection: close",
    "cache-control: no-store",
    `content-type: ${PROBLEM_TYPE}`,
    // ASCII: the details of refusals are ours.
    `content-length: ${body.length}`,
  ];
  return new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n" + body);
}

/** Headers that say how the answer is sent, which is not the app's to say. */
const OURS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "transfer-encoding",
]);
