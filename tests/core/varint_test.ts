import { assert, assertEquals } from "@std/assert";
import { VarintReader, varintSize, writeVarint } from "../../lib/core/varint.ts";

const BOUNDARIES = [
  0,
  1,
  2 ** 6,
  2 ** 13,
  2 ** 20,
  2 ** 27,
  2 ** 30,
  2 ** 31,
  2 ** 32,
  2 ** 34,
  2 ** 41,
  2 ** 48,
  2 ** 52,
  2 ** 53 - 2,
].flatMap((n) => [n - 1, n, n + 1]).flatMap((n) => [n, -n]);

/** The definition, by BigInt: zigzag of 64 bits, then seven bits a byte. */
function naiveVarint(value: bigint): number[] {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}

function readerOver(bytes: readonly number[]): VarintReader {
  const reader = new VarintReader();
  reader.reset(Uint8Array.from(bytes), 0, bytes.length);
  return reader;
}

Deno.test("writeVarint() writes the bytes of the definition, exact to 2^53", () => {
  const bytes = new Uint8Array(16);
  for (const value of BOUNDARIES) {
    const end = writeVarint(bytes, 3, value);
    assertEquals([...bytes.subarray(3, end)], naiveVarint(BigInt(value)), `${value}`);
    assertEquals(varintSize(value), end - 3, `${value}`);
  }
});

Deno.test("VarintReader.read() gives back what was written", () => {
  for (const value of BOUNDARIES) {
    const reader = readerOver(naiveVarint(BigInt(value)));
    assertEquals(reader.read() + 0, value + 0, `${value}`);
    assertEquals(reader.failed, false);
    assertEquals(reader.position, reader.end);
  }
});

Deno.test("VarintReader.read() gives the nearest double beyond 2^53", () => {
  const max = readerOver(naiveVarint(2n ** 63n - 1n));
  assertEquals(max.read(), 2 ** 63);
  assertEquals(max.failed, false);
  const min = readerOver(naiveVarint(-(2n ** 63n)));
  assertEquals(min.read(), -(2 ** 63));
});

Deno.test("VarintReader.read() takes padded encodings, as Java does", () => {
  const reader = readerOver([0x82, 0x80, 0x80, 0x00, 0x83, 0x00]);
  assertEquals([reader.read(), reader.read()], [1, -2]);
  assertEquals(reader.failed, false);
});

Deno.test("VarintReader.read() fails at the end of its range and stays failed", () => {
  const reader = new VarintReader();
  reader.reset(Uint8Array.of(0x04, 0x80, 0x01, 0x06), 0, 2);
  assertEquals(reader.read(), 2);
  assertEquals(reader.read(), 0);
  assert(reader.failed);
  reader.position = 3;
  reader.end = 4;
  assertEquals(reader.read(), 0);
  reader.reset(Uint8Array.of(0x06), 0, 1);
  assertEquals(reader.read(), 3);
  assertEquals(reader.failed, false);
});

Deno.test("VarintReader.read() fails on more than ten bytes", () => {
  const reader = readerOver([...new Array(10).fill(0x80), 0x00]);
  assertEquals(reader.read(), 0);
  assert(reader.failed);
});
