import * as fzstd from "fzstd";
import * as zlib from "node:zlib";
import { corruptError, plainBytes, tooLargeError, zlibError } from "./decompress_fault.ts";
import { walkZstdFrames, type ZstdFrame } from "./zstd_frames.ts";

/** Zstandard: natively where `node:zlib` has it, in JavaScript elsewhere. */
export function decompressZstd(bytes: Uint8Array, bytesMax: number): Uint8Array {
  return isZstdNative
    ? decompressZstdNative(bytes, bytesMax)
    : decompressZstdScript(bytes, bytesMax);
}

/** Also Deno 2.6 has the function, but it throws: only trying tells. */
export const isZstdNative: boolean = canDecompressNatively();

export function decompressZstdNative(bytes: Uint8Array, bytesMax: number): Uint8Array {
  return decompressFrames(bytes, bytesMax, (frame, left) => {
    try {
      const part = bytes.subarray(frame.from, frame.to);
      return plainBytes(
        zlib.zstdDecompressSync(part, { maxOutputLength: Math.max(1, left) }),
      );
    } catch (error) {
      throw zlibError("zstd", error, bytesMax);
    }
  });
}

/** RFC 8878 asks every decoder for 8 MiB. */
const SCRIPT_WINDOW_BYTES_MAX = 8 << 20;
// The decoder moves its whole window with every block: about a second of that.
const SCRIPT_MOVED_BYTES_MAX = 2 ** 33;

export function decompressZstdScript(bytes: Uint8Array, bytesMax: number): Uint8Array {
  let movedBytes = 0;
  return decompressFrames(bytes, bytesMax, (frame, left) => {
    movedBytes += frame.windowBytes * frame.blocks;
    const isTooMuch = frame.windowBytes > Math.max(bytesMax, SCRIPT_WINDOW_BYTES_MAX) ||
      movedBytes > SCRIPT_MOVED_BYTES_MAX;
    if (isTooMuch) throw corruptError("zstd", "a window that is too large");
    const chunks: Uint8Array[] = [];
    let size = 0;
    const stream = new fzstd.Decompress((chunk) => {
      size += chunk.length;
      if (size > left) throw tooLargeError("zstd", bytesMax);
      chunks.push(chunk);
    });
    try {
      stream.push(bytes.subarray(frame.from, frame.to), true);
    } catch (error) {
      if (size > left) throw error;
      throw corruptError("zstd", error instanceof Error ? error.message : String(error), error);
    }
    return concatenate(chunks, size);
  });
}

/** @param decode decompresses one frame to at most `left` bytes */
function decompressFrames(
  bytes: Uint8Array,
  bytesMax: number,
  decode: (frame: ZstdFrame, left: number) => Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const frame of walkZstdFrames(bytes, bytesMax)) {
    const part = decode(frame, bytesMax - size);
    size += part.length;
    if (size > bytesMax) throw tooLargeError("zstd", bytesMax);
    parts.push(part);
  }
  return concatenate(parts, size);
}

function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function canDecompressNatively(): boolean {
  // A frame of one stored block with the byte "a".
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01, 0x09, 0x00, 0x00, 0x61);
  try {
    return zlib.zstdDecompressSync(frame)[0] === 0x61;
  } catch {
    return false;
  }
}
