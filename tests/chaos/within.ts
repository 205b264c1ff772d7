/**
 * The promise's value, or null when it takes longer than that. Only time in which this process ran
 * counts: where a whole machine stands still for minutes (a laptop's lid, a measurement by others),
 * nobody could have been quicker.
 */
export async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T | null> {
  const { promise: over, resolve } = Promise.withResolvers<null>();
  let slicesLeft = Math.ceil(timeoutMs / SLICE_MS);
  const timer = setInterval(() => {
    if (--slicesLeft <= 0) resolve(null);
  }, SLICE_MS);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearInterval(timer);
  }
}

/** Asks every now and then until it is so. @returns whether it became so in that time. */
export async function becomes(
  timeoutMs: number,
  ask: () => boolean | Promise<boolean>,
): Promise<boolean> {
  for (let slicesLeft = Math.ceil(timeoutMs / SLICE_MS); slicesLeft > 0; slicesLeft--) {
    if (await ask()) return true;
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
  }
  return await ask();
}

const SLICE_MS = 100;
