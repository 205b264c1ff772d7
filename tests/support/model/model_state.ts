export interface ModelCounters {
  starts: number;
  ends: number;
  /** Repeated starts and ends, the repeated early end included. */
  duplicates: number;
  /** Ends that came before their start, whether it came or not. */
  earlyEnds: number;
  /** Early ends that were forgotten without a start. */
  orphanEnds: number;
  /** Starts that were superseded as they came. */
  lateStarts: number;
  heartbeatsLeftOut: number;
  /** Record timestamps in the future or below 0, which counted as now. */
  timestampsReplaced: number;
}

/** What the promise about the order of arrival speaks of; sorted, so that equal states are equal. */
export interface ModelState {
  readonly devices: readonly {
    readonly deviceId: string;
    readonly active: {
      readonly sessionId: string;
      readonly startedAtMs: number;
      readonly orderKeyMs: number;
      readonly accountId: string | null;
      readonly nextDueMs: number;
    } | null;
    readonly ended: readonly string[];
    readonly earlyEnds: readonly string[];
  }[];
}
