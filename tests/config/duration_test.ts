import { assert, assertEquals } from "@std/assert";
import {
  durationBetween,
  formatDuration,
  offOrDurationBetween,
  parseDuration,
} from "../../lib/config/duration.ts";
import type { RawText } from "../../lib/config/value_type.ts";

const READ: readonly (readonly [text: string, ms: number, written: string])[] = [
  ["500ms", 500, "500ms"],
  ["30s", 30_000, "30s"],
  ["5m", 300_000, "5m"],
  ["1h", 3_600_000, "1h"],
  ["24h", 86_400_000, "24h"],
  ["30d", 2_592_000_000, "30d"],
  ["90s", 90_000, "90s"],
  ["60s", 60_000, "1m"],
  ["1500ms", 1500, "1500ms"],
  ["0", 0, "0s"],
  ["0s", 0, "0s"],
  ["30 s", 30_000, "30s"],
  ["30S", 30_000, "30s"],
];

for (const [text, ms, written] of READ) {
  Deno.test(`parseDuration() reads ${text} as ${ms} ms, and formatDuration() writes ${written}`, () => {
    assertEquals(parseDuration(text), { value: ms });
    assertEquals(formatDuration(ms), written);
    assertEquals(parseDuration(written), { value: ms });
  });
}

const REFUSED: readonly (readonly [text: string, found: string, fix: string])[] = [
  ["30", '"30", a number without a unit', "add the unit: 30s or 30ms"],
  ["1.5h", '"1.5h", a fraction', "write a whole number of a smaller unit"],
  ["-5s", '"-5s", a negative one', "leave out the minus sign"],
  ["1m30s", '"1m30s", several units', "write one number and one unit"],
  ["1w", '"1w"', "write a number and one of the units ms, s, m, h, d"],
  ["soon", '"soon"', "write a number and one of the units ms, s, m, h, d"],
  ["", '""', "write a number and one of the units ms, s, m, h, d"],
];

for (const [text, found, fix] of REFUSED) {
  Deno.test(`parseDuration() refuses ${JSON.stringify(text)} and says how to write it`, () => {
    assertEquals(parseDuration(text), { fault: true, found, fix });
  });
}

Deno.test("durationBetween() takes its bounds and refuses what lies beyond them", () => {
  const type = durationBetween(100, 3_600_000);
  assertEquals(type.parse(text("100ms")), { value: 100 });
  assertEquals(type.parse(text("1h")), { value: 3_600_000 });
  assertEquals(type.parse(text("99ms")), {
    fault: true,
    found: '"99ms", too short',
    fix: "write 100ms or more",
  });
  assertEquals(type.parse(text("61m")), {
    fault: true,
    found: '"61m", too long',
    fix: "write 1h or less",
  });
  assertEquals(type.expected, "a duration from 100ms to 1h, like 500ms, 30s, 5m or 1h");
});

Deno.test("durationBetween() refuses a number of digits beyond any clock", () => {
  assert("fault" in durationBetween(0, 1000).parse(text("9".repeat(400) + "s")));
});

Deno.test("offOrDurationBetween() reads off and false as null", () => {
  const type = offOrDurationBetween(1000, 60_000);
  assertEquals(type.parse(text("off")), { value: null });
  assertEquals(type.parse(text("False")), { value: null });
  assertEquals(type.parse(text("5s")), { value: 5000 });
  assertEquals(type.format(null), "off");
  assertEquals(type.format(5000), "5s");
  assert("fault" in type.parse(text("on")));
});

function text(value: string): RawText {
  return { kind: "text", text: value, where: "here" };
}
