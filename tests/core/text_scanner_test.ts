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
  assertEquals([none.readInstant(), none.failed], [NaN, false]);
  const two = scan('null"2025-11-01T00:06:45.000Z"');
  two.skipInstant();
  assertEquals([two.position, two.failed], [4, false]);
  two.skipInstant();
  assertEquals([two.position, two.failed], [30, false]);
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

type Read = "readText" | "readInteger" | "readInstant" | "skipInstant";

const BROKEN: readonly (readonly [text: string, read: Read])[] = [
  ["", "readText"],
  ['"', "readText"],
  ['"abc', "readText"],
  ['"abc\\', "readText"],
  ['"abc\\"', "readText"],
  ['"abc\\x"', "readText"],
  ['"abc\\u00', "readText"],
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
  ...[4, 7, 10, 13, 16, 19, 23].flatMap((at) => {
    const text = `"2025-11-01T00:06:45.000Z"`;
    const broken = `${text.slice(0, at + 1)}x${text.slice(at + 2)}`;
    return [[broken, "readInstant"], [broken, "skipInstant"]] as const;
  }),
  ["", "skipInstant"],
  ['"2025-11-01T00:06:45.000Z', "skipInstant"],
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
