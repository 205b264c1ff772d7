/** Standard output was closed by its reader (`… | head`): nothing went wrong. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}
