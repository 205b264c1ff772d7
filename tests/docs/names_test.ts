/** Commands, flags, settings, metrics and exit codes that documents name are those there are. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { COMMANDS } from "../../lib/cli/command_registry.ts";
import { EXIT_MEANINGS } from "../../lib/cli/exit_codes.ts";
import { CONFIG_KEYS } from "../../lib/config/config_schema.ts";
import { environmentName } from "../../lib/config/environment_settings.ts";
import { METRICS } from "../../lib/telemetry/metric_table.ts";
import { readText } from "../architecture/tree.ts";
import {
  codeBlocks,
  codeSpans,
  type Document,
  document,
  documents,
  section,
  tableRows,
} from "./documents.ts";

const docs = await documents();

/** Everything of a document that stands for something to type: blocks, and what is in backticks. */
function codeOf(doc: Document): string[] {
  // A shell's line goes on after a backslash.
  const blocks = codeBlocks(doc).flatMap(({ text }) => text.replaceAll("\\\n", " ").split("\n"));
  return [...blocks, ...codeSpans(doc)];
}

function findAll(pattern: RegExp): { readonly path: string; readonly found: RegExpExecArray }[] {
  return docs.flatMap((doc) =>
    codeOf(doc).flatMap((code) =>
      [...code.matchAll(pattern)].map((found) => ({ path: doc.path, found }))
    )
  );
}

Deno.test("Documents name only tasks that deno.json has", async () => {
  const { tasks } = JSON.parse(await readText("deno.json")) as { tasks: Record<string, unknown> };
  const named = findAll(/(?:^|deno(?:@[\d.]+)? )task ([a-z][a-z:]*)/g);
  assertGreater(named.length, 10);
  const unknown = named.filter(({ found }) => !(found[1]! in tasks));
  assertEquals(unknown.map(({ path, found }) => `${path}: ${found[0]}`), []);
});

Deno.test("Documents name the deno that CI runs", async () => {
  const ci = await readText(".ci/run");
  for (const path of ["README.md", "CONTRIBUTING.md"]) {
    const { text } = await document(path);
    const versions = new Set(text.match(/deno@[\d.]+\d/g));
    assertEquals(versions.size, 1, path);
    for (const version of versions) assert(ci.includes(`npx -y ${version}`), `${path}: ${version}`);
  }
});

Deno.test("Documents name only commands and flags that there are", async () => {
  // At the beginning of a line: a log line may speak of "sessionwheel" in its middle.
  const typed =
    /^(?:\$ )?(?:(?:\S*\/|.*\btask )?sessionwheel |(?:.* )?task (?=demo))([a-z]+)([^|#<>]*)/g;
  const named = findAll(typed);
  assertGreater(named.length, 15);
  const problems: string[] = [];
  for (const { path, found: [, name = "", rest = ""] } of named) {
    const entry = COMMANDS.find((command) => command.name === name);
    if (entry === undefined) {
      problems.push(`${path}: sessionwheel ${name}`);
      continue;
    }
    const help = (await entry.load()).help();
    for (const [flag] of rest.matchAll(/--[a-z][a-z-]*/g)) {
      if (!new RegExp(`${flag}(?![a-z-])`).test(help)) {
        problems.push(`${path}: sessionwheel ${name} ${flag}`);
      }
    }
  }
  assertEquals(problems, []);
});

Deno.test("Documents name only settings that there are", () => {
  const keys = new Set<string>(CONFIG_KEYS);
  const roots = new Set(CONFIG_KEYS.map((key) => key.split(".")[0]));
  const isKey = (text: string) =>
    keys.has(text) || CONFIG_KEYS.some((key) => key.startsWith(`${text}.`));
  const named = findAll(/(?<![\w./-])([a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)+)(?![\w/-]|\.\w)/g)
    .filter(({ found }) => roots.has(found[1]!.split(".")[0]!))
    .filter(({ found }) => !/\.(ts|md|jsonl?|service|yaml|dlq)$/.test(found[1]!));
  assertGreater(named.length, 60);
  const unknown = named.filter(({ found }) => !isKey(found[1]!));
  assertEquals(unknown.map(({ path, found }) => `${path}: ${found[1]}`), []);
});

Deno.test("Documents name only variables that there are", async () => {
  const variables = new Set(CONFIG_KEYS.map(environmentName));
  const named = findAll(/SESSIONWHEEL__[A-Z_]+/g);
  assertGreater(named.length, 20);
  // The one that is shown as an example of a mistake.
  const mistaken = (await document("docs/configuration.md")).text.includes("SESION__GRACE");
  const known = (name: string) => variables.has(name) || (mistaken && name.includes("SESION__"));
  const unknown = named.filter(({ found }) => !known(found[0]));
  assertEquals(unknown.map(({ path, found }) => `${path}: ${found[0]}`), []);
});

Deno.test("Documents name only metrics that there are", () => {
  const known = new Set(
    METRICS.flatMap(({ name, type }) =>
      type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
    ),
  );
  const named = findAll(/\bsessionwheel_[a-z_]+/g);
  assertGreater(named.length, 50);
  const unknown = named.filter(({ found }) => !known.has(found[0]));
  assertEquals(unknown.map(({ path, found }) => `${path}: ${found[0]}`), []);
});

Deno.test("Documents give metrics only labels that they have", () => {
  const labelled = findAll(/\b(sessionwheel_[a-z_]+)\{(\w+)=/g);
  assertGreater(labelled.length, 2);
  for (const { path, found: [text, name, label] } of labelled) {
    const metric = METRICS.find((known) => known.name === name);
    const labels: readonly string[] = metric?.labels ?? [];
    assert(labels.includes(label!), `${path}: ${text}`);
  }
});

Deno.test("README has the exit codes that the help has", async () => {
  const readme = await document("README.md");
  const rows = tableRows(section(readme, "## Build, install, run"));
  assertEquals(rows, EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning]));
});
