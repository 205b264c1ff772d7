import type { ConfigFiles } from "../../lib/config/config_files.ts";

/** A file with its text or bytes, and permission bits. */
export interface MemoryFile {
  readonly content: string | Uint8Array;
  readonly mode?: number;
}

/** Files that exist only here; every other path is `NotFound`. */
export function memoryFiles(files: Readonly<Record<string, string | MemoryFile>>): ConfigFiles {
  return {
    read(path, bytesMax) {
      const entry = Object.hasOwn(files, path) ? files[path]! : null;
      if (entry === null) return Promise.reject(systemError("NotFound"));
      const file = typeof entry === "string" ? { content: entry } : entry;
      const bytes = typeof file.content === "string"
        ? new TextEncoder().encode(file.content)
        : file.content;
      return Promise.resolve({ bytes: bytes.subarray(0, bytesMax + 1), mode: file.mode ?? null });
    },
  };
}

/** An error as the system throws it: known by its name. */
export function systemError(name: string, message: string = name): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
