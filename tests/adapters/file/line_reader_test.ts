import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { FileAccessError } from "../../../lib/adapters/file/file_access_error.ts";
import { type ByteSource, LineReader } from "../../../lib/adapters/file/line_reader.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Gives these bytes out in portions of these sizes, and the rest at once. */
class PortionedSource implements ByteSource {
  readonly #bytes: Uint8Array;
  readonly #portions: number[];
  #at = 0;
  isClosed = false;

  constructor(bytes: Uint8Array, portions: number[] = []) {
    this.#bytes = bytes;
    this.#portions = portions;
  }

  readSync(into: Uint8Array): number | null {
    if (this.#at === this.#bytes.length) return null;
    const portion = this.#portions.shift() ?? Infinity;
    const length = Math.min(portion, into.length, this.#bytes.length - this.#at);
    into.set(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return length;
  }

  close(): void {
    this.isClosed = true;
  }
}

function readerOf(
  text: string | Uint8Array,
  lineBytesMax = 100,
  portions: number[] = [],
): LineReader {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const source = new PortionedSource(bytes, portions);
  return new LineReader(source, "test", bytes.length, { lineBytesMax, readBytes: 16 });
}

/** Every line, `…` behind those that are too long. */
function linesOf(reader: LineReader): string[] {
  const lines: string[] = [];
  while (reader.next()) {
    const line = decoder.decode(reader.bytes.subarray(reader.from, reader.to));
    lines.push(reader.isTooLong ? `${line}…` : line);
    assertEquals(reader.lineNumber, lines.length - 1);
  }
  assertEquals(reader.next(), false);
  return lines;
}

const TEXTS: Record<string, [string, string[]]> = {
  "nothing": ["", []],
  "one line": ["a\n", ["a"]],
  "a last line without an end": ["a\nb", ["a", "b"]],
  "empty lines": ["\n\na\n\n", ["", "", "a", ""]],
  "CRLF and LF mixed": ["a\r\nb\n\r\nc\r\n", ["a", "b", "", "c"]],
  "carriage returns inside a line": ["a\rb\r\r\n\r", ["a\rb\r", "\r"]],
};

for (const [what, [text, expected]] of Object.entries(TEXTS)) {
  Deno.test(`LineReader.next() reads ${what}, however the bytes come`, () => {
    assertEquals(linesOf(readerOf(text)), expected);
    assertEquals(linesOf(readerOf(text, 100, Array.from(text, () => 1))), expected);
  });
}

Deno.test("LineReader.next() leaves bytes that are no UTF-8 as they are", () => {
  const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0xff, 0x00, 0xc0, 0x0a, 0x80]);
  const reader = readerOf(bytes);
  assert(reader.next());
  assertEquals(reader.bytes.slice(reader.from, reader.to), bytes.slice(0, 6));
  assert(reader.next());
  assertEquals(reader.bytes.slice(reader.from, reader.to), bytes.slice(7));
});

Deno.test("LineReader.next() gives the beginning of lines that are too long, to the byte", () => {
  for (const end of ["\n", "\r\n", ""]) {
    const text = (length: number) => `${"x".repeat(length)}${end}`;
    assertEquals(linesOf(readerOf(text(10), 10)), ["x".repeat(10)]);
    assertEquals(linesOf(readerOf(text(11), 10)), [`${"x".repeat(10)}…`]);
    assertEquals(linesOf(readerOf(text(12), 10)), [`${"x".repeat(10)}…`]);
    assertEquals(linesOf(readerOf(text(13), 10)), [`${"x".repeat(10)}…`]);
    assertEquals(linesOf(readerOf(text(500), 10)), [`${"x".repeat(10)}…`]);
  }
  const mixed = `${"a".repeat(300)}\nb\r\n${"c".repeat(11)}\n\nd\n${"e".repeat(90)}`;
  const expected = ["aaaaaaaaaa…", "b", "cccccccccc…", "", "d", "eeeeeeeeee…"];
  assertEquals(linesOf(readerOf(mixed, 10)), expected);
  assertEquals(linesOf(readerOf(mixed, 10, Array.from(mixed, () => 1))), expected);
});

Deno.test("LineReader holds no more of an endless line than its limit", () => {
  let given = 0;
  const reader = new LineReader(
    {
      readSync: (into) => {
        if (given > 10_000_000) return null;
        into.fill(0x78);
        given += into.length;
        return into.length;
      },
      close: () => {},
    },
    "test",
    null,
    { lineBytesMax: 1_000, readBytes: 4_096 },
  );
  assert(reader.next());
  assertEquals([reader.isTooLong, reader.to - reader.from], [true, 1_000]);
  assertLess(given, 10_000);
  assertEquals(reader.next(), false);
  assertLess(reader.bytes.length, 6_000);
  assertEquals(reader.bytesTotal, null);
});

Deno.test("LineReader agrees with a plain split on any text and any portions", () => {
  let seed = 20_251_101;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(seed / 2 ** 32 * below);
  };
  for (let round = 0; round < 2_000; round++) {
    let text = "";
    for (let i = random(120); i > 0; i--) text += "xxxyz\n\n\r"[random(8)];
    const lineBytesMax = 1 + random(12);
    const expected = text.split("\n");
    if (expected.at(-1) === "") expected.pop();
    const cut = expected.map((line, i) => {
      const hasEnd = i < expected.length - 1 || text.endsWith("\n");
      const content = hasEnd && line.endsWith("\r") ? line.slice(0, -1) : line;
      return content.length > lineBytesMax ? `${content.slice(0, lineBytesMax)}…` : content;
    });
    const portions = Array.from({ length: random(30) }, () => 1 + random(9));
    const reader = readerOf(text, lineBytesMax, portions);
    assertEquals(linesOf(reader), cut, `seed of round ${round}: ${JSON.stringify(text)}`);
    assertEquals(reader.bytesRead, text.length);
  }
});

Deno.test("LineReader.bytesRead counts the lines given out, with their ends", () => {
  const reader = readerOf("ab\r\nc\n\nlast");
  const seen: number[] = [reader.bytesRead];
  while (reader.next()) seen.push(reader.bytesRead);
  assertEquals(seen, [0, 4, 6, 7, 11]);
  assertEquals(reader.bytesTotal, 11);
});

Deno.test("LineReader.open() reads a file and knows its size", async () => {
  const path = await Deno.makeTempFile();
  const lines = Array.from({ length: 5_000 }, (_, i) => `line ${i} ${"x".repeat(i % 300)}`);
  await Deno.writeTextFile(path, lines.join("\n"));
  const reader = LineReader.open(path, { lineBytesMax: 1_000 });
  assertEquals(reader.bytesTotal, (await Deno.stat(path)).size);
  assertEquals(linesOf(reader), lines);
  assertEquals(reader.bytesRead, reader.bytesTotal);
  reader.close();
  await Deno.remove(path);
});

Deno.test("LineReader.open() says what is wrong with a path", async () => {
  const directory = await Deno.makeTempDir();
  const options = { lineBytesMax: 10 };
  const missing = assertThrows(() => LineReader.open(`${directory}/no`, options), FileAccessError);
  assertEquals(missing.code, "not_found");
  const reader = LineReader.open(directory, options);
  assertEquals(reader.bytesTotal, null);
  assertEquals(assertThrows(() => reader.next(), FileAccessError).code, "is_directory");
  reader.close();
  await Deno.remove(directory);
});

Deno.test("LineReader waits for a source that says not now, and passes its other errors on", () => {
  const answers: (number | Error)[] = [
    new Deno.errors.WouldBlock("later"),
    3,
    new Deno.errors.Interrupted("again"),
    new Deno.errors.WouldBlock("later"),
    2,
    new Error("the disk broke"),
  ];
  const reader = new LineReader(
    {
      readSync: (into) => {
        const answer = answers.shift()!;
        if (answer instanceof Error) throw answer;
        into.fill(0x61, 0, answer - 1);
        into[answer - 1] = 0x0a;
        return answer;
      },
      close: () => {},
    },
    "the tape",
    null,
    { lineBytesMax: 10 },
  );
  assert(reader.next());
  assertEquals(reader.to - reader.from, 2);
  assert(reader.next());
  assertEquals(reader.to - reader.from, 1);
  const error = assertThrows(() => reader.next(), FileAccessError);
  assertEquals([error.code, error.message], ["other", "Cannot read the tape: the disk broke"]);
});
