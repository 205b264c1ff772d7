/**
 * The fields of a session's row and the states that it goes through.
 *
 * | bytes | active              | ended (remembered)      | early end               |
 * |-------|---------------------|-------------------------|-------------------------|
 * | 0     | `startedAt`, ms     | clock when remembered   | clock when remembered   |
 * | 8     | order key, ms       | order key, ms           | `at`, ms                |
 * | 16    | last `seq`          | next of the device      | reported duration, ms   |
 * | 20    | beat the timer is at| previous of the device  | (a double, NaN = none)  |
 * | 24    | age of last record  | next in memory's queue  | next in memory's queue  |
 * | 28    | state, kinds of device, session and account id, a byte each                    |
 * | 32    | device id, packed   |                         |                         |
 * | 48    | session id, packed  |                         |                         |
 * | 64    | account id, packed  |                         |                         |
 */

export const NO_ROW = -1;
export const ROW_FREE = 0;
export const ROW_ACTIVE = 1;
export const ROW_ENDED = 2;
export const ROW_EARLY_END = 3;
/** A row that is being written and belongs to no index. */
export const ROW_STAGED = 4;
/** An early end whose start has come: in the queue of what is remembered still, in no index. */
export const ROW_SPENT = 5;

/** Bytes and words of a whole row. */
export const ROW_BYTES = 80;
export const ROW_WORDS = ROW_BYTES / 4;

export const ROW_DOUBLES = ROW_BYTES / 8;

export const SEQ_WORD = 4;
export const BEAT_WORD = 5;
export const LINK_WORD = 6;
export const KINDS_WORD = 7;
export const DEVICE_WORD = 8;
export const SESSION_WORD = 12;
export const ACCOUNT_WORD = 16;
