import { corruptError, tooLargeError } from "./decompress_fault.ts";

/**
 * LZ4 frames, one or several, with linked or independent blocks.
 *
 * Format: lz4 `doc/lz4_Frame_format.md` and `doc/lz4_Block_format.md`. Checksums (of the header,
 * of blocks, of the content) are passed over.
 */
export function decompressLz4(bytes: Uint8Array, bytesMax: number): Uint8Array {
  return new Lz4Decoder(bytes, bytesMax).decompress();
}

const FRAME_MAGIC = 0x184d2204;
/** Any of sixteen: the lowest four bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50;

const FLAG_VERSION = 0xc0;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_DICTIONARY = 0x01;

const BLOCK_STORED = 0x80000000;

class Lz4Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #bytesMax: number;
  #at = 0;
  #output: Uint8Array;
  #out = 0;

  constructor(bytes: Uint8Array, bytesMax: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytesMax = bytesMax;
    this.#output = new Uint8Array(Math.min(bytesMax, 4 * bytes.length));
  }

  decompress(): Uint8Array {
    if (this.#bytes.length === 0) throw corruptError("lz4", "no frame");
    while (this.#at < this.#bytes.length) this.#frame();
    return this.#output.subarray(0, this.#out);
  }

  #frame(): void {
    const magic = this.#uint32();
    if ((magic & ~15) === SKIPPABLE_MAGIC) {
      this.#skip(this.#uint32());
      return;
    }
    if (magic !== FRAME_MAGIC) throw corruptError("lz4", "no frame");
    const descriptorAt = this.#at;
    this.#skip(2);
    const flags = this.#bytes[descriptorAt]!;
    const blockSizeCode = (this.#bytes[descriptorAt + 1]! >>> 4) & 7;
    if ((flags & FLAG_VERSION) !== 0x40 || blockSizeCode < 4) {
      throw corruptError("lz4", "a frame of another version");
    }
    if ((flags & FLAG_DICTIONARY) !== 0) throw corruptError("lz4", "a dictionary is needed");
    // The content size, where it is given, is only a promise; then the header's checksum.
    this.#skip((flags & FLAG_CONTENT_SIZE) === 0 ? 1 : 9);
    const blockBytesMax = 1 << (8 + 2 * blockSizeCode);
    const frameFrom = this.#out;
    for (let size = this.#uint32(); size !== 0; size = this.#uint32()) {
      this.#block(size, blockBytesMax, frameFrom);
      if ((flags & FLAG_BLOCK_CHECKSUM) !== 0) this.#skip(4);
    }
    if ((flags & FLAG_CONTENT_CHECKSUM) !== 0) this.#skip(4);
  }

  #block(sizeField: number, blockBytesMax: number, frameFrom: number): void {
    const size = sizeField & ~BLOCK_STORED;
    const from = this.#at;
    this.#skip(size);
    if (sizeField < BLOCK_STORED) {
      this.#sequences(from, from + size, frameFrom, this.#out + blockBytesMax);
      return;
    }
    if (size > blockBytesMax) throw corruptError("lz4", "a block larger than its frame allows");
    this.#makeRoom(size);
    this.#output.set(this.#bytes.subarray(from, from + size), this.#out);
    this.#out += size;
  }

  /** @param outputEnd the block must not write past it */
  #sequences(from: number, to: number, frameFrom: number, outputEnd: number): void {
    const bytes = this.#bytes;
    let at = from;
    // `!`: below `to`, or below `out`, both checked before.
    while (at < to) {
      const token = bytes[at++]!;
      let literals = token >>> 4;
      if (literals === 15) {
        let more = 255;
        while (more === 255 && at < to) literals += more = bytes[at++]!;
      }
      if (at + literals > to || this.#out + literals > outputEnd) {
        throw corruptError("lz4", "literals out of bounds");
      }
      this.#makeRoom(literals);
      let output = this.#output;
      let out = this.#out;
      if (literals < 32) {
        for (const end = at + literals; at < end;) output[out++] = bytes[at++]!;
      } else {
        output.set(bytes.subarray(at, at + literals), out);
        at += literals;
        out += literals;
      }
      this.#out = out;
      if (at === to) return; // the last sequence has no match
      if (at + 2 > to) throw corruptError("lz4", "a match cut off");
      const offset = bytes[at]! | (bytes[at + 1]! << 8);
      at += 2;
      let count = (token & 15) + 4;
      if (count === 19) {
        let more = 255;
        while (more === 255 && at < to) count += more = bytes[at++]!;
      }
      if (offset === 0 || offset > out - frameFrom || out + count > outputEnd) {
        throw corruptError("lz4", "a match out of bounds");
      }
      this.#makeRoom(count);
      output = this.#output;
      if (offset >= count && count >= 32) {
        output.copyWithin(out, out - offset, out - offset + count);
        out += count;
      } else {
        for (const end = out + count; out < end; out++) output[out] = output[out - offset]!;
      }
      this.#out = out;
    }
  }

  #makeRoom(count: number): void {
    const needed = this.#out + count;
    if (needed <= this.#output.length) return;
    if (needed > this.#bytesMax) throw tooLargeError("lz4", this.#bytesMax);
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, 2 * this.#out, 65_536)));
    grown.set(this.#output.subarray(0, this.#out));
    this.#output = grown;
  }

  #uint32(): number {
    const at = this.#at;
    this.#skip(4);
    return this.#view.getUint32(at, true);
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw corruptError("lz4", "a frame that is cut off");
  }
}
