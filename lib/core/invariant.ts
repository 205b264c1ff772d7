/** Our bug, not the world's fault: never caught; the process logs it, exits with 70 and restarts. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * States what must be true here whatever arrives. `sentence` says it as a fact.
 *
 * @throws InvariantError when `condition` is false.
 */
export function invariant(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence);
}
