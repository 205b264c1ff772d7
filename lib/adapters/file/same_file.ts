/**
 * Whether two paths are one file, by whatever names. Opening a file for writing empties it: a
 * command that reads one and writes the other asks this first. Pipes, terminals and paths that are
 * not there are no file.
 */
export function isSameFile(one: string, other: string): boolean {
  const a = statOrNull(one);
  const b = statOrNull(other);
  if (a === null || b === null || !a.isFile || !b.isFile) return false;
  return a.dev === b.dev && a.ino !== null && a.ino === b.ino;
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}
