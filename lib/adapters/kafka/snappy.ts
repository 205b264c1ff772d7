import { corruptError, tooLargeError } from "./decompress_fault.ts";

/**
 * Snappy, as Kafka knows it: a raw block (librdkafka), or blocks in the framing of Java's
 * snappy-java ("xerial"), which may occur several times over.
 *
 * Formats: google/snappy `format_description.txt`; snappy-java `SnappyOutputStream`.
 */
export function decompressSnappy(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const blocks = isXerial(bytes, 0) ? xerialBlocks(bytes) : [{ from: 0, to: bytes.length }];
  let size = 0;
  for (const block of blocks) {
    size += readLength(bytes, block).length;
    if (size > bytesMax) throw tooLargeError("snappy", bytesMax);
    // Three bytes stand for 64 at best, so that a lie about the size costs no memory.
    if (size > 24 * bytes.length) throw corruptError("snappy", "a length that cannot be");
  }
  const output = new Uint8Array(size);
  let at = 0;
  for (const block of blocks) at = decompressBlock(bytes, block, output, at);
  return output;
}

interface ByteRange {
  readonly from: number;
  readonly to: number;
}

// 0x82 SNAPPY 0x00, then two versions of four bytes each.
const XERIAL_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const XERIAL_HEADER_BYTES = 16;

function isXerial(bytes: Uint8Array, at: number): boolean {
  return XERIAL_MAGIC.every((byte, i) => bytes[at + i] === byte);
}

function xerialBlocks(bytes: Uint8Array): ByteRange[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: ByteRange[] = [];
  for (let at = 0; at < bytes.length;) {
    if (isXerial(bytes, at)) {
      at += XERIAL_HEADER_BYTES;
      if (at > bytes.length) throw corruptError("snappy", "a header that is cut off");
      continue;
    }
    const from = at + 4;
    const to = from <= bytes.length ? from + view.getInt32(at) : Infinity;
    // Not even an empty block is shorter than one byte.
    if (to <= from || to > bytes.length) throw corruptError("snappy", "a block that is cut off");
    blocks.push({ from, to });
    at = to;
  }
  return blocks;
}

/** The block's decompressed length, and where its elements begin. */
function readLength(bytes: Uint8Array, block: ByteRange): { length: number; from: number } {
  let length = 0;
  let at = block.from;
  for (let weight = 1; at < block.to && weight <= 2 ** 28; weight *= 128) {
    const byte = bytes[at++]!;
    length += (byte & 127) * weight;
    if (byte < 128) return { length, from: at };
  }
  throw corruptError("snappy", "no length");
}

/** Returns the position in `output` after the block's bytes. */
function decompressBlock(
  bytes: Uint8Array,
  block: ByteRange,
  output: Uint8Array,
  outputFrom: number,
): number {
  const { length, from } = readLength(bytes, block);
  const outputEnd = outputFrom + length;
  let at = from;
  let out = outputFrom;
  // `!`: checked against the block's end before each read.
  while (at < block.to) {
    const tag = bytes[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let count = (tag >>> 2) + 1;
      if (count > 60) {
        const lengthBytes = count - 60;
        if (at + lengthBytes > block.to) throw corruptError("snappy", "a literal cut off");
        count = 1;
        for (let i = 0; i < lengthBytes; i++) count += bytes[at++]! * 2 ** (8 * i);
      }
      if (at + count > block.to || out + count > outputEnd) {
        throw corruptError("snappy", "a literal out of bounds");
      }
      if (count < 32) {
        for (const end = at + count; at < end;) output[out++] = bytes[at++]!;
      } else {
        output.set(bytes.subarray(at, at + count), out);
        at += count;
        out += count;
      }
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (at + offsetBytes > block.to) throw corruptError("snappy", "a copy cut off");
    const count = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    let offset = kind === 1 ? ((tag >>> 5) << 8) | bytes[at]! : bytes[at]! | (bytes[at + 1]! << 8);
    if (kind === 3) offset += bytes[at + 2]! * 2 ** 16 + bytes[at + 3]! * 2 ** 24;
    at += offsetBytes;
    if (offset === 0 || offset > out - outputFrom || out + count > outputEnd) {
      throw corruptError("snappy", "a copy out of bounds");
    }
    // Byte by byte: a copy may overlap itself, and has at most 64 bytes.
    for (const end = out + count; out < end; out++) output[out] = output[out - offset]!;
  }
  if (out !== outputEnd) throw corruptError("snappy", "fewer bytes than announced");
  return out;
}
