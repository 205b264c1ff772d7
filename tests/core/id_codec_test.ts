import { assert, assertEquals } from "@std/assert";
import {
  finishHash,
  hashLongId,
  hashShortId,
  ID_ABSENT,
  ID_DIGITS,
  ID_KIND_MASK,
  ID_LONG,
  ID_NEEDS_ESCAPE,
  ID_UUID,
  packId,
  unpackShortId,
} from "../../lib/core/id_codec.ts";
import { isLong, randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";

const KINDS: readonly (readonly [text: string, kind: number])[] = [
  ["", 0],
  ["a", 1],
  ["0123456789abcdef", 16],
  ["日本日本日", 15],
  ["0123456789abcdefg", ID_LONG],
  ["12345678901234567", ID_DIGITS],
  ["-2345678901234567", ID_DIGITS],
  ["1-345678901234567", ID_LONG],
  ["--345678901234567", ID_LONG],
  ["12345678901234567890123456789012", ID_DIGITS + 15],
  ["123456789012345678901234567890123", ID_LONG],
  ["6fb86ebc-3d88-4e31-b913-ea939acacf56", ID_UUID],
  ["6FB86EBC-3D88-4E31-B913-EA939ACACF56", ID_LONG],
  ["6fb86ebc-3d88-4e31-b913-ea939acacf5g", ID_LONG],
  ["6fb86ebc_3d88-4e31-b913-ea939acacf56", ID_LONG],
  ["6fb86ebc-3d884-e31-b913-ea939acacf56", ID_LONG],
  ["6fb86ebc3d884e31b913ea939acacf56", ID_LONG],
  ['"', 1 | ID_NEEDS_ESCAPE],
  ["\\", 1 | ID_NEEDS_ESCAPE],
  ["\u001f", 1 | ID_NEEDS_ESCAPE],
  ["\u007f", 1],
  ["a text that is long, with a \n", ID_LONG | ID_NEEDS_ESCAPE],
  ["1234567890123456\n", ID_LONG | ID_NEEDS_ESCAPE],
];

for (const [text, kind] of KINDS) {
  Deno.test(`packId() of ${JSON.stringify(text)} has kind ${kind}`, () => {
    assertEquals(pack(text).kind, kind);
  });
}

Deno.test("unpackShortId() gives back every text that is not long", () => {
  const random = new Random(1);
  for (let i = 0; i < 20_000; i++) {
    const text = randomIdText(random, 256);
    const { kind, words, bytes } = pack(text);
    if (isLong(kind)) {
      assertEquals([words[0], words[1]], [0, bytes.length]);
      continue;
    }
    const out = new Uint8Array(64).fill(0xee);
    const end = unpackShortId(kind, words, 0, out, 7);
    assertEquals(new TextDecoder().decode(out.subarray(7, end)), text);
    assertEquals(out[6], 0xee);
    assertEquals(out[end], 0xee);
  }
});

Deno.test("unpackShortId() of an absent id writes nothing", () => {
  assertEquals(unpackShortId(ID_ABSENT, new Int32Array(4), 0, new Uint8Array(4), 2), 2);
});

Deno.test("packId() gives different texts different packed forms, and equal texts the same", () => {
  const random = new Random(2);
  const texts = new Map<string, string>();
  for (let i = 0; i < 20_000; i++) {
    const text = randomIdText(random, 40);
    const { kind, words } = pack(text);
    const long = isLong(kind) ? text : "";
    const form = `${kind & ID_KIND_MASK} ${isLong(kind) ? "" : words.join(" ")} ${long}`;
    assertEquals(texts.get(form) ?? text, text);
    texts.set(form, text);
    // Whatever was packed before leaves no trace.
    assertEquals(pack(text).words, words);
  }
});

Deno.test("packId() looks at no byte outside its range", () => {
  const bytes = new TextEncoder().encode("99123499");
  const words = new Int32Array(6);
  assertEquals(packId(bytes, 2, 6, words, 1), 4);
  assertEquals(words[0], 0);
  assertEquals(words[5], 0);
  assertEquals(words[1], 0x34333231);
});

Deno.test("hashShortId() depends on the kind, each word and the seed", () => {
  const hashes = new Set<number>();
  for (const seed of [0x3c6ef372, 0x78dde6e4, -1]) {
    for (let kind = 0; kind < 48; kind++) {
      for (let word = 0; word < 4; word++) {
        for (const value of [0, 1, 0x0100, -1]) {
          const words = new Int32Array(4);
          words[word] = value;
          hashes.add(hashShortId(kind, words, 0, seed));
        }
      }
    }
  }
  // The value 0 gives the same words four times over.
  const different = 3 * 48 * 13;
  assert(hashes.size > different - 3, `${hashes.size} of ${different}`);
});

Deno.test("hashLongId() depends on every byte and the length, and not on the place", () => {
  const random = new Random(3);
  const hashes = new Set<number>();
  let different = 0;
  for (let length = 17; length <= 64; length++) {
    const bytes = random.bytes(length);
    const moved = new Uint8Array(length + 5);
    moved.set(bytes, 5);
    assertEquals(hashLongId(moved, 5, length, 9), hashLongId(bytes, 0, length, 9));
    for (let i = 0; i < length; i++) {
      const changed = bytes.slice();
      changed[i] = changed[i]! ^ 1;
      hashes.add(hashLongId(changed, 0, length, 9));
      different++;
    }
  }
  assert(hashes.size > different - 3, `${hashes.size} of ${different}`);
});

Deno.test("finishHash() spreads neighbours over the low bits", () => {
  const buckets = new Int32Array(256);
  for (let i = 0; i < 25_600; i++) buckets[finishHash(i) & 255]!++;
  assert(Math.max(...buckets) < 160, `${Math.max(...buckets)}`);
  assert(Math.min(...buckets) > 50, `${Math.min(...buckets)}`);
});

function pack(text: string): { kind: number; words: Int32Array; bytes: Uint8Array } {
  const bytes = new TextEncoder().encode(text);
  const words = new Int32Array(4);
  return { kind: packId(bytes, 0, bytes.length, words, 0), words, bytes };
}
