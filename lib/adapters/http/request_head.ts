import { Buffer } from "node:buffer";

/**
 * The first line and the headers of a request, taken apart as in RFC 9112, strictly: whatever two
 * readers could read differently (two lengths, a folded line, a bare LF) is refused.
 */
export interface RequestHead {
  readonly method: string;
  /** Path and query as they were sent; begins with a slash. */
  readonly target: string;
  /** With its port, as it was sent; `localhost` where HTTP/1.0 sends none. */
  readonly host: string;
  /** In their order, names as they were sent. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: BodyFraming;
  /** Whether the client wants to go on with this connection. */
  readonly keepsAlive: boolean;
  /** It waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

/** A request that gets no further; nothing after it on its connection can be understood. */
export class BadRequestError extends Error {
  override readonly name = "BadRequestError";
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/**
 * Where the head that begins at `from` ends, after its empty line; -1: not yet.
 *
 * @param scannedTo Bytes before this one were looked at by an earlier call; at least `from`.
 * @throws BadRequestError at the first byte that no head holds.
 */
export function findHeadEnd(
  bytes: Uint8Array,
  { from, scannedTo, to }: { from: number; scannedTo: number; to: number },
): number {
  for (let i = scannedTo; i < to; i++) {
    const byte = bytes[i]!;
    if (i > from && bytes[i - 1] === CR && byte !== LF) {
      throw new BadRequestError(400, "A line ends with CR alone");
    }
    if (byte === LF) {
      if (i === from || bytes[i - 1] !== CR) {
        throw new BadRequestError(400, "A line ends with LF alone");
      }
      if (i >= from + 3 && bytes[i - 2] === LF) return i + 1;
    } else if ((byte < 0x20 && byte !== TAB && byte !== CR) || byte === 0x7f) {
      throw new BadRequestError(400, "The head holds a control character");
    } else if (i === from && !isUpperCase(byte)) {
      // TLS, among others; it would wait for an answer that HTTP does not give.
      throw new BadRequestError(400, "This is not the beginning of an HTTP request");
    }
  }
  return -1;
}

/**
 * @param bytes A whole head, with its empty line, that `findHeadEnd` has let pass.
 * @throws BadRequestError
 */
export function parseRequestHead(bytes: Uint8Array): RequestHead {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const [requestLine = "", ...lines] = text.slice(0, -4).split("\r\n");
  const [method = "", target = "", version = "", ...more] = requestLine.split(" ");
  if (!isToken(method) || more.length > 0 || !/^HTTP\/\d\.\d$/.test(version)) {
    throw new BadRequestError(400, "The request line is not: method, target, HTTP version");
  }
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    throw new BadRequestError(400, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  // CONNECT and TRACE are for proxies, and a `Request` cannot be made of them.
  if (/^(CONNECT|TRACE|TRACK)$/i.test(method)) {
    throw new BadRequestError(400, "This method is not answered here");
  }
  if (!/^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/.test(target)) {
    throw new BadRequestError(400, "The target is not a path in ASCII");
  }
  if (lines.length > HEADERS_MAX) throw new BadRequestError(431, "There are too many headers");
  const headers = lines.map(parseHeader);
  const only = (name: string) => onlyValue(headers, name);
  const isOld = version === "HTTP/1.0";
  // Probes of load balancers often speak HTTP/1.0 and name none.
  const host = only("host") ?? (isOld ? "localhost" : null);
  if (host === null || !/^(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?$/.test(host)) {
    throw new BadRequestError(400, "The request names no host");
  }
  const expect = only("expect")?.toLowerCase() ?? null;
  if (expect !== null && expect !== "100-continue") {
    throw new BadRequestError(417, "Only 100-continue may be expected");
  }
  return {
    method,
    target,
    host,
    headers,
    body: framingOf(only("content-length"), only("transfer-encoding"), isOld),
    keepsAlive: !isOld && !connectionOptions(headers).includes("close"),
    expectsContinue: !isOld && expect !== null,
  };
}

function parseHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon));
  // Folded lines begin with a space, which no name holds.
  if (!isToken(name)) throw new BadRequestError(400, "A header has no name");
  let from = colon + 1;
  let to = line.length;
  while (from < to && isBlank(line.charCodeAt(from))) from++;
  while (to > from && isBlank(line.charCodeAt(to - 1))) to--;
  return [name, line.slice(from, to)];
}

function onlyValue(headers: RequestHead["headers"], name: string): string | null {
  const values = headers.filter((header) => header[0].toLowerCase() === name);
  if (values.length > 1) throw new BadRequestError(400, `There are several ${name} headers`);
  return values[0]?.[1] ?? null;
}

function framingOf(length: string | null, encoding: string | null, isOld: boolean): BodyFraming {
  if (encoding !== null) {
    if (length !== null || isOld || encoding.toLowerCase() !== "chunked") {
      throw new BadRequestError(400, "The body's length is given in no way known here");
    }
    return { kind: "chunked" };
  }
  if (length === null) return { kind: "none" };
  if (!/^\d+$/.test(length)) throw new BadRequestError(400, "content-length is not a number");
  const bytes = Number(length);
  if (!Number.isSafeInteger(bytes)) throw new BadRequestError(413, "The body is too large");
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}

function connectionOptions(headers: RequestHead["headers"]): string[] {
  return headers.filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.toLowerCase().split(",").map((option) => option.trim()));
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^`|~\w]+$/.test(text);
}

function isUpperCase(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === TAB;
}

/** A browser sends some twenty. */
const HEADERS_MAX = 100;
const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
