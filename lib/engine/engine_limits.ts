/** What keeps memory and pauses bounded. An engine has the defaults; the simulator makes them small. */
export interface EngineLimits {
  /** A shard with more events waiting gives up its place in the input, and reads them again later. */
  readonly backlogEventsMax: number;
  /** An input partition with more events queued is not fetched until half of them are taken. */
  readonly queuedEventsMax: number;
  /**
   * An input partition with more dead letters that are not answered is not fetched until half of
   * them are. A letter is some ten objects, about a kilobyte however small its bytes: 5 MB a
   * partition, 80 MB of 16.
   */
  readonly unansweredLettersMax: number;
  /**
   * The same for their bytes, 64 MB of 16 partitions. Room for some fetches of a megabyte of
   * nothing but garbage, so that a topic that answers is kept busy.
   */
  readonly unansweredLetterBytesMax: number;
  /** Rows that a checkpoint copies in one go, if the time of a slice does not end it sooner. */
  readonly checkpointSliceRowsMax: number;
  /**
   * Timers that a shard fires in one round, at least 1. Overdue ones that leave heartbeats out fill
   * no batch, and the other shards wait meanwhile.
   */
  readonly timersPerRoundMax: number;
  /**
   * After so many milliseconds of firing timers the round is closed: the shards that had no turn come
   * first in the next one, which follows at once.
   */
  readonly punctuateMsMax: number;
}

export const ENGINE_LIMITS: EngineLimits = {
  backlogEventsMax: 100_000,
  queuedEventsMax: 50_000,
  unansweredLettersMax: 5_000,
  unansweredLetterBytesMax: 4 * 1024 * 1024,
  checkpointSliceRowsMax: Infinity,
  timersPerRoundMax: 4096,
  punctuateMsMax: 10,
};
