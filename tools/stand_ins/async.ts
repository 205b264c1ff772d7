/**
 * Stands in for `@std/async` where JSR cannot be reached (see `../import_map.ts`): the functions
 * that our tests use.
 */
import { setTimeout as sleep } from "node:timers/promises";

export async function delay(ms: number, options: { signal?: AbortSignal } = {}): Promise<void> {
  const { signal } = options;
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    // node wraps the reason of an abort; the original throws it as it is.
    throw signal?.aborted ? signal.reason : error;
  }
}

/** Rejects with a `TimeoutError` when `promise` has not settled after `ms`. */
export async function deadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DOMException("Signal timed out.", "TimeoutError")),
      ms,
    );
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
