import { DecompressError } from "../../core/decompress.ts";

/** The bytes are not what the format says they must be. */
export function corruptError(format: string, why: string, cause?: unknown): DecompressError {
  return new DecompressError(`Cannot decompress ${format}: ${why}`, { code: "corrupt", cause });
}

/** Decompressed it would be larger than allowed. */
export function tooLargeError(format: string, bytesMax: number): DecompressError {
  return new DecompressError(`Cannot decompress ${format}: more than ${bytesMax} bytes`, {
    code: "too_large",
  });
}

/** What an error of `node:zlib` means. */
export function zlibError(format: string, error: unknown, bytesMax: number): DecompressError {
  if (error instanceof Error) {
    const tooLarge = "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return tooLarge ? tooLargeError(format, bytesMax) : corruptError(format, error.message, error);
  }
  return corruptError(format, String(error), error);
}

/** A Buffer's bytes as a Uint8Array: two classes of byte arrays would slow every hot loop down. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
