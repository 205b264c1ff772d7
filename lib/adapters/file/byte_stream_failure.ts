import { ByteStreamError } from "../../ports/byte_stream.ts";

/**
 * Turns what the system threw into the port's error.
 *
 * @param action what failed, as in `Cannot <action> <file>: <reason>`
 */
export function byteStreamFailure(action: string, file: string, cause: unknown): ByteStreamError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ByteStreamError(`Cannot ${action} ${file}: ${reason}`, {
    file,
    code: cause instanceof Deno.errors.BrokenPipe ? "closed" : "other",
    cause,
  });
}
