import { assertEquals, assertGreater } from "@std/assert";
import {
  JsonSkipper,
  QUOTE,
  scanString,
  skipPlain,
  unescapeString,
} from "../../lib/core/json_scanner.ts";
import { Random } from "../support/random.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether the bytes are one JSON value, by the language's own parser. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(decoder.decode(bytes));
    return true;
  } catch {
    return false;
  }
}

const PARTS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"a"',
  '"\\u00e9\\n"',
  '"é"',
  '"',
  "\\",
  "0",
  "-1.5e+3",
  "01",
  ".",
  "e",
  "true",
  "false",
  "null",
  "nul",
  " ",
  "\n",
  "\t",
  "\r",
  "\u00a0",
  "\u0001",
  '{"a":',
  '"k":',
  "[]",
  "{}",
  ",",
];

/** JSON text, mostly. */
function randomText(random: Random, depth: number): string {
  const space = random.pick(["", "", "", " ", "\n\t"]);
  const size = random.int(0, 3);
  const kind = depth > 6 ? random.int(2, 4) : random.int(0, 4);
  if (kind === 0) {
    const values = Array.from({ length: size }, () => randomText(random, depth + 1));
    return `[${space}${values.join(`${space},`)}]`;
  }
  if (kind === 1) {
    const members = Array.from(
      { length: size },
      () => `"${"é".repeat(size)}"${space}:${randomText(random, depth + 1)}`,
    );
    return `{${space}${members.join(`,${space}`)}${space}}`;
  }
  if (kind === 2) return String(random.pick([0, -0, 1.5, 1e21, -1e-7, 123456789]));
  if (kind === 3) {
    return JSON.stringify(random.pick(["", "a", 'q"\\\n', "\u0007", "é😀", "\ud800"]));
  }
  return random.pick(["true", "false", "null"]);
}

Deno.test("JsonSkipper.skipValue() accepts what JSON.parse accepts and nothing else", () => {
  const random = new Random(8259);
  const skipper = new JsonSkipper();
  let good = 0;
  let bad = 0;
  for (let i = 0; i < 60_000; i++) {
    let text = randomText(random, 0);
    const changes = random.int(0, 2);
    for (let k = 0; k < changes; k++) {
      const at = random.int(0, text.length);
      text = text.slice(0, at) + random.pick(PARTS) + text.slice(at + random.int(0, 1));
    }
    const bytes = encoder.encode(text.trim());
    const after = skipper.skipValue(bytes, 0, bytes.length);
    // A value may end before the text does; then the whole is not JSON, and what was skipped is.
    const isWhole = after === bytes.length;
    assertEquals(isWhole, isJson(bytes) && !/^\s|\s$/.test(decoder.decode(bytes)), text);
    if (after > 0 && !isWhole) assertEquals(isJson(bytes.subarray(0, after)), true, text);
    if (isWhole) good++;
    else bad++;
  }
  assertGreater(good, 5_000);
  assertGreater(bad, 5_000);
});

Deno.test("JsonSkipper.skipValue() names the byte that is not JSON", () => {
  const skipper = new JsonSkipper();
  for (
    const [text, at] of [
      ["", 0],
      ["[", 1],
      ["[1,", 3],
      ["[1 2]", 3],
      ['{"a"', 4],
      ['{"a":}', 5],
      [
        '"\\u00x0"',
        5,
      ],
      ["nuLl", 2],
      ["-", 1],
      ["1.e", 2],
      ['"\n"', 1],
      ["[1}", 2],
    ] as const
  ) {
    const bytes = encoder.encode(text);
    assertEquals(skipper.skipValue(bytes, 0, bytes.length), ~at, text);
  }
});

Deno.test("JsonSkipper counts the levels of nesting", () => {
  const depthOf = (text: string) => {
    const skipper = new JsonSkipper();
    const bytes = encoder.encode(text);
    assertEquals(skipper.skipValue(bytes, 0, bytes.length), bytes.length);
    return skipper.deepest;
  };
  assertEquals(depthOf("1"), 0);
  assertEquals(depthOf("[]"), 1);
  assertEquals(depthOf('{"a":[[],{}],"b":[{"c":[1]}]}'), 4);
  assertEquals(depthOf('"[[[["'), 0);
  assertEquals(depthOf("[".repeat(10_000) + "]".repeat(10_000)), 10_000);
  assertEquals(depthOf("[".repeat(500_000) + "]".repeat(500_000)), 500_000);
});

Deno.test("unescapeString() gives the text that JSON.parse gives", () => {
  const random = new Random(0x75);
  const parts = [
    "a",
    "é",
    "😀",
    '\\"',
    "\\\\",
    "\\/",
    "\\b",
    "\\f",
    "\\n",
    "\\r",
    "\\t",
    "\\u0000",
  ];
  parts.push("\\u0041", "\\u00E9", "\\u20ac", "\\ud83d", "\\ude00", "\\uD83D\\uDE00", "\\uffff");
  let halves = 0;
  for (let i = 0; i < 30_000; i++) {
    const inner = Array.from({ length: random.int(0, 8) }, () => random.pick(parts)).join("");
    const bytes = encoder.encode(inner + '"rest');
    const close = scanString(bytes, 0, bytes.length);
    assertEquals(close, bytes.length - 5);
    const out = new Uint8Array(bytes.length).fill(0x7e);
    const end = unescapeString(bytes, 0, close, out, 1);
    const text = JSON.parse(`"${inner}"`) as string;
    if (text.isWellFormed()) assertEquals(decoder.decode(out.subarray(1, end)), text, inner);
    else assertEquals(end, -1, inner);
    halves += end < 0 ? 1 : 0;
  }
  assertGreater(halves, 1_000);
});

Deno.test("skipPlain() stops at the first byte that does not stand for itself", () => {
  for (let byte = 0; byte < 256; byte++) {
    const bytes = Uint8Array.of(0x61, byte, 0x61);
    const isPlain = byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== 0x5c;
    assertEquals(skipPlain(bytes, 0, 3), isPlain ? 3 : 1);
    assertEquals(skipPlain(bytes, 0, 1), 1);
  }
});
