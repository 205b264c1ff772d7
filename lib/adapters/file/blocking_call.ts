/**
 * Runs a synchronous read or write, waiting where the system says "not now".
 *
 * A standard stream may be non-blocking: whoever shares the pipe decides that, not we.
 */
export function blockingCall<Result>(call: () => Result): Result {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (error instanceof Deno.errors.Interrupted) continue;
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(NOBODY, 0, 0, RETRY_MS);
    }
  }
}

const RETRY_MS = 1;

/** Nobody ever changes or notifies it: waiting on it is sleeping. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4));
