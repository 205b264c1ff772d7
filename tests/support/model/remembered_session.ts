/** What the naive model holds of a device, and the order of its sessions. */
import type { ModelSessionId } from "./model_events.ts";

/** A session that is active or remembered. */
export interface Session {
  readonly device: Device;
  readonly id: ModelSessionId;
  readonly accountId: string | null;
  readonly startedAtMs: number;
  readonly orderKeyMs: number;
  /** Of the last record written. */
  seq: number;
  /** k of the heartbeat that is due next. */
  nextHeartbeat: number;
}

export interface EarlyEnd {
  readonly id: ModelSessionId;
  readonly sourceTimestampMs: number;
  readonly reportedDurationMs: number | null;
}

export interface Device {
  readonly id: string;
  active: Session | null;
  /** By the id's text, as are the early ends. */
  readonly ended: Map<string, Session>;
  readonly earlyEnds: Map<string, EarlyEnd>;
}

/** By order key, then by the UTF-8 bytes of the id's text. */
export function isNewer(a: Session, b: Session): boolean {
  if (a.orderKeyMs !== b.orderKeyMs) return a.orderKeyMs > b.orderKeyMs;
  const x = new TextEncoder().encode(a.id.text);
  const y = new TextEncoder().encode(b.id.text);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] !== y[i]) return x[i]! > y[i]!;
  }
  return x.length > y.length;
}
