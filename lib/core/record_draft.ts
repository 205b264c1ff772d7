/**
 * What a record says beyond its session's row: one object, filled again for every record.
 *
 * The instants are in a typed array because a double in a field of an object, or as an argument
 * of a call that is not inlined, may cost an allocation.
 */
export class RecordDraft {
  /** `STATUS_START`, `STATUS_HEARTBEAT` or `STATUS_END`. */
  status = 0;
  /** `REASON_NONE`, or on an end why. */
  reason = 0;
  seq = 0;
  /** Epoch milliseconds by the constants below; NaN = null. */
  readonly times: Float64Array = new Float64Array(6);
}

export const STATUS_START = 0;
export const STATUS_HEARTBEAT = 1;
export const STATUS_END = 2;

export const REASON_NONE = 0;
export const REASON_ENDED = 1;
export const REASON_SUPERSEDED = 2;
export const REASON_TIMEOUT = 3;

export const TIME_AT = 0;
/** NaN on an end. */
export const TIME_NEXT_AT = 1;
/** The device's own claim, a duration; NaN when there is none. */
export const TIME_REPORTED_DURATION = 2;
export const TIME_SOURCE = 3;
export const TIME_EMITTED = 4;
/** The shard's clock when the record was made: how long its session will be remembered. */
export const TIME_CLOCK = 5;
