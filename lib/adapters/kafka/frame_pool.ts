/**
 * Buffers for frames, used again and again: a request of some hundred kilobytes every few
 * milliseconds would otherwise be fresh memory each, zeroed and then collected.
 */
export class FramePool {
  readonly #free: Uint8Array[] = [];
  #freeBytes = 0;

  /** A buffer of at least so many bytes, its contents arbitrary. */
  take(bytes: number): Uint8Array {
    for (let index = this.#free.length - 1; index >= 0; index -= 1) {
      const buffer = this.#free[index]!;
      if (buffer.length < bytes) continue;
      this.#free.splice(index, 1);
      this.#freeBytes -= buffer.length;
      return buffer;
    }
    return new Uint8Array(roundUp(bytes));
  }

  /** Only when nothing can read the buffer any more: its request was answered. */
  give(buffer: Uint8Array): void {
    if (this.#freeBytes + buffer.length > FREE_BYTES_MAX) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.length;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(Math.max(bytes, 1) / STEP_BYTES) * STEP_BYTES;
}

const STEP_BYTES = 64 * 1024;
const FREE_BYTES_MAX = 16 * 1024 * 1024;
