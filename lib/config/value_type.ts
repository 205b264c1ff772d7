/**
 * What a setting's value may be: how it is read from text and written back.
 *
 * Every source (file, environment, flag) hands over text, lists of text or maps of text, never
 * numbers: so `30` and `"30"` are the same everywhere, and no YAML reader turns `1e7`, `on` or a
 * 64-bit integer into something else first.
 */
export interface ValueType<T> {
  /** Completes "expected …", e.g. `a whole number from 1 to 9`. */
  readonly expected: string;
  parse(raw: RawValue): Parsed<T>;
  /** Text that `parse` reads back as the same value. */
  format(value: T): string;
}

export type RawValue = RawText | RawList | RawMap;

export interface RawText {
  readonly kind: "text";
  readonly text: string;
  /** `file:line:column`, the environment variable's name, or the flag. */
  readonly where: string;
}

export interface RawList {
  readonly kind: "list";
  readonly items: readonly RawText[];
  readonly where: string;
}

export interface RawMap {
  readonly kind: "map";
  readonly entries: readonly { readonly key: string; readonly value: RawText }[];
  readonly where: string;
}

export type Parsed<T> = { readonly value: T } | Fault;

/** Why a value was refused. */
export interface Fault {
  readonly fault: true;
  /** Completes "found …"; already quoted, never a secret. */
  readonly found: string;
  /** What to do about it, an imperative clause. */
  readonly fix: string;
  /** Where in the value, when it has parts with places of their own. */
  readonly where?: string;
}

const SHOWN_CHARACTERS_MAX = 60;

/** A value as it is shown in a message: quoted, control characters escaped, cut to fit a line. */
export function quote(text: string): string {
  const characters = [...text];
  if (characters.length <= SHOWN_CHARACTERS_MAX) return JSON.stringify(text);
  return `${JSON.stringify(characters.slice(0, SHOWN_CHARACTERS_MAX).join(""))}…`;
}

export function fault(found: string, fix: string): Fault {
  return { fault: true, found, fix };
}

/** A type whose values are single texts; lists and mappings are refused for it. */
export function textType<T>(options: {
  readonly expected: string;
  readonly parseText: (text: string) => Parsed<T>;
  readonly format?: (value: T) => string;
}): ValueType<T> {
  return {
    expected: options.expected,
    parse(raw) {
      if (raw.kind === "text") return options.parseText(raw.text);
      const found = raw.kind === "list" ? "a list" : "a mapping";
      return fault(found, "write a single value");
    },
    format: options.format ?? String,
  };
}

/** The same type with null for "not set", which is never written out by a user. */
export function optional<T>(type: ValueType<T>): ValueType<T | null> {
  return {
    expected: type.expected,
    parse: (raw) => type.parse(raw),
    format: (value) => value === null ? "" : type.format(value),
  };
}

/** A YAML list, or `a,b` in one text. Not empty, no item twice. */
export function listOf<T>(
  item: ValueType<T>,
  nouns: { readonly one: string; readonly many: string },
): ValueType<readonly T[]> {
  return {
    expected: `a list of ${nouns.many}, each ${item.expected}`,
    parse(raw) {
      if (raw.kind === "map") return fault("a mapping", "write a list, like [a, b] or a,b");
      const items = raw.kind === "list" ? raw.items : splitList(raw);
      if (items.length === 0) return fault("an empty list", `name at least one ${nouns.one}`);
      const values: T[] = [];
      const seen = new Set<string>();
      for (const part of items) {
        const parsed = item.parse(part);
        if ("fault" in parsed) return { where: part.where, ...parsed };
        const text = item.format(parsed.value);
        if (seen.has(text)) {
          return { ...fault(`${quote(text)} twice`, "remove one of them"), where: part.where };
        }
        seen.add(text);
        values.push(parsed.value);
      }
      return { value: values };
    },
    format: (values) => values.map((value) => item.format(value)).join(","),
  };
}

/** `a, b,c` as three texts; a trailing comma adds nothing. */
export function splitList(raw: RawText): RawText[] {
  const parts = raw.text.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  return parts.map((text) => ({ kind: "text", text, where: raw.where }));
}
