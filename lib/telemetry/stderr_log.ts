const encoder = new TextEncoder();

/**
 * Writes a log line to stderr, whole, before it returns. Waits while the reader of a pipe is slow: on
 * a thread that must not wait, hand the line to one that may.
 */
export function writeStderr(line: string): void {
  const bytes = encoder.encode(line);
  for (let sent = 0; sent < bytes.length;) sent += Deno.stderr.writeSync(bytes.subarray(sent));
}
