/** Which build of the program runs, on what. */
export interface BuildInfo {
  readonly version: string;
  /** Commit it was built from, or `unknown`. */
  readonly commit: string;
  readonly deno: string;
  readonly v8: string;
}
