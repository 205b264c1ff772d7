/** The three durations and the one policy that decide what the records of a session are. */
export interface SessionRules {
  /** H: a heartbeat is due every so many milliseconds of a session. */
  readonly heartbeatIntervalMs: number;
  /** M: a session that reaches this age ends with reason `timeout`. */
  readonly maxDurationMs: number;
  /** G: how long an ended session, or an end without its start, is remembered. */
  readonly graceMs: number;
  /**
   * What becomes of heartbeats that are overdue after time away: `coalesce` leaves out heartbeat k
   * when k + 1 is due by now, `all` writes each.
   */
  readonly missed: "coalesce" | "all";
}
