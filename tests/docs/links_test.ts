/** Every link leads somewhere, and every path in a document is one of the repository. */
import { assertEquals, assertGreater } from "@std/assert";
import { REPOSITORY } from "../../tools/repository.ts";
import { filesBelow } from "../architecture/tree.ts";
import { codeSpans, type Document, documents, prose } from "./documents.ts";

const docs = await documents();
const files = new Set(await filesBelow());

/** GitHub's rule: lower case, spaces to dashes, punctuation dropped. */
function anchorOf(heading: string): string {
  const plain = heading.replaceAll(/[`*]|\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
  return plain.replaceAll(/[^\p{L}\p{N}\- _]/gu, "").replaceAll(" ", "-");
}

function anchorsOf(doc: Document): string[] {
  return Array.from(prose(doc).matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => anchorOf(heading));
}

function exists(path: string): boolean {
  const folder = path.replace(/\/$/, "");
  return files.has(path) || [...files].some((file) => file.startsWith(`${folder}/`));
}

function problemOf(from: Document, target: string): string | null {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from.path : resolve(from.path, file);
  if (!exists(path)) return `${from.path}: ${target} does not exist`;
  if (anchor === undefined) return null;
  const to = docs.find((doc) => doc.path === path);
  const known = to !== undefined && anchorsOf(to).includes(anchor);
  return known ? null : `${from.path}: ${path} has no heading ${anchor}`;
}

function resolve(from: string, to: string): string {
  const root = "file:///repository/";
  const { href } = new URL(to, root + from);
  return href.startsWith(root) ? href.slice(root.length) : to;
}

Deno.test("Every link of every document leads to a file, and to a heading where it names one", () => {
  const problems: string[] = [];
  let count = 0;
  for (const doc of docs) {
    for (const [, target = ""] of prose(doc).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue;
      count++;
      const problem = problemOf(doc, target);
      if (problem !== null) problems.push(problem);
    }
  }
  assertEquals(problems, []);
  assertGreater(count, 30);
});

Deno.test("Every path in backticks exists", () => {
  const problems: string[] = [];
  let count = 0;
  for (const doc of docs) {
    for (const span of codeSpans(doc)) {
      const path = /^(?:lib|tests|tools|docs|deploy|\.ci)\/[\w./*-]*$/.exec(span)?.[0];
      if (path === undefined) continue;
      count++;
      if (!exists(path.replace(/\/?\*.*$/, ""))) problems.push(`${doc.path}: ${path}`);
    }
  }
  assertEquals(problems, []);
  assertGreater(count, 50);
});

Deno.test("The checks of links see what they look for", () => {
  const from = { path: "docs/a.md", text: "# One `two`, three\n" };
  assertEquals(problemOf(from, "../README.md"), null);
  assertEquals(problemOf(from, "../tests/docs"), null);
  assertEquals(problemOf(from, "missing.md"), "docs/a.md: missing.md does not exist");
  assertEquals(anchorsOf(from), ["one-two-three"]);
  const missing = "../README.md#no-such-heading";
  assertEquals(
    problemOf(from, missing),
    "docs/a.md: README.md has no heading no-such-heading",
  );
});

Deno.test("README links every document", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", REPOSITORY));
  const missing = docs.map(({ path }) => path)
    .filter((path) => path.startsWith("docs/") && !readme.includes(`(${path})`));
  assertEquals(missing, []);
});
