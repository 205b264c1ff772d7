/** How a command ends, after BSD's sysexits. */
export const EXIT_OK = 0;
/** The command line makes no sense. */
export const EXIT_USAGE = 64;
/** `replay --strict` met a line that is not an event. */
export const EXIT_BAD_DATA = 65;
/** What a command needs right now does not answer; `run` waits instead. */
export const EXIT_UNAVAILABLE = 69;
/** Our bug. */
export const EXIT_BUG = 70;
/** A file cannot be read or written. */
export const EXIT_IO = 74;
/** The configuration cannot be used. */
export const EXIT_CONFIG = 78;

/** For `help`, in the order of the numbers. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_OK, "done"],
  [EXIT_USAGE, "the command line makes no sense"],
  [EXIT_BAD_DATA, "bad data (replay --strict)"],
  [EXIT_UNAVAILABLE, "a broker or server is needed and does not answer"],
  [EXIT_BUG, "a bug of sessionwheel"],
  [EXIT_IO, "a file cannot be read or written"],
  [EXIT_CONFIG, "the configuration cannot be used"],
];
