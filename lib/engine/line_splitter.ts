import type { ByteSource } from "../ports/byte_stream.ts";

/**
 * Cuts what a source gives into lines, in place: a line is a range of `bytes`, valid until the
 * next `fill`.
 *
 * ```ts
 * while (await lines.fill()) {
 *   while (lines.next()) use(lines.bytes, lines.from, lines.to);
 * }
 * ```
 *
 * Lines end with `\n` or `\r\n`; the last one needs no end. However long a line is, no more than
 * its first `lineBytesMax` bytes are kept.
 */
export class LineSplitter {
  /** Holds the line at `[from, to)`, without its end. */
  bytes: Uint8Array;
  from = 0;
  to = 0;
  /** How long the line is; more than `to − from` when it was cut. */
  lineBytes = 0;
  /** Bytes that the source gave. */
  bytesRead = 0;
  readonly #source: ByteSource;
  readonly #lineBytesMax: number;
  /** Where what is not yet a line begins, and ends: there lies a newline as a sentinel. */
  #from = 0;
  #end = 0;
  /** Up to here there is no newline. */
  #searched = 0;
  /** Bytes dropped from the middle of a line that is too long. */
  #dropped = 0;
  #atEnd = false;

  constructor(source: ByteSource, options: { lineBytesMax: number; blockBytes?: number }) {
    this.#source = source;
    this.#lineBytesMax = options.lineBytesMax;
    const blockBytes = options.blockBytes ?? BLOCK_BYTES;
    this.bytes = new Uint8Array(options.lineBytesMax + 1 + blockBytes + 1);
  }

  /**
   * Reads on, after `next` has answered false.
   *
   * @returns false at the end: there is no further line.
   * @throws ByteStreamError
   */
  async fill(): Promise<boolean> {
    if (this.#atEnd) return false;
    this.#keepRest();
    const room = this.bytes.subarray(this.#end, this.bytes.length - 1);
    const read = await this.#source.read(room);
    if (read === null) {
      this.#atEnd = true;
      return this.#end > 0;
    }
    this.bytesRead += read;
    this.#end += read;
    this.bytes[this.#end] = NEWLINE;
    return true;
  }

  /** Finds the next line in what was read. */
  next(): boolean {
    const at = this.bytes.indexOf(NEWLINE, this.#searched);
    if (at >= this.#end) {
      this.#searched = this.#end;
      if (!this.#atEnd || this.#from === this.#end) return false;
    }
    const from = this.#from;
    const hasReturn = at > from && this.bytes[at - 1] === RETURN;
    const length = at - from - (hasReturn ? 1 : 0);
    this.from = from;
    this.to = from + Math.min(length, this.#lineBytesMax);
    this.lineBytes = length + this.#dropped;
    this.#dropped = 0;
    this.#from = at < this.#end ? at + 1 : at;
    this.#searched = this.#from;
    return true;
  }

  /** Moves what begins a line to the front, and drops of it what makes it too long. */
  #keepRest(): void {
    const bytes = this.bytes;
    if (this.#from > 0) {
      bytes.copyWithin(0, this.#from, this.#end);
      this.#end -= this.#from;
      this.#from = 0;
    }
    // One byte more is kept: it may be the carriage return before a newline that is still to come.
    const kept = this.#lineBytesMax + 1;
    if (this.#end > kept) {
      bytes[kept - 1] = bytes[this.#end - 1]!;
      this.#dropped += this.#end - kept;
      this.#end = kept;
    }
    this.#searched = this.#end;
    bytes[this.#end] = NEWLINE;
  }
}

const BLOCK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
