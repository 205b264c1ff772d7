import { REPOSITORY } from "../../tools/repository.ts";

/** Not of the repository: what git ignores, and git's own. */
const SKIPPED = new Set([".git", "dist", "coverage", "data", ".cache", "node_modules"]);

/** Paths of all files below `folder`, relative to the repository, with `/`, sorted. */
export async function filesBelow(folder = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(new URL(`./${folder}`, REPOSITORY))) {
    if (SKIPPED.has(entry.name)) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await filesBelow(path));
    else if (entry.isFile) found.push(path);
  }
  return found.sort();
}

export async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, REPOSITORY));
}
