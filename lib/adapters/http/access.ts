import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { HttpServerError, type ListenAddress } from "./listen_address.ts";
import { problem } from "./problem.ts";

/**
 * Who may ask what.
 *
 * | address      | token | probes, metrics     | all else                |
 * |--------------|-------|---------------------|-------------------------|
 * | loopback     | none  | with a local `Host` | with a local `Host`     |
 * | any          | given | open                | with the token          |
 * | not loopback | none  | refused to start, unless `http.insecure`: all open    |
 */
export type AccessPolicy =
  /** Anybody on this machine, but no web page that gave its own name our address. */
  | { readonly kind: "local"; readonly hosts: ReadonlySet<string> }
  | { readonly kind: "token"; readonly tokenSha256: Uint8Array }
  | { readonly kind: "open" };

/** @throws HttpServerError `token_missing` */
export function accessPolicy(
  address: ListenAddress,
  options: { token: string | null; insecure: boolean },
): AccessPolicy {
  const token = options.token?.trim() ?? null;
  if (token === "") {
    throw new HttpServerError("Cannot serve HTTP: http.tokenFile is empty", {
      code: "token_missing",
    });
  }
  if (token !== null) return { kind: "token", tokenSha256: sha256(token) };
  if (address.loopback) {
    return { kind: "local", hosts: new Set(["localhost", "127.0.0.1", "::1", address.hostname]) };
  }
  if (options.insecure) return { kind: "open" };
  const message = `Cannot serve HTTP on ${address.hostname}: other machines can reach it; ` +
    "set http.tokenFile (or http.insecure: true to let everybody in)";
  throw new HttpServerError(message, { code: "token_missing" });
}

/** Lets a request through or answers it; `openPaths` need no token. */
export function guard(
  policy: AccessPolicy,
  openPaths: ReadonlySet<string>,
): MiddlewareHandler {
  return async (c, next) => {
    const refusal = refuse(policy, c.req.raw, openPaths.has(c.req.path));
    return refusal ?? await next();
  };
}

function refuse(policy: AccessPolicy, request: Request, isOpen: boolean): Response | null {
  if (isForeignWrite(request)) return problem(403, "Events are not taken from other web pages");
  switch (policy.kind) {
    case "open":
      return null;
    case "local":
      if (policy.hosts.has(hostnameOf(request))) return null;
      return problem(421, "This host name is not served here; use localhost or 127.0.0.1");
    case "token":
      if (isOpen || holdsToken(request, policy.tokenSha256)) return null;
      return unauthorized(request);
  }
}

/**
 * A page of another origin may send a POST without asking first. Browsers name the origin then, and
 * other clients name none.
 */
function isForeignWrite(request: Request): boolean {
  if (request.method === "GET" || request.method === "HEAD") return false;
  const origin = request.headers.get("origin");
  return origin !== null && !(URL.canParse(origin) && new URL(origin).host === hostOf(request));
}

function hostOf(request: Request): string {
  return (request.headers.get("host") ?? new URL(request.url).host).toLowerCase();
}

/** Without port and brackets. */
function hostnameOf(request: Request): string {
  const match = /^(?:\[(.+)\]|([^:]+))(?::\d*)?$/.exec(hostOf(request));
  return match?.[1] ?? match?.[2] ?? "";
}

/**
 * `Bearer <token>`, or `Basic` with the token as the password (that is what a browser asks its user
 * for, so that the live page works). Both sides are hashed: the comparison takes the same time for
 * every guess and needs no equal lengths.
 */
function holdsToken(request: Request, tokenSha256: Uint8Array): boolean {
  const header = request.headers.get("authorization") ?? "";
  const match = /^(bearer|basic) +(\S+) *$/i.exec(header);
  if (match === null) return false;
  const token = match[1]!.toLowerCase() === "bearer" ? match[2]! : passwordOf(match[2]!);
  return timingSafeEqual(sha256(token), tokenSha256);
}

function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, "base64").toString("utf8");
  return text.slice(text.indexOf(":") + 1);
}

function unauthorized(request: Request): Response {
  const accept = request.headers.get("accept") ?? "";
  // Only a navigation may open the browser's dialog, not a script's request.
  const scheme = accept.includes("text/html") ? "Basic" : "Bearer";
  return problem(
    401,
    "This needs `Authorization: Bearer <token>` with the token of http.tokenFile",
    {
      headers: { "www-authenticate": `${scheme} realm="sessionwheel"` },
    },
  );
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text, "utf8").digest();
}
