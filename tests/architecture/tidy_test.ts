/** What no compiler checks and every reader minds. */
import { assertEquals, assertGreater } from "@std/assert";
import { fromFileUrl, REPOSITORY } from "../../tools/repository.ts";
import { filesBelow, readText } from "./tree.ts";

/** Past this there is a seam to be found. */
const LINES_MAX = 400;

const TEXT = /\.(ts|js|json|md|yaml|yml|html|css|service|sh)$|(^|\/)(Dockerfile|run|denort)$/;

/** This file holds what it looks for. */
const SELF = "tests/architecture/tidy_test.ts";

interface Forbidden {
  readonly what: string;
  readonly pattern: RegExp;
  readonly files?: RegExp;
}

const FORBIDDEN: readonly Forbidden[] = [
  {
    what: "a package registry's host",
    pattern:
      /https?:\/\/(registry|repo1?|proxy|index|files|static|deb)\.|\bjsr\.io\b|npmjs\.(org|com)|pypi\.org|repo\.maven|deb\.debian\.org|proxy\.golang/,
  },
  { what: "a path of one machine", pattern: /(^|[\s"'`(=])\/(home|Users|work)\/\w/ },
  { what: "work left open", pattern: /\b(TODO|FIXME|XXX)\b|[Nn]ot implemented/ },
  { what: "a test that runs alone", pattern: /\.only\(|\bonly: true\b/, files: /^tests\// },
  {
    what: "a rule of the layers switched off",
    pattern: /deno-lint-ignore.*sessionwheel\//,
    files: /^lib\//,
  },
];

function problemsOf(path: string, text: string): string[] {
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    for (const { what, pattern, files } of FORBIDDEN) {
      if (files !== undefined && !files.test(path)) continue;
      if (pattern.test(line)) problems.push(`${path}:${index + 1} has ${what}: ${line.trim()}`);
    }
  }
  return problems;
}

Deno.test("No file names a registry's host, a machine's path or work left open", async () => {
  const files = (await filesBelow()).filter((path) => TEXT.test(path) && path !== SELF);
  assertGreater(files.length, 20);
  const here = fromFileUrl(REPOSITORY);
  const problems: string[] = [];
  for (const path of files) {
    const text = await readText(path);
    problems.push(...problemsOf(path, text));
    // Two folders at least: a checkout at `/app/` proves nothing about a path in a document.
    if (here.split("/").length > 3 && text.includes(here)) problems.push(`${path} names ${here}`);
  }
  assertEquals(problems, [], problems.join("\n"));
});

Deno.test("The tidy rules see what they look for", () => {
  assertEquals(problemsOf("docs/a.md", `see https://${"registry"}.example.org/x`).length, 1);
  assertEquals(problemsOf("docs/a.md", `cd /${"work"}/main`).length, 1);
  assertEquals(problemsOf("lib/core/a.ts", "// TODO: later").length, 1);
  assertEquals(problemsOf("tests/a_test.ts", "Deno.test.only('a', run)").length, 1);
  assertEquals(problemsOf("lib/core/a.ts", "// deno-lint-ignore sessionwheel/pure").length, 1);
  assertEquals(problemsOf("lib/core/a.ts", "const only = a.only; // in /workspace").length, 0);
});

Deno.test(`No source file of lib or tools is longer than ${LINES_MAX} lines`, async () => {
  const files = [...await filesBelow("lib"), ...await filesBelow("tools")];
  const long: string[] = [];
  for (const path of files.filter((path) => path.endsWith(".ts"))) {
    const lines = (await readText(path)).split("\n").length - 1;
    if (lines > LINES_MAX) long.push(`${path} has ${lines}`);
  }
  assertEquals(long, []);
});

Deno.test("Source files are named in snake_case and for the one thing they hold", async () => {
  const odd: string[] = [];
  for (const path of [...await filesBelow("lib"), ...await filesBelow("tests")]) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!name.endsWith(".ts")) continue;
    const vague = /^(utils?|helpers?|common|types|index|misc|mod)\.ts$/.test(name);
    if (vague || !/^[a-z][a-z0-9_]*\.ts$/.test(name)) odd.push(path);
  }
  assertEquals(odd, []);
});
