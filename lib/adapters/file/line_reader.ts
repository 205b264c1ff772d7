import { blockingCall } from "./blocking_call.ts";
import { FileAccessError } from "./file_access_error.ts";

/** What lines are read from: a file or standard input. */
export interface ByteSource {
  readSync(into: Uint8Array): number | null;
  close(): void;
}

export interface LineReaderOptions {
  /** Bytes of the longest line, its end not counted; of longer ones only the beginning is kept. */
  readonly lineBytesMax: number;
  /** Bytes asked for at a time. Default 256 KiB. */
  readonly readBytes?: number;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Reads lines as bytes, one after the other, in bounded memory.
 *
 * A line ends with LF or CRLF, which do not belong to it; the last one may end with the file. The
 * bytes are not looked at otherwise. Synchronous and into a buffer of its own: `Deno.readFile` is
 * ten times slower, and a promise a line would be as expensive as the line.
 *
 * ```ts
 * while (reader.next()) decode(reader.bytes, reader.from, reader.to);
 * ```
 */
export class LineReader {
  /** The line is `bytes[from, to)`, until `next` is called again. */
  readonly bytes: Uint8Array;
  from = 0;
  to = 0;
  /** Number of the line, from 0; -1 before the first one. */
  lineNumber = -1;
  /** The line is longer than allowed, and this is its beginning. */
  isTooLong = false;

  readonly #source: ByteSource;
  readonly #name: string;
  readonly #lineBytesMax: number;
  readonly #bytesTotal: number | null;
  /** Bytes in front of `bytes[0]`. */
  #bytesBefore = 0;
  /** Where the next line begins, or what is left of one that is too long. */
  #at = 0;
  #end = 0;
  #isSkipping = false;
  #isAtEnd = false;

  constructor(
    source: ByteSource,
    name: string,
    bytesTotal: number | null,
    options: LineReaderOptions,
  ) {
    this.#source = source;
    this.#name = name;
    this.#bytesTotal = bytesTotal;
    this.#lineBytesMax = options.lineBytesMax;
    // A longest line with its end always fits, and at least one byte more.
    this.bytes = new Uint8Array(options.lineBytesMax + 2 + (options.readBytes ?? 256 * 1024));
  }

  /**
   * Opens a file, or standard input for `-`.
   * @throws FileAccessError
   */
  static open(path: string, options: LineReaderOptions): LineReader {
    if (path === "-") return new LineReader(Deno.stdin, "standard input", null, options);
    let file: Deno.FsFile | null = null;
    try {
      file = Deno.openSync(path, { read: true });
      const { isFile, size } = file.statSync();
      return new LineReader(file, path, isFile ? size : null, options);
    } catch (cause) {
      file?.close();
      throw new FileAccessError(`open ${path}`, cause);
    }
  }

  /** Bytes of the lines given out so far, with their ends. */
  get bytesRead(): number {
    return this.#bytesBefore + this.#at;
  }

  /** Size of the file when it was opened; null where nobody knows, as for a pipe. */
  get bytesTotal(): number | null {
    return this.#bytesTotal;
  }

  /**
   * Goes to the next line; false when there is none.
   * @throws FileAccessError
   */
  next(): boolean {
    if (this.#isSkipping && !this.#skipRest()) return false;
    let searched = this.#at;
    for (;;) {
      const newline = this.#findNewline(searched);
      const length = (newline < 0 ? this.#end : newline) - this.#at;
      // Two more than the limit: the line's end may be on its way.
      if (newline < 0 && length < this.#lineBytesMax + 2 && !this.#isAtEnd) {
        searched = this.#end;
        const moved = this.#at;
        this.#fill();
        searched -= moved - this.#at;
        continue;
      }
      if (newline < 0 && length === 0) return false;
      this.#giveLine(newline);
      return true;
    }
  }

  close(): void {
    if (this.#source !== Deno.stdin) this.#source.close();
  }

  #giveLine(newline: number): void {
    const { bytes } = this;
    this.lineNumber++;
    this.from = this.#at;
    this.to = newline < 0 ? this.#end : newline;
    if (newline > this.from && bytes[newline - 1] === CARRIAGE_RETURN) this.to--;
    this.isTooLong = this.to - this.from > this.#lineBytesMax;
    if (this.isTooLong) this.to = this.from + this.#lineBytesMax;
    if (newline >= 0) {
      this.#at = newline + 1;
    } else {
      this.#at = this.#end;
      this.#isSkipping = !this.#isAtEnd;
    }
  }

  /** Passes over the rest of a line that was too long; false at the end of the file. */
  #skipRest(): boolean {
    for (;;) {
      const newline = this.#findNewline(this.#at);
      if (newline >= 0) {
        this.#at = newline + 1;
        this.#isSkipping = false;
        return true;
      }
      this.#at = this.#end;
      if (this.#isAtEnd) return false;
      this.#fill();
    }
  }

  #findNewline(from: number): number {
    const newline = this.bytes.indexOf(NEWLINE, from);
    // What lies behind the end is of earlier reads.
    return newline < this.#end ? newline : -1;
  }

  /** Moves what is left to the front and reads more behind it. */
  #fill(): void {
    this.bytes.copyWithin(0, this.#at, this.#end);
    this.#bytesBefore += this.#at;
    this.#end -= this.#at;
    this.#at = 0;
    try {
      const room = this.bytes.subarray(this.#end);
      const length = blockingCall(() => this.#source.readSync(room));
      if (length === null) this.#isAtEnd = true;
      else this.#end += length;
    } catch (cause) {
      throw new FileAccessError(`read ${this.#name}`, cause);
    }
  }
}
