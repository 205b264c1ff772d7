import { assertEquals } from "@std/assert";
import { utf8SequenceBytes, writeUtf8 } from "../../lib/core/utf8.ts";

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Length of the one character that the bytes begin with, by the platform's decoder; 0 if none. */
function expectedBytes(bytes: Uint8Array): number {
  for (let length = 2; length <= Math.min(4, bytes.length); length++) {
    try {
      if ([...fatal.decode(bytes.subarray(0, length))].length === 1) return length;
    } catch {
      // Not a whole number of characters: try one byte more.
    }
  }
  return 0;
}

Deno.test("utf8SequenceBytes() agrees with TextDecoder on the edges of every range", () => {
  const leads = [0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef];
  leads.push(0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff);
  const rest = [0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
  for (const lead of leads) {
    for (const second of rest) {
      for (const third of rest) {
        for (const fourth of rest) {
          const bytes = Uint8Array.of(lead, second, third, fourth);
          for (let length = 1; length <= 4; length++) {
            const expected = expectedBytes(bytes.subarray(0, length));
            assertEquals(utf8SequenceBytes(bytes, 0, length), expected, `${bytes} to ${length}`);
          }
        }
      }
    }
  }
});

Deno.test("writeUtf8() writes what TextEncoder writes, and utf8SequenceBytes() reads it", () => {
  const encoder = new TextEncoder();
  const out = new Uint8Array(6);
  for (let codePoint = 0; codePoint < 0x110000; codePoint += codePoint < 0x3000 ? 1 : 61) {
    if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
    const end = writeUtf8(codePoint, out, 1);
    const expected = encoder.encode(String.fromCodePoint(codePoint));
    assertEquals(end - 1, expected.length);
    for (let k = 0; k < expected.length; k++) assertEquals(out[1 + k], expected[k]);
    if (codePoint >= 0x80) assertEquals(utf8SequenceBytes(out, 1, end), end - 1);
  }
});
