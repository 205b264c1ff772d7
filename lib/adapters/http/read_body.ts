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
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > bytesMax) {
        // Not awaited: what is still to come is the server's to throw away.
        reader.cancel().catch(() => {});
        return { kind: "too_large" };
      }
      chunks.push(value);
    }
  } catch {
    return { kind: "broken" };
  }
  return { kind: "whole", bytes: concatenate(chunks, length) };
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
