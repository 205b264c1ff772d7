export type FileAccessCode =
  | "not_found"
  | "no_permission"
  | "is_directory"
  /** The other end of a pipe is gone; for a program in a pipeline that is an ordinary end. */
  | "broken_pipe"
  | "disk_full"
  | "other";

/** A file or a standard stream that could not be opened, read or written. Trying again won't help. */
export class FileAccessError extends Error {
  override readonly name = "FileAccessError";
  readonly code: FileAccessCode;
  readonly retryable = false;

  /** @param action what failed, as in `Cannot <action>: <reason>` */
  constructor(action: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot ${action}: ${reason}`, { cause });
    this.code = classify(cause, reason);
  }
}

function classify(cause: unknown, reason: string): FileAccessCode {
  if (cause instanceof Deno.errors.NotFound) return "not_found";
  if (cause instanceof Deno.errors.BrokenPipe) return "broken_pipe";
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    return "no_permission";
  }
  if (cause instanceof Deno.errors.IsADirectory || /\(os error 21\)/.test(reason)) {
    return "is_directory";
  }
  if (/\(os error (28|122)\)|no space left|quota exceeded/i.test(reason)) return "disk_full";
  return "other";
}
