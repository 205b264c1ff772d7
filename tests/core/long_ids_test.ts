import { assertEquals } from "@std/assert";
import { ID_KIND_MASK, ID_LONG, packId } from "../../lib/core/id_codec.ts";
import { LongIds } from "../../lib/core/long_ids.ts";
import { randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";

const encoder = new TextEncoder();

Deno.test("LongIds packs as packId does, and keeps the bytes of what is long", () => {
  const random = new Random(1);
  const ids = new LongIds(0);
  for (let round = 0; round < 3; round++) {
    const texts = Array.from({ length: 500 }, () => randomIdText(random, 256));
    const words = new Int32Array(4 * texts.length);
    const kinds = texts.map((text, i) => {
      const bytes = encoder.encode(`..${text}..`);
      const kind = ids.pack(bytes, 2, bytes.length - 2, words, 4 * i);
      // Nothing of the source is held on to.
      bytes.fill(0);
      return kind;
    });
    let longBytes = 0;
    for (const [i, text] of texts.entries()) {
      const bytes = encoder.encode(text);
      const expected = new Int32Array(4);
      assertEquals(kinds[i], packId(bytes, 0, bytes.length, expected, 0));
      if ((kinds[i]! & ID_KIND_MASK) === ID_LONG) {
        expected[0] = longBytes;
        const kept = ids.bytes.subarray(longBytes, longBytes + bytes.length);
        assertEquals(new TextDecoder().decode(kept), text);
        longBytes += bytes.length;
      }
      assertEquals(words.subarray(4 * i, 4 * i + 4), expected);
    }
    ids.clear();
  }
});
