import type { ConnectionInput } from "./connection_input.ts";
import { BadRequestError, type BodyFraming } from "./request_head.ts";

/** The body of one request, taken from its connection piece by piece. */
export class RequestBody {
  readonly #input: ConnectionInput;
  readonly #isChunked: boolean;
  /** Of the body, or of the chunk. */
  #bytesLeft: number;
  #isFirstChunk = true;
  #isWhole: boolean;

  constructor(input: ConnectionInput, framing: BodyFraming) {
    this.#input = input;
    this.#isChunked = framing.kind === "chunked";
    this.#bytesLeft = framing.kind === "length" ? framing.bytes : 0;
    this.#isWhole = framing.kind === "none";
  }

  /** Nothing of it is to come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /**
   * The next piece, at least a byte; null when it is whole. What has come is one piece, however
   * small the chunks are: a piece costs a hundred bytes besides its own.
   *
   * @throws BadRequestError when it ends early or is not well-formed.
   */
  async next(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#isWhole) return null;
    return this.#isChunked ? await this.#nextOfChunks() : await this.#nextOfLength();
  }

  async #nextOfLength(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#input.length === 0) await this.#fill();
    const piece = this.#input.take(this.#bytesLeft);
    this.#bytesLeft -= piece.length;
    this.#isWhole = this.#bytesLeft === 0;
    return piece;
  }

  async #nextOfChunks(): Promise<Uint8Array<ArrayBuffer> | null> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    while (pieces.length === 0 || this.#input.length > 0) {
      if (this.#bytesLeft === 0 && !await this.#nextChunk()) break;
      if (this.#input.length === 0) {
        if (pieces.length > 0) break;
        await this.#fill();
      }
      const piece = this.#input.take(this.#bytesLeft);
      this.#bytesLeft -= piece.length;
      length += piece.length;
      pieces.push(piece);
      // As much as one read brings; the rest of the buffer is for the next piece.
      if (length >= this.#input.bytes.length) break;
    }
    return length === 0 ? null : concatenate(pieces, length);
  }

  /** Takes the line before a chunk; false after the last one, with the trailers taken as well. */
  async #nextChunk(): Promise<boolean> {
    if (!this.#isFirstChunk && await this.#line() !== "") {
      throw new BadRequestError(400, "A chunk is longer than it says");
    }
    this.#isFirstChunk = false;
    const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(await this.#line())?.[1];
    if (size === undefined) throw new BadRequestError(400, "A chunk has no size");
    this.#bytesLeft = parseInt(size, 16);
    if (this.#bytesLeft > 0) return true;
    for (let trailers = 0; await this.#line() !== ""; trailers++) {
      if (trailers === TRAILERS_MAX) throw new BadRequestError(400, "There are too many trailers");
    }
    this.#isWhole = true;
    return false;
  }

  async #line(): Promise<string> {
    const input = this.#input;
    while (true) {
      const end = input.bytes.subarray(input.from, input.to).indexOf(LF);
      if (end > LINE_BYTES_MAX || (end < 0 && input.length > LINE_BYTES_MAX)) {
        throw new BadRequestError(400, "A line between chunks is too long");
      }
      if (end < 0) {
        await this.#fill();
        continue;
      }
      const line = String.fromCharCode(...input.take(end + 1));
      if (!line.endsWith("\r\n")) throw new BadRequestError(400, "A line ends with LF alone");
      return line.slice(0, -2);
    }
  }

  async #fill(): Promise<void> {
    if (!await this.#input.fill()) throw new BadRequestError(400, "The body ended early");
  }
}

function concatenate(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Sizes have extensions that nobody uses; trailers are thrown away. */
const LINE_BYTES_MAX = 256;
const TRAILERS_MAX = 16;
const LF = 0x0a;
