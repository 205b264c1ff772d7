/** `http.address`, taken apart. */
export interface ListenAddress {
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Reachable from this machine only. */
  readonly loopback: boolean;
}

/** @throws HttpServerError `bad_address` */
export function parseListenAddress(address: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    const message = `Cannot listen on "${address}": expected host:port, like 127.0.0.1:8484`;
    throw new HttpServerError(message, { code: "bad_address" });
  }
  const hostname = (match[1] ?? match[2]!).toLowerCase();
  return { hostname, port, loopback: isLoopback(hostname) };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** What keeps the server from being started; nothing listens then. */
export class HttpServerError extends Error {
  override readonly name = "HttpServerError";
  readonly code: "bad_address" | "address_in_use" | "token_missing" | "other";

  constructor(message: string, options: { code: HttpServerError["code"]; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}
