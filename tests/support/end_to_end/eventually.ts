/**
 * Asks until the answer is not undefined, false or null, and returns it. The deadline is there to
 * end a test that would wait for ever; none depends on how soon the answer comes.
 *
 * @throws Error with what was waited for and, where there is one, the last thing that was thrown.
 */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, undefined | false | null>> {
  const { timeoutMs = 45_000, everyMs = 40 } = options;
  const deadlineMs = performance.now() + timeoutMs;
  let last = "";
  while (true) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false && answer !== null) {
        return answer as Exclude<T, undefined | false | null>;
      }
      last = "";
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      last = `: ${error instanceof Error ? error.message : error}`;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}${last}`);
    }
    await new Promise<void>((resolve) => setTimeout(resolve, everyMs));
  }
}

/** What is waited for cannot come any more. */
export class HopelessError extends Error {
  override readonly name = "HopelessError";
}
