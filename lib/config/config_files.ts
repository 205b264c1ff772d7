/** The files that configuration is read from. Implemented over the real disk by the CLI. */
export interface ConfigFiles {
  /**
   * Reads a file, but never more than `bytesMax + 1` bytes of it, so that a device or a pipe
   * without end does no harm.
   *
   * @throws as the system does; the error's `name` tells what was wrong (`NotFound`,
   * `PermissionDenied`, `IsADirectory`, …).
   */
  read(path: string, bytesMax: number): Promise<ConfigFile>;
}

export interface ConfigFile {
  readonly bytes: Uint8Array;
  /** Permission bits, or null where the system has none. */
  readonly mode: number | null;
}

/** The text of a file, or why it cannot be had: completions of "found …" and "fix …". */
export type ConfigText =
  | { readonly text: string; readonly mode: number | null }
  | { readonly found: string; readonly fix: string };

/** Reads a file as UTF-8 text; a byte order mark is taken off. */
export async function readConfigText(
  files: ConfigFiles,
  path: string,
  bytesMax: number,
): Promise<ConfigText> {
  let file: ConfigFile;
  try {
    file = await files.read(path, bytesMax);
  } catch (error) {
    return explainReadError(error);
  }
  const { bytes, mode } = file;
  if (bytes.length > bytesMax) {
    return {
      found: `a file of more than ${bytesMax} bytes`,
      fix: "check that it is the right one",
    };
  }
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) ||
    (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) return { found: "a file in UTF-16", fix: "save it as UTF-8" };
  if (bytes.includes(0)) return { found: "a file with zero bytes", fix: "save it as UTF-8 text" };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), mode };
  } catch {
    return { found: "a file that is not UTF-8", fix: "save it as UTF-8" };
  }
}

function explainReadError(error: unknown): { found: string; fix: string } {
  const name = error instanceof Error ? error.name : "";
  switch (name) {
    case "NotFound":
      return { found: "no such file", fix: "correct the path, or create the file" };
    case "PermissionDenied":
      return { found: "a file we may not read", fix: "let the user who runs this read it" };
    case "IsADirectory":
      return { found: "a folder", fix: "name a file in it" };
    default: {
      const reason = error instanceof Error ? error.message : String(error);
      if (/is a directory/i.test(reason)) return { found: "a folder", fix: "name a file in it" };
      return { found: `a file that cannot be read: ${reason}`, fix: "make it readable" };
    }
  }
}
