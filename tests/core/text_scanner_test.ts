import { assertEquals } from "@std/assert";
import { TextScanner } from "../../lib/core/text_scanner.ts";
import { textBytes, writeEscaped, writeInstant, writeInteger } from "../../lib/core/text_writer.ts";
import { Random } from "../support/random.ts";

Deno.test("TextScanner reads back every instant, integer and text that is written", () => {
  const random = new Random(1);
  const characters = [
    "a",
    '"',
    "\\",
    "\n",
    "\u0000",
    "\u001f",
    "\u007f",
    "é",
    "日",
    "😀",
    "\u2028",
  ];
  const out = new Uint8Array(8192);
  const scanner = new TextScanner();
  for (let i = 0; i < 10_000; i++) {
    const instant = random.int(0, Date.UTC(9999, 11, 31));
    const integer = random.int(0, 2 ** 53 - 1);
    const text = Array.from({ length: random.int(0, 60) }, () => random.pick(characters)).join("");
    let p = 0;
    out[p++] = 0x22;
    p = writeInstant(out, p, instant);
    out[p++] = 0x22;
    p = writeInteger(out, p, integer);
    out[p++] = 0x22;
    p = writeEscaped(out, p, textBytes(text), textBytes(text).length);
    out[p++] = 0x22;
    scanner.reset(out, 0, p);
    assertEquals(scanner.readInstant(), instant);
    assertEquals(scanner.readInteger(), integer);
    scanner.readText();
    assertEquals(textOf(scanner), text);
    assertEquals([scanner.failed, scanner.position], [false, p]);
  }
});

Deno.test("TextScanner reads back instants past the year 9999", () => {
  const out = new Uint8Array(32);
  for (const year of [10_000, 12_345, 275_000]) {
    for (const instant of [Date.UTC(year, 0, 1), Date.UTC(year, 11, 31, 23, 59, 59, 999)]) {
      out[0] = 0x22;
      const p = writeInstant(out, 1, instant);
      out[p] = 0x22;
      const scanner = new TextScanner();
      scanner.reset(out, 0, p + 1);
      assertEquals([scanner.readInstant(), scanner.failed], [instant, false]);
      assertEquals(scanner.position, p + 1);
    }
  }
});

Deno.test("TextScanner reads no instant that is not written as writeInstant writes it", () => {
  const right = '"2025-11-01T00:06:45.000Z"';
  for (let at = 0; at < right.length; at++) {
    const broken = `${right.slice(0, at)}x${right.slice(at + 1)}`;
    assertEquals(isInstant(broken), false, broken);
  }
  assertEquals(isInstant(right), true);
  for (
    const other of [
      "2025-11-01T00:06:45+0200",
      "2025-11-01 00:06:45.000Z",
      "2025-11-01T00:06:45,000Z",
      "2025-11-01t00:06:45.000z",
      "2025-13-01T00:06:45.000Z",
      "2025-00-01T00:06:45.000Z",
      "2025-11-00T00:06:45.000Z",
      "2025-11-31T00:06:45.000Z",
      "2025-02-29T00:06:45.000Z",
      "2025-11-01T24:06:45.000Z",
      "2025-11-01T00:60:45.000Z",
      "2025-11-01T00:06:60.000Z",
      "-010000-11-01T00:06:45.000Z",
      "+01000-11-01T00:06:45.0000Z",
    ]
  ) assertEquals(isInstant(`"${other}"`), false, other);
  assertEquals(isInstant('"2024-02-29T00:06:45.000Z"'), true);
});

Deno.test("TextScanner reads null and the digits of an integer of any size", () => {
  const scanner = scan("null18446744073709551615-9223372036854775808,null");
  scanner.readText();
  assertEquals([scanner.textIsNull, scanner.textIsInteger, scanner.position], [true, false, 4]);
  scanner.readText();
  assertEquals(textOf(scanner).startsWith("18446744073709551615"), true);
  const negative = scan("-9223372036854775808,");
  negative.readText();
  assertEquals([negative.textIsInteger, textOf(negative)], [true, "-9223372036854775808"]);
  const none = scan("null");
  assertEquals([none.readInstantOrNull(), none.failed], [NaN, false]);
  assertEquals(isInstant("null"), false);
});

Deno.test("TextScanner passes what is expected and stands still before what is not", () => {
  const scanner = scan("abcdef");
  assertEquals(scanner.accept(textBytes("abd")), false);
  assertEquals(scanner.accept(textBytes("ab")), true);
  scanner.expect(textBytes("cd"));
  assertEquals([scanner.failed, scanner.position], [false, 4]);
  assertEquals(scanner.accept(textBytes("efg")), false);
  scanner.expect(textBytes("x"));
  assertEquals([scanner.failed, scanner.position], [true, 4]);
});

const BROKEN:
  readonly (readonly [text: string, read: "readText" | "readInteger" | "readInstant"])[] = [
    ["", "readText"],
    ['"', "readText"],
    ['"abc', "readText"],
    ['"abc\\', "readText"],
    ['"abc\\"', "readText"],
    ['"abc\\x"', "readText"],
    ['"abc\\u00', "readText"],
    // As others write the letter é, which is two bytes here.
    ['"abc\\u00e9"', "readText"],
    ['"abc\\u0041"', "readText"],
    ['"abc\\u2028"', "readText"],
    ['"abc\\u001x"', "readText"],
    ['"abc\\u001F"', "readText"],
    [`"\\n${"x".repeat(2000)}"`, "readText"],
    ["nul", "readText"],
    ["true", "readText"],
    ["", "readInteger"],
    ["x1", "readInteger"],
    ["-1", "readInteger"],
    ["", "readInstant"],
    ['"2025-11-01T00:06:45.000Z', "readInstant"],
    ['"2025-11-01T00:06:45.0Z"xxx', "readInstant"],
    ['"2025-1a-01T00:06:45.000Z"', "readInstant"],
    ['"2025-11-01T00:06:45.00:Z"', "readInstant"],
    ["1761955605000", "readInstant"],
  ];

for (const [text, read] of BROKEN) {
  Deno.test(`TextScanner.${read}() fails on ${JSON.stringify(text.slice(0, 40))}`, () => {
    const scanner = scan(text);
    scanner[read]();
    assertEquals(scanner.failed, true);
  });
}

Deno.test("TextScanner reads nothing past its range and nothing right after a failure", () => {
  const bytes = textBytes('"abc"');
  const scanner = new TextScanner();
  scanner.reset(bytes, 0, 4);
  scanner.readText();
  assertEquals(scanner.failed, true);
  scanner.reset(bytes, 0, 5);
  scanner.failed = true;
  scanner.readText();
  assertEquals([scanner.failed, scanner.position], [true, 0]);
});

function scan(text: string): TextScanner {
  const scanner = new TextScanner();
  const bytes = textBytes(text);
  scanner.reset(bytes, 0, bytes.length);
  return scanner;
}

function textOf({ textBytes: bytes, textFrom, textTo }: TextScanner): string {
  return new TextDecoder().decode(bytes.subarray(textFrom, textTo));
}

function isInstant(text: string): boolean {
  const scanner = scan(text);
  scanner.readInstant();
  scanner.expectEnd();
  return !scanner.failed;
}
