/**
 * How the program is run and compiled: one place for both, so that `deno task sessionwheel` and
 * the binary are allowed the same and nothing more.
 */

export const ENTRY = "main.ts";

/** Modules that are only reached through `new Worker`, which `deno compile` cannot see. */
export const WORKERS: readonly string[] = [
  "lib/workers/engine_worker.ts",
  "lib/workers/checkpoint_worker.ts",
];

/** Holds the commit that is compiled; `lib/cli/build_commit.ts` reads it inside the binary. */
export const COMMIT_FILE = "dist/commit";

/**
 * No `run` and no `ffi`: the program starts no other program and loads no native code. `sys` is for
 * memory and load figures; `--no-prompt` turns a refused permission into an error at once.
 */
export const PERMISSION_FLAGS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
];

/**
 * A compiled program ignores DENO_V8_FLAGS, so what it needs is fixed here. Sessions lie outside the
 * JavaScript heap, which is some 13 MB: it may grow to three times that before all of it is looked
 * at, since that takes 20 ms. New objects hardly ever outlive a round: 4 MB of them at a time are
 * enough, instead of 16.
 */
export const V8_FLAGS: readonly string[] = [
  "--heap-growing-percent=200",
  "--max-semi-space-size=4",
];
