import type { Handler } from "hono";
import type { EngineQueries, IngestAnswer, IngestFormat } from "../../ports/engine_queries.ts";
import type { BoundedCalls } from "./bounded_calls.ts";
import type { HttpLimits } from "./http_limits.ts";
import { problem } from "./problem.ts";
import { readBody } from "./read_body.ts";

/**
 * `POST /v1/events`: one event as JSON, or one a line.
 *
 * 202 with the tally when anything was taken or ignored; 400 when every event was rejected.
 */
export function ingestHandler(
  ingest: NonNullable<EngineQueries["ingest"]>,
  ingests: BoundedCalls,
  limits: HttpLimits,
): Handler {
  return async (c) => {
    const format = formatOf(c.req.raw.headers);
    if (format === null) {
      const accepted = "application/json (one event) or application/x-ndjson (one a line)";
      return problem(415, `The body must be ${accepted}, not compressed`, {
        headers: { accept: "application/json, application/x-ndjson" },
      });
    }
    // The place is taken before the body is read, so that bodies in memory are bounded too.
    return await ingests.run(async () => {
      const body = await readBody(c.req.raw, limits.ingestBytesMax);
      switch (body.kind) {
        case "too_large":
          return problem(413, `The body is over ${limits.ingestBytesMax} bytes`, {
            headers: { connection: "close" },
          });
        case "broken":
          return problem(400, "The body ended early");
        case "whole":
          if (body.bytes.length === 0) return problem(400, "The body is empty");
          return answer(await ingest(body.bytes, format), limits.rejectedLinesMax);
      }
    });
  };
}

function formatOf(headers: Headers): IngestFormat | null {
  if (!["", "identity"].includes(headers.get("content-encoding") ?? "")) return null;
  const mediaType = (headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  switch (mediaType) {
    case "application/json":
      return "json";
    case "application/x-ndjson":
    case "application/ndjson":
    case "application/jsonl":
    case "application/x-jsonlines":
      return "lines";
    default:
      return null;
  }
}

function answer(tally: IngestAnswer, rejectedLinesMax: number): Response {
  const members = {
    accepted: tally.accepted,
    ignored: tally.ignored,
    rejectedCount: tally.rejected.length,
    rejected: tally.rejected.slice(0, rejectedLinesMax),
  };
  const taken = tally.accepted + tally.ignored;
  if (taken === 0 && tally.rejected.length > 0) {
    return problem(400, "No event was accepted", { members });
  }
  return new Response(JSON.stringify(members) + "\n", {
    status: 202,
    headers: { "content-type": "application/json" },
  });
}
