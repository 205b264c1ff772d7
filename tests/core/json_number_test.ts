import { assert, assertEquals } from "@std/assert";
import { fitsInt64OrUint64, isIntegerNumber, parseNumber } from "../../lib/core/json_number.ts";
import { Random } from "../support/random.ts";

const encoder = new TextEncoder();

function withBytes<T>(text: string, read: (bytes: Uint8Array, from: number, to: number) => T): T {
  const bytes = encoder.encode(`9${text}9`);
  return read(bytes, 1, bytes.length - 1);
}

function randomNumber(random: Random): string {
  const digits = (count: number) => Array.from({ length: count }, () => random.int(0, 9)).join("");
  const sign = random.chance(0.3) ? "-" : "";
  const whole = random.chance(0.2) ? "0" : random.int(1, 9) + digits(random.int(0, 18));
  const fraction = random.chance(0.6) ? "." + digits(random.int(1, 18)) : "";
  const exponent = random.chance(0.2)
    ? random.pick(["e", "E"]) + random.pick(["", "+", "-"]) + random.int(0, 330)
    : "";
  return sign + whole + fraction + exponent;
}

Deno.test("parseNumber() gives the same double as the language does", () => {
  const random = new Random(754);
  for (let i = 0; i < 100_000; i++) {
    const text = randomNumber(random);
    const value = withBytes(text, parseNumber);
    assert(Object.is(value, Number(text)), `${text} became ${value}`);
  }
  for (const text of ["0", "-0", "0.1", "0.3", "999999999999999", "0.00000000000001", "1e400"]) {
    assert(Object.is(withBytes(text, parseNumber), Number(text)), text);
  }
});

Deno.test("isIntegerNumber() is true without fraction and exponent only", () => {
  for (const text of ["0", "-0", "7", "-12345678901234567890123"]) {
    assertEquals(withBytes(text, isIntegerNumber), true);
  }
  for (const text of ["0.0", "1.5", "1e3", "1E3", "-1.0", "12e-1"]) {
    assertEquals(withBytes(text, isIntegerNumber), false);
  }
});

Deno.test("fitsInt64OrUint64() is exact around every limit", () => {
  const random = new Random(64);
  const limits = [
    -(2n ** 63n),
    -(2n ** 62n),
    0n,
    2n ** 63n,
    2n ** 64n - 1n,
    10n ** 18n,
    10n ** 19n,
  ];
  for (const limit of [...limits, ...limits.map((limit) => -limit)]) {
    for (let distance = -20n; distance <= 20n; distance++) {
      const value = limit + distance * BigInt(random.pick([1, 1, 1000, 10_000_000_000]));
      const fits = value >= -(2n ** 63n) && value < 2n ** 64n;
      assertEquals(withBytes(String(value), fitsInt64OrUint64), fits, String(value));
    }
  }
});
