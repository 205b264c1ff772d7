import { assertEquals } from "@std/assert";
import {
  textBytes,
  writeBytes,
  writeEscaped,
  writeInstant,
  writeInteger,
} from "../../lib/core/text_writer.ts";
import { Random } from "../support/random.ts";

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const DAY_MS = 86_400_000;

Deno.test("writeInstant() writes what Date.toISOString() does, from 1970 to 9999", () => {
  const random = new Random(1);
  for (let i = 0; i < 50_000; i++) checkInstant(random.int(0, LAST_MS));
});

Deno.test("writeInstant() writes the first and the last millisecond of every day of 400 years", () => {
  const from = Date.UTC(1970, 0, 1);
  for (let day = 0; day < 146_097; day += 1) {
    const ms = from + day * DAY_MS;
    if (day % 7 === 0) checkInstant(ms - (day > 0 ? 1 : 0));
    checkInstant(ms);
  }
});

for (
  const text of [
    "1970-01-01T00:00:00.000Z",
    "2000-02-29T23:59:59.999Z",
    "2100-02-28T23:59:59.999Z",
    "2100-03-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00.000Z",
    "+010000-02-29T12:00:00.001Z",
    "+012345-06-07T08:09:10.011Z",
  ]
) {
  Deno.test(`writeInstant() writes ${text}`, () => checkInstant(Date.parse(text)));
}

Deno.test("writeInstant() writes one instant after the other, whatever the day before", () => {
  const random = new Random(2);
  const instants = Array.from({ length: 5 }, () => random.int(0, LAST_MS));
  for (let i = 0; i < 2000; i++) checkInstant(random.pick(instants) + random.int(0, 5));
});

Deno.test("writeInteger() writes what String() does", () => {
  const random = new Random(3);
  const edges = [0, 9, 10, 99, 100, 101, 0x7fffffff, 0x80000000, 2 ** 32, 2 ** 53 - 1, 2 ** 53];
  for (let power = 1; power <= 1e15; power *= 10) edges.push(power, power - 1, power + 1);
  for (const value of edges) checkInteger(value);
  for (let i = 0; i < 50_000; i++) checkInteger(random.int(0, 2 ** random.int(1, 53) - 1));
});

Deno.test("writeEscaped() writes what JSON.stringify() does, for every ASCII character", () => {
  for (let code = 0; code < 128; code++) checkEscaped(String.fromCharCode(code));
});

Deno.test("writeEscaped() writes what JSON.stringify() does, for text of all kinds", () => {
  const random = new Random(4);
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
    "\ufeff",
  ];
  for (let i = 0; i < 5000; i++) {
    checkEscaped(Array.from({ length: random.int(0, 60) }, () => random.pick(characters)).join(""));
  }
});

Deno.test("writeBytes() copies short and long constants", () => {
  for (const length of [0, 1, 63, 64, 65, 300]) {
    const constant = textBytes("x".repeat(length));
    assertEquals(write((out, at) => writeBytes(out, at, constant)), "x".repeat(length));
  }
});

function checkInstant(ms: number): void {
  assertEquals(write((out, at) => writeInstant(out, at, ms)), new Date(ms).toISOString());
}

function checkInteger(value: number): void {
  assertEquals(write((out, at) => writeInteger(out, at, value)), String(value));
}

function checkEscaped(text: string): void {
  const bytes = textBytes(text);
  const written = write((out, at) => writeEscaped(out, at, bytes, bytes.length));
  assertEquals(`"${written}"`, JSON.stringify(text));
}

/** What the function writes, which must touch no other byte. */
function write(step: (out: Uint8Array, at: number) => number): string {
  buffer.fill(FILLER, 0, 512);
  const end = step(buffer, 5);
  assertEquals([buffer[4], buffer[end]], [FILLER, FILLER]);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(buffer.subarray(5, end));
}

const FILLER = 0xff;
const buffer = new Uint8Array(1024);
