import { corruptError, tooLargeError } from "./decompress_fault.ts";

/** What the headers tell of a Zstandard frame, without decoding it. */
export interface ZstdFrame {
  readonly from: number;
  readonly to: number;
  /** Bytes of history the decoder must keep. */
  readonly windowBytes: number;
  readonly blocks: number;
}

const FRAME_MAGIC = 0xfd2fb528;
/** Any of sixteen: the lowest four bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 131_072;
/** Producers write one; each costs a call of the decoder. */
const FRAMES_MAX = 64;

/**
 * Walks the frames of `bytes` (RFC 8878) and makes sure that they are whole, as decoders take a
 * frame that is cut off for a short one and do not look behind the first. What blocks are
 * written out or repeated must fit into `bytesMax` as well.
 */
export function walkZstdFrames(bytes: Uint8Array, bytesMax: number): ZstdFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: ZstdFrame[] = [];
  let at = 0;
  let plainBytes = 0;
  const skip = (count: number): number => {
    const from = at;
    at += count;
    if (at > bytes.length) throw corruptError("zstd", "a frame that is cut off");
    return from;
  };
  if (bytes.length === 0) throw corruptError("zstd", "no frame");
  while (at < bytes.length) {
    const from = at;
    const magic = view.getUint32(skip(4), true);
    if ((magic & ~15) === SKIPPABLE_MAGIC) {
      skip(view.getUint32(skip(4), true));
      continue;
    }
    if (magic !== FRAME_MAGIC) throw corruptError("zstd", "no frame");
    if (frames.length === FRAMES_MAX) throw corruptError("zstd", "too many frames");
    const flags = view.getUint8(skip(1));
    const isSingleSegment = (flags & 0x20) !== 0;
    let windowBytes = isSingleSegment ? 0 : windowOf(view.getUint8(skip(1)));
    skip([0, 1, 2, 4][flags & 3]!); // id of a dictionary
    const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >>> 6]!;
    const contentBytes = readContentSize(view, skip(contentSizeBytes), contentSizeBytes);
    if (contentBytes > bytesMax) throw tooLargeError("zstd", bytesMax);
    if (isSingleSegment) windowBytes = contentBytes;
    let blocks = 0;
    for (let isLast = false; !isLast; blocks++) {
      const headerAt = skip(3);
      const header = view.getUint16(headerAt, true) | (view.getUint8(headerAt + 2) << 16);
      isLast = (header & 1) === 1;
      const type = (header >>> 1) & 3;
      const size = header >>> 3;
      if (type === 3 || size > BLOCK_BYTES_MAX) throw corruptError("zstd", "no such block");
      skip(type === 1 ? 1 : size);
      if (type !== 2) plainBytes += size;
      if (plainBytes > bytesMax) throw tooLargeError("zstd", bytesMax);
    }
    skip((flags & 4) === 0 ? 0 : 4); // checksum of the content
    frames.push({ from, to: at, windowBytes, blocks });
  }
  return frames;
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function readContentSize(view: DataView, at: number, size: number): number {
  switch (size) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return 0;
  }
}
