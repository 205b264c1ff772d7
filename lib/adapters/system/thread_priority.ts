import { setPriority } from "node:os";

/**
 * Lets the other threads of this process go first when there are more of them than free cores; those
 * that this thread starts from now on give way with it. On Linux alone a priority is a thread's own;
 * elsewhere, and where it may not be changed, this does nothing.
 */
export function giveWayToOtherThreads(): void {
  if (Deno.build.os !== "linux") return;
  try {
    setPriority(NICE);
  } catch {
    // Not allowed here; all goes on as before.
  }
}

/** A tenth of the weight of a thread that has not asked for less: enough to answer probes. */
const NICE = 10;
