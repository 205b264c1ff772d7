/** How a command ends, after BSD's sysexits. */
export const EXIT_OK = 0;
/** The command line makes no sense. */
export const EXIT_USAGE = 64;
/** `replay --strict` met a line that is not an event. */
export const EXIT_BAD_DATA = 65;
/**
 * What a command needs right now does not answer; `run` waits for that, and ends so only when the
 * cluster refuses it or has changed and a new start helps.
 */
export const EXIT_UNAVAILABLE = 69;
/** Our bug. */
export const EXIT_BUG = 70;
/** A file cannot be read or written. */
export const EXIT_IO = 74;
/**
 * The configuration cannot be used, or what it names is not what it must be, or a newer process
 * has taken over: an operator has to look before the next start.
 */
export const EXIT_CONFIG = 78;

/** For `help`, in the order of the numbers. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_OK, "done"],
  [EXIT_USAGE, "the command line makes no sense"],
  [EXIT_BAD_DATA, "bad data (replay --strict)"],
  [EXIT_UNAVAILABLE, "a broker or server is needed and does not answer, or refuses"],
  [EXIT_BUG, "a bug of sessionwheel"],
  [EXIT_IO, "a file cannot be read or written"],
  [EXIT_CONFIG, "the configuration, or what it names, cannot be used: a restart helps nothing"],
];
