/** The log lines that docs/operations.md explains are lines that the program writes. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { filesBelow, readText } from "../architecture/tree.ts";
import { document, section, tableRows } from "./documents.ts";

/** All of lib as one text, in which a string that is cut into several is whole again. */
async function sources(): Promise<string> {
  const files = (await filesBelow("lib")).filter((path) => path.endsWith(".ts"));
  const texts = await Promise.all(files.map(readText));
  return texts.join("\n").replaceAll(/["`] \+\s+["`]/g, "");
}

/** The lines of the tables, as they stand in backticks in the first column. */
async function explainedLines(): Promise<string[]> {
  const lines = section(await document("docs/operations.md"), "## Log lines");
  return tableRows(lines).map(([line = ""]) => /^`(.+)`$/.exec(line)?.[1] ?? "");
}

/** What of a line is the same each time. */
function fixedParts(line: string): string[] {
  return line.split("…").map((part) => part.replace(/^[.;:,]? /, "").replace(/ $/, ""))
    .filter((part) => part.length > 3);
}

Deno.test("docs/operations.md explains only log lines that there are", async () => {
  const text = await sources();
  const lines = await explainedLines();
  assertGreater(lines.length, 30);
  const problems = lines.flatMap((line) =>
    fixedParts(line).filter((part) => !text.includes(part)).map((part) => `${line}: ${part}`)
  );
  assertEquals(problems, []);
  for (const line of lines) assert(fixedParts(line).length > 0, line);
});

Deno.test("docs/operations.md explains every line that the engine writes as a warning or an error", async () => {
  const text = await sources();
  const explained = await explainedLines();
  const written = Array.from(
    text.matchAll(/(?:logger|log)\.(?:warn|error)\(\s*(["`])((?:(?!\1)[^\n])+)\1/g),
    ([, , message = ""]) => message,
  ).filter((message) => !message.startsWith("${"));
  assertGreater(written.length, 12);
  const isExplained = (message: string) => {
    const start = message.split("${")[0]!.trim();
    return explained.some((line) => line.split("…")[0]!.trim().startsWith(start.slice(0, 40)));
  };
  const missing = written.filter((message) => !isExplained(message));
  assertEquals(
    missing.filter((message) => !NEEDS_NO_WORDS.has(message)),
    [],
    "lines that docs/operations.md, section Log lines, does not explain",
  );
});

/** Lines that say all there is to say. */
const NEEDS_NO_WORDS: ReadonlySet<string> = new Set([
  "the wall clock is settled: timers go on",
  "shard cannot be restored yet, trying again",
  "the HTTP server failed",
]);
