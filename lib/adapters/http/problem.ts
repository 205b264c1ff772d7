import { STATUS_CODES } from "node:http";

export const PROBLEM_TYPE = "application/problem+json";

/** An error as `application/problem+json` (RFC 9457). `detail` is for people; no secrets in it. */
export function problem(status: number, detail: string, options: ProblemOptions = {}): Response {
  return new Response(problemJson(status, detail, options.members), {
    status,
    headers: { ...options.headers, "content-type": PROBLEM_TYPE },
  });
}

export function problemJson(
  status: number,
  detail: string,
  members: ProblemOptions["members"] = {},
): string {
  const title = STATUS_CODES[status] ?? "Error";
  return JSON.stringify({ type: "about:blank", title, status, detail, ...members }) + "\n";
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
