import { fromFileUrl, REPOSITORY } from "./repository.ts";

/**
 * What `SOURCE_COMMIT` says, for builds without the repository; else the commit of this checkout,
 * with `-changed` where files differ from it; `unknown` without git.
 */
export async function sourceCommit(): Promise<string> {
  const told = Deno.env.get("SOURCE_COMMIT");
  if (told !== undefined) return told;
  const commit = await git("rev-parse", "--short=12", "HEAD");
  if (commit === null) return "unknown";
  const changes = await git("status", "--porcelain", "--untracked-files=no");
  return changes === "" ? commit : `${commit}-changed`;
}

/** What git prints; null where there is no git, or no repository. */
async function git(...args: string[]): Promise<string | null> {
  try {
    const result = await new Deno.Command("git", {
      args,
      cwd: fromFileUrl(REPOSITORY),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return result.success ? new TextDecoder().decode(result.stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
