import type { EarlyEnd, Position } from "../../lib/core/position.ts";
import type { OutputRecord } from "./output_record.ts";

/** A session as the output tells it. */
export interface LedgerSession {
  readonly key: string;
  readonly device: string;
  readonly session: string;
  readonly shard: number;
  readonly accountId: string | null;
  readonly startedAtMs: number;
  readonly orderKeyMs: number;
  /**
   * The rules under which all its records were written, whose heartbeats have to be dense; null once
   * they were of several.
   */
  rulesId: string | null;
  /** Starts of this id so far, this one included. */
  starts: number;
  lastSeq: number;
  lastAtMs: number;
  lastOffset: number;
  /** True time at which its last record came into the log. */
  writtenMs: number;
  /** When the next record is due, as the last one says. */
  nextAtMs: number;
  endReason: OutputRecord["reason"];
  /** The shard's clock at its End. */
  endClockMs: number;
}

interface Remembered {
  readonly key: string;
  readonly clockMs: number;
  readonly offset: number;
}

/** What one shard's output says is active and remembered, by its own clock. */
export class ShardLedger {
  readonly active = new Map<string, LedgerSession>();
  readonly ended = new Map<string, Remembered>();
  readonly earlyEnds = new Map<string, Remembered>();
  /** As of the last batch; null before the first. */
  position: Position | null = null;
  #graceMs = 0;

  /** Forgets what the grace of `position` has let go, or that of the batch before it. */
  expire(position: Position): void {
    const before = this.position;
    if (before !== null) this.#expire(before.clockMs, this.#graceMs);
    this.#graceMs = position.graceMs;
    this.#expire(position.clockMs, position.graceMs);
    this.position = position;
  }

  remember(kind: "ended" | "earlyEnds", key: string, clockMs: number, offset: number): void {
    this[kind].set(key, { key, clockMs, offset });
  }

  #expire(clockMs: number, graceMs: number): void {
    for (const list of [this.ended, this.earlyEnds]) {
      for (const [key, item] of list) {
        if (item.clockMs + graceMs < clockMs) list.delete(key);
      }
    }
  }
}

export function earlyEndKey(end: EarlyEnd): string {
  const decoder = new TextDecoder();
  return sessionKey(decoder.decode(end.deviceId), decoder.decode(end.sessionId));
}

export function sessionKey(device: string, session: string): string {
  return `${device} ${session}`;
}
