/** What the shards of an engine count while they apply and punctuate; only ever added to. */
export interface ShardCounters {
  /** Starts and ends that changed nothing since they were seen before. */
  duplicates: number;
  /** Starts older than what their device had by then. */
  lateStarts: number;
  /** Ends that came before their start and were remembered. */
  earlyEnds: number;
  /** Early ends whose start never came within the grace. */
  orphanEnds: number;
  /** Remembered ends, early ones too, that were forgotten within the grace: there were too many. */
  forgottenEnds: number;
  /** Starts dropped since `limits.maxSessions` was reached. */
  droppedStarts: number;
  /** Heartbeats left out by coalescing. */
  coalescedHeartbeats: number;
}

export function newShardCounters(): ShardCounters {
  return {
    duplicates: 0,
    lateStarts: 0,
    earlyEnds: 0,
    orphanEnds: 0,
    forgottenEnds: 0,
    droppedStarts: 0,
    coalescedHeartbeats: 0,
  };
}
