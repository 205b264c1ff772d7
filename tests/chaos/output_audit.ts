import { streamTopic } from "./kcat_stream.ts";
import { OutputCheck, type OutputCheckOptions } from "./output_check.ts";

export interface AuditOptions extends OutputCheckOptions {
  readonly bootstrap: string;
  readonly input: string;
  readonly output: string;
}

/**
 * Reads input and output from their beginnings with kcat, a consumer that has nothing of ours in
 * it, read_uncommitted, every checksum verified, and holds the one against the other.
 */
export async function auditOutput(options: AuditOptions): Promise<OutputCheck> {
  const { bootstrap, input, output } = options;
  const check = new OutputCheck(options);
  for await (const { value, timestampMs } of streamTopic(bootstrap, input)) {
    const event = parseEvent(value);
    if (event !== null) check.event({ ...event, stampMs: timestampMs });
  }
  for await (const record of streamTopic(bootstrap, output)) check.record(record);
  check.finish();
  return check;
}

function parseEvent(
  value: string | null,
): { kind: "start" | "end"; session: number; deviceId: string } | null {
  if (value === null || !value.startsWith("{")) return null;
  const { type, sessionId, deviceId } = JSON.parse(value);
  if (type !== "start" && type !== "end") return null;
  return { kind: type, session: Number(sessionId), deviceId };
}
