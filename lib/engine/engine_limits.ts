/** What keeps memory and pauses bounded. An engine has the defaults; the simulator makes them small. */
export interface EngineLimits {
  /** A shard with more events waiting gives up its place in the input, and reads them again later. */
  readonly backlogEventsMax: number;
  /** An input partition with more events queued is not fetched until half of them are taken. */
  readonly queuedEventsMax: number;
  /** Rows that a checkpoint copies in one go, if the time of a slice does not end it sooner. */
  readonly checkpointSliceRowsMax: number;
}

export const ENGINE_LIMITS: EngineLimits = {
  backlogEventsMax: 100_000,
  queuedEventsMax: 50_000,
  checkpointSliceRowsMax: Infinity,
};
