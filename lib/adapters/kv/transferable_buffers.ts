/** The buffers under these views, each once: several views may share one. */
export function transferableBuffers(views: readonly Uint8Array[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { buffer } of views) if (buffer instanceof ArrayBuffer) buffers.add(buffer);
  return [...buffers];
}
