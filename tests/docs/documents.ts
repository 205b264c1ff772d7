import { filesBelow, readText } from "../architecture/tree.ts";

/** A Markdown file of the repository. */
export interface Document {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block: the word after the fence, and the lines. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
}

/** All Markdown files, those of the tests included. */
export async function documents(): Promise<Document[]> {
  const paths = (await filesBelow()).filter((path) => path.endsWith(".md"));
  return await Promise.all(paths.map(async (path) => ({ path, text: await readText(path) })));
}

export async function document(path: string): Promise<Document> {
  return { path, text: await readText(path) };
}

export function codeBlocks({ text }: Pick<Document, "text">): CodeBlock[] {
  const blocks = text.matchAll(/^( *)```(\w*)\n([^]*?)^\1```$/gm);
  return Array.from(blocks, ([, , language = "", body = ""]) => ({ language, text: body }));
}

/** The text without its fenced blocks. */
export function prose({ text }: Pick<Document, "text">): string {
  return text.replace(/^( *)```\w*\n[^]*?^\1```$/gm, "");
}

/** What stands in backticks outside of fenced blocks, each once. */
export function codeSpans(doc: Pick<Document, "text">): string[] {
  return [...new Set(Array.from(prose(doc).matchAll(/`([^`\n]+)`/g), ([, code = ""]) => code))];
}

/** The part below a heading, up to the next heading of its level or a higher one. */
export function section({ path, text }: Document, heading: string): string {
  const lines = text.split("\n");
  const from = lines.indexOf(heading);
  if (from < 0) throw new Error(`${path} has no heading ${JSON.stringify(heading)}`);
  const level = heading.indexOf(" ");
  const length = lines.slice(from + 1).findIndex((line) => {
    const marks = /^#+(?= )/.exec(line)?.[0].length ?? Infinity;
    return marks <= level;
  });
  return lines.slice(from + 1, length < 0 ? undefined : from + 1 + length).join("\n");
}

/** The cells of the tables' rows, heads and rules left out. */
export function tableRows(text: string): string[][] {
  const rows: string[][] = [];
  let isBody = false;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) isBody = false;
    else if (/^\|[-: |]+\|$/.test(line)) isBody = true;
    else if (isBody) rows.push(line.slice(1, -1).split("|").map((cell) => cell.trim()));
  }
  return rows;
}
