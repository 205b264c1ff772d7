import type { Document, LineCounter, Node, Pair, YAMLMap } from "yaml";
import { childNames, isConfigKey } from "./config_schema.ts";
import type { ConfigProblem } from "./config_problem.ts";
import { type ConfigSetting, type SourceSettings, suggestKey } from "./config_setting.ts";
import { nearestName } from "./nearest_name.ts";
import { quote, type RawText, type RawValue } from "./value_type.ts";

/** Errors after the third are mostly echoes of the first. */
const SYNTAX_PROBLEMS_MAX = 3;

type Yaml = typeof import("yaml");

/**
 * The settings in the text of a configuration file; an empty one has none.
 *
 * Scalars stay the text that was written. Aliases are followed, which cannot blow up: only the
 * depth of the schema is ever walked. Nothing of the file but its keys is repeated in a problem
 * about its syntax, since a secret may stand beside the mistake.
 *
 * The parser is loaded here (30 ms), so that a start without a file does without it.
 *
 * @param name of the file, as messages show it.
 */
export async function readYamlSettings(name: string, text: string): Promise<SourceSettings> {
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  let document: Document.Parsed;
  try {
    document = yaml.parseDocument(text, {
      schema: "failsafe",
      lineCounter: lines,
      prettyErrors: false,
      // Found by the walk below, which knows where the first one is and is not quadratic.
      uniqueKeys: false,
    });
  } catch (error) {
    // The parser recurses: brackets nested a few thousand deep exhaust the stack.
    if (!(error instanceof RangeError)) throw error;
    return { settings: [], problems: [tooDeep(name)] };
  }
  const problems = syntaxProblems(name, document, lines);
  if (problems.length > 0) return { settings: [], problems };
  const walk = new SettingsWalk(yaml, name, document, lines);
  walk.visitRoot();
  return { settings: walk.settings, problems: walk.problems };
}

class SettingsWalk {
  readonly settings: ConfigSetting[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #yaml: Yaml;
  readonly #name: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(yaml: Yaml, name: string, document: Document.Parsed, lines: LineCounter) {
    this.#yaml = yaml;
    this.#name = name;
    this.#document = document;
    this.#lines = lines;
  }

  visitRoot(): void {
    const root: unknown = this.#document.contents;
    if (this.#isUnset(root)) return;
    if (this.#yaml.isMap(root)) {
      this.#visitSection(root, "");
    } else {
      this.#problem(root, "", {
        found: this.#yaml.isSeq(root) ? "a list" : "a single text",
        expected: "a mapping of sections, like `session: { grace: 30s }`",
        fix: "begin with one of the sections, and put a space behind each colon",
      });
    }
  }

  #visitSection(map: YAMLMap, section: string): void {
    const names = childNames(section);
    const firstPlaces = new Map<string, string>();
    for (const pair of map.items) {
      const name = this.#keyName(pair, section);
      if (name === null) continue;
      const key = section === "" ? name : `${section}.${name}`;
      const where = this.#where(pair.key);
      const firstPlace = firstPlaces.get(name);
      if (firstPlace !== undefined) {
        this.#problem(pair.key, key, {
          found: `the same key as at ${firstPlace}`,
          expected: "each key once",
          fix: "merge the two into one",
        });
      } else {
        firstPlaces.set(name, where);
        if (names.includes(name)) this.#visitKey(pair, key);
        else this.#unknownKey(pair, section, name, names);
      }
    }
  }

  #visitKey(pair: Pair, key: string): void {
    const value = this.#resolve(pair.value);
    if (this.#isUnset(value)) return;
    const isSection = childNames(key).length > 0;
    if (isSection && this.#yaml.isMap(value)) {
      this.#visitSection(value, key);
    } else if (isConfigKey(key)) {
      const raw = this.#rawValue(pair.value, value, key);
      if (raw !== null) this.settings.push({ key, source: "file", raw });
    } else {
      this.#problem(pair.value, key, {
        found: this.#yaml.isSeq(value) ? "a list" : "a single value",
        expected: `a mapping of ${childNames(key).join(", ")}`,
        fix: "put the keys below it, indented by two more spaces",
      });
    }
  }

  /** Null when a part is not a text; then the problem is noted. */
  #rawValue(written: unknown, value: unknown, key: string): RawValue | null {
    const where = this.#where(written);
    if (this.#yaml.isScalar(value)) return this.#rawText(value, where);
    if (this.#yaml.isSeq(value)) {
      const items = value.items.map((item) => this.#rawPart(item, key));
      return items.includes(null) ? null : { kind: "list", items: items as RawText[], where };
    }
    if (this.#yaml.isMap(value)) {
      const entries: { key: string; value: RawText }[] = [];
      for (const pair of value.items) {
        const name = this.#keyName(pair, key);
        const part = this.#rawPart(pair.value, key);
        if (name === null || part === null) return null;
        entries.push({ key: name, value: part });
      }
      return { kind: "map", entries, where };
    }
    return null;
  }

  #rawPart(written: unknown, key: string): RawText | null {
    const value = this.#resolve(written);
    if (this.#yaml.isScalar(value)) return this.#rawText(value, this.#where(written));
    this.#problem(written, key, {
      found: this.#yaml.isSeq(value) ? "a list in it" : "a mapping in it",
      expected: "single values in it",
      fix: "write each as one text",
    });
    return null;
  }

  #rawText(value: { readonly value: unknown }, where: string): RawText {
    return { kind: "text", text: String(value.value ?? "").trim(), where };
  }

  #keyName(pair: Pair, section: string): string | null {
    const key = this.#resolve(pair.key);
    if (this.#yaml.isScalar(key)) return String(key.value);
    this.#problem(pair.key ?? pair.value, section, {
      found: "a key that is not a text",
      expected: "a name",
      fix: "write `name: value`",
    });
    return null;
  }

  #unknownKey(pair: Pair, section: string, name: string, names: readonly string[]): void {
    const key = section === "" ? name : `${section}.${name}`;
    const near = nearestName(name, names);
    const meant = section === "" && isConfigKey(name) ? null : near ?? suggestKey(key);
    let fix = meant === null ? "remove it" : `did you mean ${meant}?`;
    if (section === "" && isConfigKey(name)) {
      const [outer, inner] = [name.split(".")[0]!, name.split(".").slice(1).join(".")];
      fix = `write the levels on lines of their own: ${outer}, and ${inner} below it`;
    }
    if (name === "<<") fix = "merge keys are not taken: write the keys out";
    this.#problem(pair.key, quoteUnlessPlain(key), {
      found: "an unknown key",
      expected: `${section === "" ? "one of" : `below ${section} one of`} ${names.join(", ")}`,
      fix,
    });
  }

  /** Nothing, `~` or `null`, and not in quotes: the key is as good as not there. */
  #isUnset(node: unknown): boolean {
    if (node === null || node === undefined) return true;
    return this.#yaml.isScalar(node) && (node.type === undefined || node.type === "PLAIN") &&
      /^(~|null|)$/i.test(String(node.value ?? ""));
  }

  #resolve(node: unknown): unknown {
    if (!this.#yaml.isAlias(node)) return node;
    const target = node.resolve(this.#document);
    if (target === undefined) {
      this.#problem(node, "", {
        found: "an alias without its anchor",
        expected: "an anchor (&name) before it",
        fix: "write the value itself",
      });
    }
    return target;
  }

  #where(node: unknown): string {
    const offset = this.#yaml.isNode(node) ? (node as Node).range?.[0] ?? 0 : 0;
    return placeOf(this.#name, this.#lines, offset);
  }

  #problem(
    node: unknown,
    key: string,
    text: { readonly found: string; readonly expected: string; readonly fix: string },
  ): void {
    this.problems.push({ where: this.#where(node), key, ...text });
  }
}

function syntaxProblems(
  name: string,
  document: Document.Parsed,
  lines: LineCounter,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const linesSeen = new Set<number>();
  for (const error of [...document.errors, ...document.warnings]) {
    const { line } = lines.linePos(error.pos[0]);
    if (linesSeen.has(line) || problems.length === SYNTAX_PROBLEMS_MAX) continue;
    linesSeen.add(line);
    const [found, fix] = SYNTAX[error.code] ?? ["what is not YAML", "correct the line"];
    problems.push({
      where: placeOf(name, lines, error.pos[0]),
      key: "",
      found,
      expected: "a YAML file",
      fix,
    });
  }
  return problems;
}

/** The parser's own sentences quote the file; these do not. */
const SYNTAX: Readonly<Record<string, readonly [found: string, fix: string]>> = {
  ALIAS_PROPS: ["an alias with a tag or an anchor", "leave one of them out"],
  BAD_ALIAS: ["an alias whose name is not fit", "correct the name behind the *"],
  BAD_DIRECTIVE: ["a directive that is not known", "remove the line"],
  BAD_DQ_ESCAPE: ["an escape that is not known", "use single quotes, or double the backslash"],
  BAD_INDENT: ["wrong indentation or a bracket that is not closed", "line it up, or close it"],
  BAD_PROP_ORDER: ["an anchor or a tag at the wrong place", "remove it"],
  BAD_SCALAR_START: ["a text that begins with a reserved character", "put it in quotes"],
  BLOCK_AS_IMPLICIT_KEY: [
    "a mapping inside of a line, or a line indented too far",
    "put the key on a line of its own, or put the value in quotes",
  ],
  BLOCK_IN_FLOW: ["an indented block between brackets", "write it without the brackets"],
  COMMENT_SPACE: ["a # without a space before it", "put a space before it"],
  DUPLICATE_KEY: ["the same key twice", "merge the two into one"],
  MISSING_CHAR: ["a quote, colon or comma missing", "add it"],
  MULTILINE_IMPLICIT_KEY: ["a key over several lines", "line the keys up"],
  MULTIPLE_DOCS: ["a second document", "remove the --- and what follows"],
  TAB_AS_INDENT: ["a tab where the line is indented", "indent with spaces"],
  TAG_RESOLVE_FAILED: ["a tag (!…)", "remove it: values are written plainly"],
  UNEXPECTED_TOKEN: ["a character that does not belong there", "remove it, or use quotes"],
};

function tooDeep(name: string): ConfigProblem {
  return {
    where: name,
    key: "",
    found: "brackets nested too deep",
    expected: "a mapping of sections",
    fix: "check what wrote the file",
  };
}

function placeOf(name: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${name}:${line}:${col}`;
}

function quoteUnlessPlain(key: string): string {
  return /^[\w.-]{1,60}$/.test(key) ? key : quote(key);
}
