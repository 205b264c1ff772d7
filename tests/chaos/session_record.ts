/** An output record in layout `plain`, as far as the check looks at it. */
export interface SessionRecord {
  readonly deviceId: string;
  readonly sessionId: number;
  readonly status: "SessionStart" | "SessionHeartbeat" | "SessionEnd";
  readonly reason: string | null;
  readonly seq: number;
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly durationMs: number;
  readonly sourceMs: number;
  readonly emittedAtMs: number;
}

const STATUSES = { SessionStart: 0, SessionHeartbeat: 0, SessionEnd: 0 };

/** Null for what is not such a record. */
export function parseSessionRecord(value: string | null): SessionRecord | null {
  if (value === null) return null;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(value);
  } catch {
    return null;
  }
  const { deviceId, sessionId, status, reason, seq, durationMs } = fields;
  if (typeof deviceId !== "string" || typeof status !== "string") return null;
  if (!isMember(STATUSES, status)) return null;
  if (reason !== null && typeof reason !== "string") return null;
  if (typeof seq !== "number" || typeof durationMs !== "number") return null;
  const record = {
    deviceId,
    sessionId: Number(sessionId),
    status,
    reason,
    seq,
    startedAtMs: instantOf(fields.startedAt),
    atMs: instantOf(fields.at),
    durationMs,
    sourceMs: instantOf(fields.sourceTimestamp),
    emittedAtMs: instantOf(fields.emittedAt),
  };
  const instants = [record.startedAtMs, record.atMs, record.sourceMs, record.emittedAtMs];
  return instants.some(Number.isNaN) ? null : record;
}

export function isMember<K extends string>(
  members: Readonly<Record<K, unknown>>,
  name: string | null,
): name is K {
  return name !== null && Object.hasOwn(members, name);
}

function instantOf(field: unknown): number {
  return typeof field === "string" ? Date.parse(field) : NaN;
}
