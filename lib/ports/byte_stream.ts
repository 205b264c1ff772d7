/**
 * Bytes from the outside, as a replay reads them: a file or standard input. One call at a time.
 *
 * Asynchronous although a file never is: a replay that waits for a pipe must still hear that it is
 * to stop.
 */
export interface ByteSource {
  /**
   * Fills some of `into`, at least one byte, and resolves to how many; null at the end. The buffer
   * is the source's until then.
   *
   * @throws ByteStreamError
   */
  read(into: Uint8Array): Promise<number | null>;
}

/** Bytes to the outside: a file, standard output or error. One call at a time. */
export interface ByteTarget {
  /**
   * Takes all of the bytes, which are the target's until it resolves.
   *
   * @throws ByteStreamError; some of the bytes may have been taken.
   */
  write(bytes: Uint8Array): Promise<void>;
}

/** A file, or what stands for one, cannot be opened, read or written. Nobody retries. */
export class ByteStreamError extends Error {
  override readonly name = "ByteStreamError";
  readonly retryable = false;
  /** As the user named it. */
  readonly file: string;
  /** `closed`: the reader of a pipe went away, which for a program in a pipeline is an ordinary end. */
  readonly code: "closed" | "other";

  constructor(
    message: string,
    options: { readonly file: string; readonly code: "closed" | "other"; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.file = options.file;
    this.code = options.code;
  }
}
