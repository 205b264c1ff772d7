import { assert, assertEquals } from "@std/assert";
import { crc32c } from "../../lib/core/crc32c.ts";

const encoder = new TextEncoder();

/** Bit by bit, as in the definition. */
function naiveCrc32c(bytes: Uint8Array, from: number, to: number): number {
  let register = 0xffffffff;
  for (let i = from; i < to; i++) {
    register ^= bytes[i]!;
    for (let bit = 0; bit < 8; bit++) {
      register = register & 1 ? (register >>> 1) ^ 0x82f63b78 : register >>> 1;
    }
  }
  return ~register >>> 0;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 0x9e3779b9;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function wholeCrc32c(bytes: Uint8Array): number {
  return crc32c(bytes, 0, bytes.length);
}

Deno.test("crc32c() gives the check value and the examples of RFC 3720", () => {
  assertEquals(wholeCrc32c(encoder.encode("123456789")), 0xe3069283);
  assertEquals(wholeCrc32c(new Uint8Array(0)), 0);
  assertEquals(wholeCrc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(wholeCrc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(wholeCrc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assertEquals(wholeCrc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
});

Deno.test("crc32c() equals the definition for every length and alignment around its block sizes", () => {
  const buffer = noise(1200);
  for (let offset = 0; offset < 5; offset++) {
    const view = buffer.subarray(offset);
    for (let from = 0; from < 5; from++) {
      for (
        const length of [0, 1, 3, 7, 8, 9, 15, 16, 17, 100, 255, 256, 257, 270, 271, 513, 1000]
      ) {
        assertEquals(
          crc32c(view, from, from + length),
          naiveCrc32c(view, from, from + length),
          `offset ${offset}, from ${from}, length ${length}`,
        );
      }
    }
  }
});

Deno.test("crc32c() goes on from the checksum of what came before", () => {
  const bytes = noise(2000);
  const whole = wholeCrc32c(bytes);
  for (const cut of [0, 1, 255, 256, 1000, 1999, 2000]) {
    assertEquals(crc32c(bytes, cut, 2000, crc32c(bytes, 0, cut)), whole);
  }
});

Deno.test("crc32c() is unsigned", () => {
  assert(wholeCrc32c(encoder.encode("123456789")) > 0x7fffffff);
});
