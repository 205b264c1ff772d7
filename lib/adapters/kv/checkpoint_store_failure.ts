import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";

/**
 * Turns what the file system, SQLite or Deno KV threw into the port's error.
 *
 * Deno KV reports SQLite's errors as plain `TypeError`s, so the text is all there is to go by; this
 * is the one place that reads it.
 *
 * @param action what failed, as in `Cannot <action>: <reason>`
 */
export function checkpointStoreFailure(action: string, cause: unknown): CheckpointStoreError {
  if (cause instanceof CheckpointStoreError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = classify(cause, reason);
  return new CheckpointStoreError(`Cannot ${action}: ${reason}`, {
    code,
    retryable: code !== "damaged" && code !== "read_only",
    cause,
  });
}

function classify(cause: unknown, reason: string): CheckpointStoreError["code"] {
  if (/disk is full|no space left|\(os error 28\)|quota exceeded/i.test(reason)) {
    return "disk_full";
  }
  if (
    cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable ||
    /read-?only|\(os error 13\)|\(os error 30\)|permission denied/i.test(reason)
  ) {
    return "read_only";
  }
  if (/database is locked/i.test(reason)) return "locked";
  if (/malformed|not a database|corrupt|unsupported file format/i.test(reason)) return "damaged";
  return "other";
}
