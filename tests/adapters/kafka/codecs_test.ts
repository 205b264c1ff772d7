import { assert, assertEquals, assertThrows } from "@std/assert";
import lz4js from "lz4js";
import { gzipSync, zstdCompressSync } from "node:zlib";
import snappyjs from "snappyjs";
import { decompress } from "../../../lib/adapters/kafka/codecs.ts";
import {
  decompressZstdNative,
  decompressZstdScript,
  isZstdNative,
} from "../../../lib/adapters/kafka/zstd.ts";
import { Codec, DecompressError } from "../../../lib/core/decompress.ts";
import { concat } from "../../support/record_batches.ts";

const LIMIT = 1 << 20;

/** Something like JSON records: repeats, and noise between them. */
function sample(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 7;
  for (let i = 0; i < length; i++) {
    if (i % 40 < 8) state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = i % 40 < 8 ? state >>> 24 : i % 40;
  }
  return bytes;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

const SAMPLES: readonly Uint8Array<ArrayBuffer>[] = [
  new Uint8Array(0),
  Uint8Array.of(65),
  sample(20),
  sample(1000),
  sample(70_000),
  sample(300_000),
  new Uint8Array(200_000),
  noise(100_000),
];

function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function xerial(...blocks: readonly Uint8Array[]): Uint8Array {
  const header = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];
  return concat([
    Uint8Array.from(header),
    ...blocks.flatMap((block) => {
      const compressed = plain(snappyjs.compress(plain(block)));
      const size = new Uint8Array(4);
      new DataView(size.buffer).setInt32(0, compressed.length);
      return [size, compressed];
    }),
  ]);
}

/** A frame of Zstandard without its compressor: stored and repeated blocks. */
function zstdFrame(blocks: readonly (Uint8Array | { byte: number; count: number })[]) {
  const parts: Uint8Array[] = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40)];
  blocks.forEach((block, i) => {
    const isLast = i === blocks.length - 1 ? 1 : 0;
    const [type, size] = block instanceof Uint8Array ? [0, block.length] : [1, block.count];
    const header = isLast | (type << 1) | (size << 3);
    parts.push(Uint8Array.of(header & 255, (header >>> 8) & 255, header >>> 16));
    parts.push(block instanceof Uint8Array ? block : Uint8Array.of(block.byte));
  });
  return concat(parts);
}

interface Format {
  readonly codec: number;
  readonly compress: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array;
  readonly decompress?: (bytes: Uint8Array, bytesMax: number) => Uint8Array;
}

const FORMATS: Record<string, Format> = {
  gzip: { codec: Codec.gzip, compress: (bytes) => gzipSync(bytes) },
  "snappy, raw": {
    codec: Codec.snappy,
    compress: (bytes) => plain(snappyjs.compress(bytes)),
  },
  "snappy, framed": {
    codec: Codec.snappy,
    compress: (bytes) =>
      xerial(bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)),
  },
  lz4: { codec: Codec.lz4, compress: (bytes) => plain(lz4js.compress(bytes)) },
};
if (isZstdNative) {
  FORMATS["zstd"] = { codec: Codec.zstd, compress: (bytes) => zstdCompressSync(bytes) };
  FORMATS["zstd, native"] = { ...FORMATS["zstd"], decompress: decompressZstdNative };
  FORMATS["zstd, script"] = { ...FORMATS["zstd"], decompress: decompressZstdScript };
}

for (const [name, { codec, compress, decompress: own }] of Object.entries(FORMATS)) {
  const run = own ?? ((bytes: Uint8Array, bytesMax: number) => decompress(codec, bytes, bytesMax));

  Deno.test(`decompress() gives back what was compressed: ${name}`, () => {
    for (const original of SAMPLES) {
      const result = run(compress(original), LIMIT);
      assertEquals(Object.getPrototypeOf(result), Uint8Array.prototype);
      assertEquals(result.length, original.length);
      assert(result.every((byte, i) => byte === original[i]), `${original.length} bytes`);
    }
  });

  Deno.test(`decompress() stops at the limit, and not before: ${name}`, () => {
    const compressed = compress(sample(100_000));
    assertEquals(run(compressed, 100_000).length, 100_000);
    for (const bytesMax of [99_999, 1000, 0]) {
      const error = assertThrows(() => run(compressed, bytesMax), DecompressError);
      assertEquals(error.code, "too_large");
    }
  });

  Deno.test(`decompress() refuses a bomb: ${name}`, () => {
    const bomb = compress(new Uint8Array(30_000_000));
    const error = assertThrows(() => run(bomb, LIMIT), DecompressError);
    assertEquals(error.code, "too_large");
  });

  Deno.test(`decompress() says corrupt for every cut, and only DecompressError: ${name}`, () => {
    const compressed = compress(sample(3000));
    for (let length = 0; length < compressed.length; length += 7) {
      const error = assertThrows(() => run(compressed.subarray(0, length), LIMIT), DecompressError);
      assertEquals(error.code, "corrupt", `${length} of ${compressed.length}`);
    }
  });

  Deno.test(`decompress() survives any byte changed: ${name}`, () => {
    const compressed = plain(compress(sample(250)));
    let failures = 0;
    for (let at = 0; at < compressed.length; at++) {
      for (const change of [1, 0x10, 0x80, 0xff]) {
        compressed[at]! ^= change;
        try {
          assert(run(compressed, 5000).length <= 5000);
        } catch (error) {
          if (!(error instanceof DecompressError)) throw error;
          failures++;
        }
        compressed[at]! ^= change;
      }
    }
    assert(failures > 0);
  });
}

Deno.test("decompress() takes gzip members, lz4 frames and framed snappy one after the other", () => {
  const parts = [sample(500), sample(40_000), sample(3)] as const;
  const whole = concat(parts);
  for (const name of ["gzip", "lz4", "snappy, framed"]) {
    const { codec, compress } = FORMATS[name]!;
    const compressed = concat(parts.map((part) => compress(part)));
    assertEquals(decompress(codec, compressed, LIMIT), whole, name);
  }
});

Deno.test("decompress() takes several zstd frames and passes skippable ones over", () => {
  const skippable = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
  const bytes = concat([
    zstdFrame([sample(100), { byte: 7, count: 50 }]),
    skippable,
    zstdFrame([sample(20)]),
  ]);
  const expected = concat([sample(100), new Uint8Array(50).fill(7), sample(20)]);
  assertEquals(decompress(Codec.zstd, bytes, LIMIT), expected);
  assertEquals(decompressZstdScript(bytes, LIMIT), expected);
  const error = assertThrows(() => decompressZstdScript(bytes, 120), DecompressError);
  assertEquals(error.code, "too_large");
});

Deno.test("decompressZstdScript() refuses what would keep it busy", () => {
  const emptyBlocks = Array.from({ length: 300_000 }, () => new Uint8Array(0));
  const busy = zstdFrame(emptyBlocks);
  busy[5] = 13 << 3; // a window of 8 MiB, moved with every block
  const cases = {
    "many blocks in a large window": busy,
    "a window of 1 GiB": zstdFrame([sample(10)]).map((byte, i) => i === 5 ? 20 << 3 : byte),
    "many frames": concat(Array.from({ length: 65 }, () => zstdFrame([sample(1)]))),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const error = assertThrows(() => decompressZstdScript(bytes, LIMIT), DecompressError);
    assertEquals(error.code, "corrupt", name);
  }
});

Deno.test("decompress() reads lz4 blocks that are linked, stored, and checked", () => {
  const word = (
    value: number,
  ) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  const magic = [0x04, 0x22, 0x4d, 0x18];
  // Version 1, linked, block and content checksums, content size; blocks of 64 KiB.
  const header = [0x40 | 0x10 | 0x08 | 0x04, 0x40, 9, 0, 0, 0, 0, 0, 0, 0, 0x99];
  const stored = [...word(0x80000003), 97, 98, 99, ...word(0xdead)];
  // One literal, then five bytes from three back: of the block before.
  const linked = [...word(4), 0x11, 100, 4, 0, ...word(0xbeef)];
  const frame = [...magic, ...header, ...stored, ...linked, ...word(0), ...word(0xcafe)];
  const text = new TextDecoder().decode(decompress(Codec.lz4, Uint8Array.from(frame), LIMIT));
  assertEquals(text, "abcdabcda");
});

Deno.test("decompress() takes a lie about the size for what it is", () => {
  const huge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 65);
  assertEquals(codeOf(Codec.snappy, huge, LIMIT), "too_large");
  assertEquals(codeOf(Codec.snappy, huge, 2 ** 33), "corrupt");
});

Deno.test("decompress() knows no codec beyond zstd", () => {
  for (const codec of [5, 6, 7]) {
    assertEquals(codeOf(codec, new Uint8Array(4), LIMIT), "unknown_codec");
  }
});

function codeOf(codec: number, bytes: Uint8Array, bytesMax: number): DecompressError["code"] {
  return assertThrows(() => decompress(codec, bytes, bytesMax), DecompressError).code;
}
