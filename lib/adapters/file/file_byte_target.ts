import type { ByteTarget } from "../../ports/byte_stream.ts";
import { byteStreamFailure } from "./byte_stream_failure.ts";
import { whenReady } from "./when_ready.ts";

/** What bytes are written to: a file, a standard stream, or what a test puts in their place. */
export interface WritableFile {
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/**
 * A file, which is emptied when it is opened, or standard output for `-`. It buffers nothing: the
 * caller hands over large pieces, and waits as long as the reader of a pipe makes it wait.
 */
export class FileByteTarget implements ByteTarget {
  readonly #file: WritableFile;
  readonly #path: string;

  constructor(file: WritableFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** @throws ByteStreamError */
  static async open(path: string): Promise<FileByteTarget> {
    if (path === "-") return new FileByteTarget(Deno.stdout, path);
    try {
      const file = await Deno.open(path, { write: true, create: true, truncate: true });
      return new FileByteTarget(file, path);
    } catch (cause) {
      throw byteStreamFailure("open", path, cause);
    }
  }

  static standardError(): FileByteTarget {
    return new FileByteTarget(Deno.stderr, "standard error");
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await whenReady(() => this.#file.write(bytes.subarray(at)));
      }
    } catch (cause) {
      throw byteStreamFailure("write to", this.#path, cause);
    }
  }

  /** Closes the file; a standard stream stays open. */
  close(): void {
    if (this.#file !== Deno.stdout && this.#file !== Deno.stderr) this.#file.close();
  }
}
