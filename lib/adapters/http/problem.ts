import { STATUS_CODES } from "node:http";

/** An error as `application/problem+json` (RFC 9457). `detail` is for people; no secrets in it. */
export function problem(status: number, detail: string, options: ProblemOptions = {}): Response {
  const body = {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    ...options.members,
  };
  return new Response(JSON.stringify(body) + "\n", {
    status,
    headers: { ...options.headers, "content-type": "application/problem+json" },
  });
}

export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Members besides the standard ones. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** The engine cannot answer right now; asking again later may help. */
export function unavailable(detail: string): Response {
  return problem(503, detail, { headers: { "retry-after": "1" } });
}
