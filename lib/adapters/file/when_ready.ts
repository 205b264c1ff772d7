/**
 * Runs a read or a write again while the system says "not now".
 *
 * A standard stream may be non-blocking: whoever shares the pipe decides that, not we.
 */
export async function whenReady<Result>(call: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Deno.errors.Interrupted) continue;
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

const RETRY_MS = 1;
