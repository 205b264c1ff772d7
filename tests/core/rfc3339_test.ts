import { assertEquals } from "@std/assert";
import { daysFromCivil, EPOCH_MS_MAX, parseRfc3339 } from "../../lib/core/rfc3339.ts";
import { Random } from "../support/random.ts";

const encoder = new TextEncoder();

function parse(text: string): number {
  const bytes = encoder.encode(`0${text}0`);
  return parseRfc3339(bytes, 1, bytes.length - 1);
}

Deno.test("parseRfc3339() reads what Date writes, to the millisecond", () => {
  const random = new Random(3339);
  for (let i = 0; i < 50_000; i++) {
    const instantMs = random.int(0, EPOCH_MS_MAX);
    assertEquals(parse(new Date(instantMs).toISOString()), instantMs);
  }
  assertEquals(parse(new Date(0).toISOString()), 0);
  assertEquals(parse(new Date(EPOCH_MS_MAX).toISOString()), EPOCH_MS_MAX);
});

Deno.test("parseRfc3339() applies the offset as Date does", () => {
  const random = new Random(3340);
  const two = (value: number) => String(value).padStart(2, "0");
  for (let i = 0; i < 50_000; i++) {
    const local = new Date(random.int(1e9, 2e14)).toISOString().slice(0, -1);
    const offset = `${random.pick(["+", "-"])}${two(random.int(0, 23))}:${two(random.int(0, 59))}`;
    assertEquals(parse(local + offset), Date.parse(local + offset), local + offset);
  }
});

Deno.test("parseRfc3339() cuts off digits beyond milliseconds", () => {
  const second = Date.UTC(2025, 10, 1, 0, 6, 45);
  for (
    const [fraction, ms] of [
      [".1", 100],
      [".12", 120],
      [".123", 123],
      [".1239", 123],
      [
        ".9999999999",
        999,
      ],
      [".0009", 0],
      [".000", 0],
      ["", 0],
    ] as const
  ) {
    assertEquals(parse(`2025-11-01T00:06:45${fraction}Z`), second + ms, fraction);
  }
});

Deno.test("parseRfc3339() knows the days of every month of every year", () => {
  const two = (value: number) => String(value).padStart(2, "0");
  for (let year = 1970; year <= 9999; year++) {
    for (let month = 1; month <= 12; month++) {
      const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
      const prefix = `${year}-${two(month)}-`;
      assertEquals(parse(`${prefix}${last}T00:00:00Z`), Date.UTC(year, month - 1, last));
      assertEquals(parse(`${prefix}${last + 1}T00:00:00Z`), NaN);
    }
  }
});

Deno.test("parseRfc3339() tells a leap second as the first second of the next UTC day", () => {
  const newYear = Date.UTC(2017, 0, 1);
  assertEquals(parse("2016-12-31T23:59:60Z"), newYear);
  assertEquals(parse("2016-12-31T23:59:60.5Z"), newYear + 500);
  assertEquals(parse("2017-01-01T08:59:60+09:00"), newYear);
  assertEquals(parse("2016-12-31T15:59:60-08:00"), newYear);
  assertEquals(parse("2016-12-31T23:58:60Z"), NaN);
  assertEquals(parse("2016-12-31T23:59:60+09:00"), NaN);
  assertEquals(parse("2016-12-31T23:59:61Z"), NaN);
  assertEquals(parse("9999-12-31T23:59:60Z"), NaN);
});

Deno.test("parseRfc3339() refuses a date-time with any one byte missing or in excess", () => {
  for (const text of ["2025-11-01T00:06:45Z", "2025-11-01T00:06:45+01:30"]) {
    for (let i = 0; i < text.length; i++) {
      assertEquals(parse(text.slice(0, i) + text.slice(i + 1)), NaN);
      for (const byte of ["0", "-", ":", "Z", " ", "/", "\0"]) {
        assertEquals(parse(text.slice(0, i) + byte + text.slice(i)), NaN, `${byte} at ${i}`);
      }
    }
  }
});

Deno.test("parseRfc3339() takes at each place only the bytes that belong there", () => {
  const text = "2025-11-11T11:11:11Z";
  for (let i = 0; i < text.length; i++) {
    for (let byte = 0; byte < 128; byte++) {
      const changed = text.slice(0, i) + String.fromCharCode(byte) + text.slice(i + 1);
      // Date.parse takes November 31 for December 1, and much that is no RFC 3339.
      const date = new Date(/[Tt].*[Zz]$/.test(changed) ? changed.toUpperCase() : NaN);
      const isSame = date.getTime() >= 0 &&
        date.toISOString() === changed.toUpperCase().replace("Z", ".000Z");
      assertEquals(parse(changed), isSame ? date.getTime() : NaN, changed);
    }
  }
});

Deno.test("daysFromCivil() counts on from the day before", () => {
  assertEquals(daysFromCivil(1970, 1, 1), 0);
  assertEquals(daysFromCivil(0, 3, 1), -719_468);
  assertEquals(daysFromCivil(0, 1, 1), -719_528);
  for (let days = 0; days < 200_000; days++) {
    const date = new Date(days * 86_400_000);
    assertEquals(
      daysFromCivil(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()),
      days,
    );
  }
});
