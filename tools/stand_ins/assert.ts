/**
 * Stands in for `@std/assert` where JSR cannot be reached (see `../import_map.ts`): the functions
 * that our tests use, over `node:assert/strict`. A test checks that none is missing. Messages
 * differ from the original's; what passes and what fails does not, for the values we compare.
 */
import nodeAssert from "node:assert/strict";

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

export function assert(condition: unknown, message?: string): asserts condition {
  nodeAssert.ok(condition, message ?? "expected a true value");
}

export function assertFalse(condition: unknown, message?: string): void {
  nodeAssert.ok(!condition, message ?? "expected a false value");
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, message);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message);
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, message);
}

export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  nodeAssert.ok(
    actual !== null && actual !== undefined,
    message ?? "expected neither null nor undefined",
  );
}

export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any -- a constructor with any parameters, as in the original
  T extends abstract new (...args: any[]) => unknown,
>(actual: unknown, expectedClass: T, message?: string): asserts actual is InstanceType<T> {
  nodeAssert.ok(
    actual instanceof expectedClass,
    message ?? `expected an instance of ${expectedClass.name}`,
  );
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  nodeAssert.ok(
    actual.includes(expected),
    message ?? `expected ${JSON.stringify(actual)} to include ${JSON.stringify(expected)}`,
  );
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, message);
}

export function assertGreater<T>(actual: T, low: T, message?: string): void {
  nodeAssert.ok(actual > low, message ?? `expected ${actual} > ${low}`);
}

export function assertGreaterOrEqual<T>(actual: T, low: T, message?: string): void {
  nodeAssert.ok(actual >= low, message ?? `expected ${actual} >= ${low}`);
}

export function assertLess<T>(actual: T, high: T, message?: string): void {
  nodeAssert.ok(actual < high, message ?? `expected ${actual} < ${high}`);
}

export function assertLessOrEqual<T>(actual: T, high: T, message?: string): void {
  nodeAssert.ok(actual <= high, message ?? `expected ${actual} <= ${high}`);
}

export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  nodeAssert.ok(
    Object.is(actual, expected) || Math.abs(actual - expected) <= (tolerance ?? 1e-7),
    message ?? `expected ${actual} to be within ${tolerance ?? 1e-7} of ${expected}`,
  );
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  message?: string,
): void {
  const present = Array.from(actual);
  for (const item of Array.from(expected)) {
    nodeAssert.ok(
      present.some((candidate) => equal(candidate, item)),
      message ?? `expected the array to include ${JSON.stringify(item)}`,
    );
  }
}

export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void {
  nodeAssert.partialDeepStrictEqual(actual, expected, message);
}

export function assertThrows<E extends Error = Error>(
  call: () => unknown,
  errorClass?: ErrorClass<E>,
  messageIncludes?: string,
): E {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
    return verifyError(thrown, errorClass, messageIncludes);
  }
  nodeAssert.fail("expected the function to throw");
}

export async function assertRejects<E extends Error = Error>(
  call: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  messageIncludes?: string,
): Promise<E> {
  // Outside the try: a call that throws at once did not reject.
  const promise = call();
  try {
    await promise;
  } catch (error) {
    return verifyError(error, errorClass, messageIncludes);
  }
  nodeAssert.fail("expected the promise to reject");
}

export function fail(message = "failed"): never {
  nodeAssert.fail(message);
}

export function unreachable(message = "unreachable"): never {
  nodeAssert.fail(message);
}

function equal(a: unknown, b: unknown): boolean {
  try {
    nodeAssert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

function verifyError<E extends Error>(
  thrown: unknown,
  errorClass: ErrorClass<E> | undefined,
  messageIncludes: string | undefined,
): E {
  nodeAssert.ok(thrown instanceof Error, `expected an Error, got ${String(thrown)}`);
  if (errorClass !== undefined) {
    nodeAssert.ok(
      thrown instanceof errorClass,
      `expected ${errorClass.name}, got ${thrown.name}: ${thrown.message}`,
    );
  }
  if (messageIncludes !== undefined) {
    nodeAssert.ok(
      thrown.message.includes(messageIncludes),
      `expected an error that includes ${JSON.stringify(messageIncludes)}, got ${thrown.message}`,
    );
  }
  return thrown as E;
}
