import { assert, assertEquals } from "@std/assert";
import { LineSplitter } from "../../lib/engine/line_splitter.ts";
import { MemorySource } from "../support/memory_streams.ts";
import { Random } from "../support/random.ts";

interface Line {
  readonly text: string;
  readonly lineBytes: number;
}

async function split(
  text: string,
  options: { lineBytesMax?: number; blockBytes?: number; read?: () => number } = {},
): Promise<Line[]> {
  const { lineBytesMax = 10, blockBytes = 4, read } = options;
  const source = new MemorySource(new TextEncoder().encode(text), read);
  const splitter = new LineSplitter(source, { lineBytesMax, blockBytes });
  const capacity = splitter.bytes.length;
  const lines: Line[] = [];
  while (await splitter.fill()) {
    while (splitter.next()) {
      const { bytes, from, to, lineBytes } = splitter;
      lines.push({ text: new TextDecoder().decode(bytes.subarray(from, to)), lineBytes });
    }
  }
  assertEquals(splitter.bytes.length, capacity);
  assertEquals(splitter.bytesRead, new TextEncoder().encode(text).length);
  return lines;
}

Deno.test("LineSplitter takes both line ends, and a last line without one", async () => {
  const lines = await split("ab\ncd\r\n\n\r\nef");
  assertEquals(lines.map(({ text }) => text), ["ab", "cd", "", "", "ef"]);
  assertEquals((await split("ab\n")).length, 1);
  assertEquals((await split("ab\r")).map(({ text }) => text), ["ab"]);
  assertEquals((await split("a\rb\n")).map(({ text }) => text), ["a\rb"]);
});

Deno.test("LineSplitter finds no line in nothing", async () => {
  assertEquals(await split(""), []);
});

Deno.test("LineSplitter keeps the beginning of a line that is too long, and tells its length", async () => {
  const lines = await split(`${"x".repeat(10)}\n${"y".repeat(11)}\nz\n${"w".repeat(1000)}\r\nv`);
  assertEquals(lines, [
    { text: "x".repeat(10), lineBytes: 10 },
    { text: "y".repeat(10), lineBytes: 11 },
    { text: "z", lineBytes: 1 },
    { text: "w".repeat(10), lineBytes: 1000 },
    { text: "v", lineBytes: 1 },
  ]);
});

Deno.test("LineSplitter takes a line of the largest size with either end, whatever the blocks", async () => {
  for (let blockBytes = 1; blockBytes < 30; blockBytes++) {
    const lines = await split(`${"x".repeat(10)}\r\n${"y".repeat(10)}\n`, { blockBytes });
    assertEquals(lines.map(({ lineBytes }) => lineBytes), [10, 10]);
  }
});

Deno.test("LineSplitter cuts random bytes where String.split does", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    let text = "";
    for (let i = random.int(0, 40); i > 0; i--) {
      text += random.pick(["\n", "\r\n", "\r", "a", "bcd".repeat(random.int(1, 9))]);
    }
    const expected = text.split("\n").map((line) => line.replace(/\r$/, ""));
    if (expected.at(-1) === "" && (text === "" || text.endsWith("\n"))) expected.pop();
    const lines = await split(text, {
      blockBytes: random.int(1, 20),
      read: () => random.int(1, 7),
    });
    assertEquals(
      lines,
      expected.map((line) => ({ text: line.slice(0, 10), lineBytes: line.length })),
      `seed=${seed} ${JSON.stringify(text)}`,
    );
  }
});

Deno.test("LineSplitter holds a line of any length in the memory of a short one", async () => {
  let reads = 0;
  const block = new Uint8Array(1024).fill(0x61);
  const source = {
    read(into: Uint8Array) {
      if (reads++ === 2000) return Promise.resolve(null);
      assert(into.length > 0 && into.length <= 1100);
      into.set(block.subarray(0, Math.min(into.length, block.length)));
      return Promise.resolve(Math.min(into.length, block.length));
    },
  };
  const splitter = new LineSplitter(source, { lineBytesMax: 64, blockBytes: 1024 });
  while (await splitter.fill()) if (splitter.next()) break;
  assertEquals(splitter.lineBytes, splitter.bytesRead);
  assertEquals(splitter.to - splitter.from, 64);
});
