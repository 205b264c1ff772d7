/**
 * How the pure record-batch reader reaches the codecs, which are not pure.
 *
 * A decompressor gets the codec's number in Kafka's record batches and the compressed records,
 * and returns at most `bytesMax` bytes, which belong to the caller until the next call.
 * @throws DecompressError and nothing else, before it has made much more than `bytesMax` bytes
 */
export type Decompress = (codec: number, bytes: Uint8Array, bytesMax: number) => Uint8Array;

/** Codec numbers of record batches (attributes, bits 0 to 2). */
export const Codec = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export class DecompressError extends Error {
  override readonly name = "DecompressError";
  readonly code: "unknown_codec" | "corrupt" | "too_large";

  constructor(message: string, options: { code: DecompressError["code"]; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}
