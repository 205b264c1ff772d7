/**
 * Keeps byte strings of 1 to 256 bytes: blocks of sixteen sizes, cut from chunks that never move,
 * each size with a free list of its own that is threaded through the free blocks.
 *
 * A position is `chunk << 18 | byte in chunk`, so an arena holds 2 GiB at most.
 */
export class ByteArena {
  readonly #chunks: Uint8Array[] = [];
  readonly #freeHeads = new Int32Array(SIZES).fill(NONE);
  #used = CHUNK_BYTES;

  get byteLength(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /** Copies `bytes[from, from + length)` in. @returns its position. */
  store(bytes: Uint8Array, from: number, length: number): number {
    const position = this.#allocate(sizeOf(length));
    const chunk = this.chunkOf(position);
    const at = position & CHUNK_MASK;
    for (let i = 0; i < length; i++) chunk[at + i] = bytes[from + i]!;
    return position;
  }

  /** Gives the block back. `length` is the one it was stored with. */
  free(position: number, length: number): void {
    const size = sizeOf(length);
    const chunk = this.chunkOf(position);
    const at = position & CHUNK_MASK;
    const next = this.#freeHeads[size]!;
    chunk[at] = next;
    chunk[at + 1] = next >>> 8;
    chunk[at + 2] = next >>> 16;
    chunk[at + 3] = next >>> 24;
    this.#freeHeads[size] = position;
  }

  /** The chunk that holds the block; its first byte is at `position & ARENA_OFFSET_MASK`. */
  chunkOf(position: number): Uint8Array {
    return this.#chunks[position >>> CHUNK_SHIFT]!;
  }

  #allocate(size: number): number {
    const head = this.#freeHeads[size]!;
    if (head !== NONE) {
      const chunk = this.chunkOf(head);
      const at = head & CHUNK_MASK;
      this.#freeHeads[size] = chunk[at]! | (chunk[at + 1]! << 8) | (chunk[at + 2]! << 16) |
        (chunk[at + 3]! << 24);
      return head;
    }
    const bytes = (size + 1) * GRAIN;
    if (this.#used + bytes > CHUNK_BYTES) {
      this.#chunks.push(new Uint8Array(CHUNK_BYTES));
      this.#used = 0;
    }
    const position = ((this.#chunks.length - 1) << CHUNK_SHIFT) | this.#used;
    this.#used += bytes;
    return position;
  }
}

const GRAIN = 16;
const SIZES = 16;
const CHUNK_SHIFT = 18;
const CHUNK_BYTES = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK_BYTES - 1;
const NONE = -1;

/** What of a position is the byte in its chunk. */
export const ARENA_OFFSET_MASK = CHUNK_MASK;

function sizeOf(length: number): number {
  return (length - 1) >> 4;
}
