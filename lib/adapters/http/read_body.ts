export type BodyRead =
  | { readonly kind: "whole"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "too_large" }
  /** The connection broke before the announced end. */
  | { readonly kind: "broken" };

/**
 * Reads a request's body of at most `bytesMax` bytes, whatever `Content-Length` says or leaves out:
 * a larger one is refused by its announcement, else as soon as it has grown too large.
 */
export async function readBody(request: Request, bytesMax: number): Promise<BodyRead> {
  if (Number(request.headers.get("content-length")) > bytesMax) return { kind: "too_large" };
  if (request.body === null) return { kind: "whole", bytes: new Uint8Array(0) };
  let bytes = new Uint8Array(READ_BYTES);
  let length = 0;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      if (length + value.length > bytesMax) {
        // Not awaited: what is still to come is the server's to throw away.
        reader.cancel().catch(() => {});
        return { kind: "too_large" };
      }
      // One buffer that grows: a list of pieces of a byte each would take a hundred times as much.
      if (length + value.length > bytes.length) {
        const larger = new Uint8Array(Math.max(bytes.length * 2, length + value.length));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(value, length);
      length += value.length;
    }
  } catch {
    return { kind: "broken" };
  }
  return { kind: "whole", bytes: bytes.slice(0, length) };
}

const READ_BYTES = 64 * 1024;
