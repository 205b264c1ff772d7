import { type ByteSource, ByteStreamError, type ByteTarget } from "../../ports/byte_stream.ts";

/** A file, or standard input, that is read from the beginning to the end. */
export class InputFile implements ByteSource {
  /** As the user named it. */
  readonly name: string;
  /** Bytes to come; null where that is not known, as of a pipe. */
  readonly size: number | null;
  readonly #file: Reader;

  private constructor(name: string, file: Reader, size: number | null) {
    this.name = name;
    this.#file = file;
    this.size = size;
  }

  /** @throws ByteStreamError */
  static async open(path: string): Promise<InputFile> {
    try {
      const file = await Deno.open(path, { read: true });
      const info = await file.stat();
      return new InputFile(path, file, info.isFile ? info.size : null);
    } catch (error) {
      throw streamError("read", path, error);
    }
  }

  static standardInput(): InputFile {
    return new InputFile(
      "standard input",
      { ...standard, read: (to) => Deno.stdin.read(to) },
      null,
    );
  }

  async read(into: Uint8Array): Promise<number | null> {
    try {
      return await this.#file.read(into);
    } catch (error) {
      throw streamError("read", this.name, error);
    }
  }

  close(): void {
    this.#file.close();
  }
}

/** A file that is written anew, or standard output or error. */
export class OutputFile implements ByteTarget {
  /** As the user named it. */
  readonly name: string;
  readonly #file: Writer;

  private constructor(name: string, file: Writer) {
    this.name = name;
    this.#file = file;
  }

  /**
   * Creates the file, or empties it.
   *
   * @throws ByteStreamError
   */
  static async open(path: string): Promise<OutputFile> {
    try {
      return new OutputFile(
        path,
        await Deno.open(path, { write: true, create: true, truncate: true }),
      );
    } catch (error) {
      throw streamError("write", path, error);
    }
  }

  static standardOutput(): OutputFile {
    return new OutputFile("standard output", {
      ...standard,
      write: (bytes) => Deno.stdout.write(bytes),
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(await this.#file.write(rest));
    } catch (error) {
      throw streamError("write", this.name, error);
    }
  }

  close(): void {
    this.#file.close();
  }
}

/** Whether two paths lead to one file; a terminal, a pipe or `/dev/null` is nobody's alone. */
export async function areSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([statOf(one), statOf(other)]);
  if (a === null || b === null || !a.isFile || !b.isFile) return false;
  return a.ino !== null && a.ino === b.ino && a.dev === b.dev;
}

interface Reader {
  read(into: Uint8Array): Promise<number | null>;
  close(): void;
}

interface Writer {
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** The process's own streams stay open. */
const standard = { close() {} };

async function statOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch {
    // Whoever opens it will say why.
    return null;
  }
}

function streamError(verb: "read" | "write", file: string, cause: unknown): ByteStreamError {
  const code = cause instanceof Deno.errors.BrokenPipe ? "closed" : "other";
  return new ByteStreamError(`Cannot ${verb} ${file}: ${reasonOf(cause)}`, { file, code, cause });
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file or directory";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.BrokenPipe) return "its reader went away";
  const message = error instanceof Error ? error.message : String(error);
  // What Deno adds to the system's words: "(os error 28)", and the call with its path.
  return message.replace(/ \(os error \d+\).*$/, "").replace(
    /^[A-Z](?=[a-z])/,
    (first) => first.toLowerCase(),
  );
}
