/** Where compiling leaves the commit; part of the binary (`tools/compile.ts`). */
const COMMIT_FILE = "../../dist/commit";

/** The commit that the binary was compiled from; `unknown` from source, and where none was told. */
export function buildCommit(): string {
  if (!Deno.build.standalone) return "unknown";
  try {
    return Deno.readTextFileSync(new URL(COMMIT_FILE, import.meta.url)).trim();
  } catch (error) {
    // A binary has its files under TMPDIR; below /dev, as in /dev/shm, Deno reads none of them.
    const { NotCapable, NotFound } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotCapable) return "unknown";
    throw error;
  }
}
