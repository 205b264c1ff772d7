/**
 * CRC-32C (Castagnoli), the checksum of Kafka's record batches, iSCSI and ext4.
 *
 * Reflected polynomial 0x82f63b78, initial and final XOR all ones. Slicing-by-16 (Kounavis and
 * Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation", 2008) over
 * 32-bit words: 0.52 ns a byte, against 0.72 for slicing-by-8 over bytes
 * (tests/bench/crc32c_bench.ts).
 */

const POLYNOMIAL = 0x82f63b78 | 0;

/** Table k, at 256·k: what a byte does to the register when k zero bytes follow it. */
const TABLE = buildTable(16);

/** Below this a view of 32-bit words costs more to make (about 30 ns) than it saves. */
const WORDS_BYTES_MIN = 256;

/**
 * The CRC-32C of `bytes[from, to)`, unsigned.
 *
 * @param seed the checksum of what comes before, to go on with it; 0 to begin.
 */
export function crc32c(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let register = ~seed;
  let at = from;
  if (to - from >= WORDS_BYTES_MIN) {
    const aligned = at + (-(bytes.byteOffset + at) & 3);
    register = updateByBytes(register, bytes, at, aligned);
    const blocks = (to - aligned) >>> 4;
    register = updateByWords(
      register,
      // Little-endian words: every platform that V8 and Deno run on.
      new Int32Array(bytes.buffer, bytes.byteOffset + aligned, blocks << 2),
    );
    at = aligned + (blocks << 4);
  }
  return ~updateByBytes(register, bytes, at, to) >>> 0;
}

function updateByWords(seed: number, words: Int32Array): number {
  let register = seed;
  // `!`: the length is a multiple of 4, and every table index is below 16·256.
  for (let i = 0; i < words.length; i += 4) {
    const a = words[i]! ^ register;
    const b = words[i + 1]!;
    const c = words[i + 2]!;
    const d = words[i + 3]!;
    register = TABLE[3840 + (a & 255)]! ^ TABLE[3584 + ((a >>> 8) & 255)]! ^
      TABLE[3328 + ((a >>> 16) & 255)]! ^ TABLE[3072 + (a >>> 24)]! ^
      TABLE[2816 + (b & 255)]! ^ TABLE[2560 + ((b >>> 8) & 255)]! ^
      TABLE[2304 + ((b >>> 16) & 255)]! ^ TABLE[2048 + (b >>> 24)]! ^
      TABLE[1792 + (c & 255)]! ^ TABLE[1536 + ((c >>> 8) & 255)]! ^
      TABLE[1280 + ((c >>> 16) & 255)]! ^ TABLE[1024 + (c >>> 24)]! ^
      TABLE[768 + (d & 255)]! ^ TABLE[512 + ((d >>> 8) & 255)]! ^
      TABLE[256 + ((d >>> 16) & 255)]! ^ TABLE[d >>> 24]!;
  }
  return register;
}

function updateByBytes(seed: number, bytes: Uint8Array, from: number, to: number): number {
  let register = seed;
  let i = from;
  // `!`: the caller's range lies within `bytes`, and every table index is below 8·256.
  for (const blocksEnd = to - 7; i < blocksEnd; i += 8) {
    register = TABLE[1792 + ((bytes[i]! ^ register) & 255)]! ^
      TABLE[1536 + ((bytes[i + 1]! ^ (register >>> 8)) & 255)]! ^
      TABLE[1280 + ((bytes[i + 2]! ^ (register >>> 16)) & 255)]! ^
      TABLE[1024 + (bytes[i + 3]! ^ (register >>> 24))]! ^
      TABLE[768 + bytes[i + 4]!]! ^ TABLE[512 + bytes[i + 5]!]! ^
      TABLE[256 + bytes[i + 6]!]! ^ TABLE[bytes[i + 7]!]!;
  }
  for (; i < to; i++) register = TABLE[(bytes[i]! ^ register) & 255]! ^ (register >>> 8);
  return register;
}

function buildTable(slices: number): Int32Array {
  const table = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) {
      register = register & 1 ? (register >>> 1) ^ POLYNOMIAL : register >>> 1;
    }
    table[byte] = register;
  }
  for (let i = 256; i < table.length; i++) {
    const previous = table[i - 256]!;
    table[i] = table[previous & 255]! ^ (previous >>> 8);
  }
  return table;
}
