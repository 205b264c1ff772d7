import { gunzipSync } from "node:zlib";
import { Codec, DecompressError } from "../../core/decompress.ts";
import { plainBytes, tooLargeError, zlibError } from "./decompress_fault.ts";
import { decompressLz4 } from "./lz4.ts";
import { decompressSnappy } from "./snappy.ts";
import { decompressZstd } from "./zstd.ts";

/**
 * The `Decompress` of Kafka's codecs: gzip and zstd natively where the
 * runtime can, snappy and lz4 here. A bomb costs no more than its first `bytesMax` bytes.
 *
 * Checksums inside the formats are not looked at where the runtime does not: the batch's CRC-32C
 * covers the same bytes.
 */
export function decompress(codec: number, bytes: Uint8Array, bytesMax: number): Uint8Array {
  switch (codec) {
    case Codec.gzip:
      return decompressGzip(bytes, bytesMax);
    case Codec.snappy:
      return decompressSnappy(bytes, bytesMax);
    case Codec.lz4:
      return decompressLz4(bytes, bytesMax);
    case Codec.zstd:
      return decompressZstd(bytes, bytesMax);
    default:
      throw new DecompressError(`Cannot decompress: codec ${codec} is unknown`, {
        code: "unknown_codec",
      });
  }
}

/** Gzip, also of several members one after the other. */
function decompressGzip(bytes: Uint8Array, bytesMax: number): Uint8Array {
  let output: Uint8Array;
  try {
    output = gunzipSync(bytes, { maxOutputLength: Math.max(1, bytesMax) });
  } catch (error) {
    throw zlibError("gzip", error, bytesMax);
  }
  if (output.length > bytesMax) throw tooLargeError("gzip", bytesMax);
  return plainBytes(output);
}
