import { blockingCall } from "./blocking_call.ts";
import { FileAccessError } from "./file_access_error.ts";

/** What lines are written to: a file or a standard stream. */
export interface ByteSink {
  writeSync(bytes: Uint8Array): number;
  close(): void;
}

const BUFFER_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/**
 * Writes lines of bytes through a buffer. Synchronous: a reader that is slower than we are stops
 * us, and nothing piles up.
 */
export class LineWriter {
  readonly #sink: ByteSink;
  readonly #name: string;
  readonly #isStandard: boolean;
  readonly #buffer: Uint8Array;
  #filled = 0;
  #bytesWritten = 0;
  #isClosed = false;

  constructor(sink: ByteSink, name: string, bufferBytes = BUFFER_BYTES) {
    this.#sink = sink;
    this.#name = name;
    this.#isStandard = sink === Deno.stdout || sink === Deno.stderr;
    this.#buffer = new Uint8Array(bufferBytes);
  }

  /**
   * Opens a file, emptying what is there, or standard output for `-`.
   * @throws FileAccessError
   */
  static open(path: string): LineWriter {
    if (path === "-") return new LineWriter(Deno.stdout, "standard output");
    try {
      const file = Deno.openSync(path, { write: true, create: true, truncate: true });
      return new LineWriter(file, path);
    } catch (cause) {
      throw new FileAccessError(`open ${path}`, cause);
    }
  }

  /** Bytes handed over to the system so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /**
   * Writes `bytes[from, to)` and the end of the line.
   * @throws FileAccessError `broken_pipe` when the reader has gone, `disk_full`
   */
  writeLine(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    this.write(bytes, from, to);
    if (this.#filled === this.#buffer.length) this.flush();
    this.#buffer[this.#filled++] = NEWLINE;
  }

  /** Writes `bytes[from, to)`, a part of a line or several. @throws FileAccessError */
  write(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    if (to - from > this.#buffer.length - this.#filled) {
      this.flush();
      if (to - from >= this.#buffer.length) {
        this.#writeThrough(bytes.subarray(from, to));
        return;
      }
    }
    this.#buffer.set(bytes.subarray(from, to), this.#filled);
    this.#filled += to - from;
  }

  /** Hands over what is in the buffer. @throws FileAccessError */
  flush(): void {
    const filled = this.#filled;
    // What cannot be written now will not be either the next time.
    this.#filled = 0;
    this.#writeThrough(this.#buffer.subarray(0, filled));
  }

  /** Flushes and closes; a standard stream stays open. @throws FileAccessError */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.flush();
    } finally {
      if (!this.#isStandard) this.#sink.close();
    }
  }

  #writeThrough(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) {
        const written = blockingCall(() => this.#sink.writeSync(bytes.subarray(at)));
        at += written;
        this.#bytesWritten += written;
      }
    } catch (cause) {
      throw new FileAccessError(`write to ${this.#name}`, cause);
    }
  }
}
