/**
 * What flags a command takes, by their names as typed, without the dashes.
 *
 * | kind | value | absent |
 * |---|---|---|
 * | `switch` | none; true | false |
 * | `text` | as it stands | null |
 * | `texts` | repeatable, in order | empty |
 * | `integer`, `number` | within bounds | default or null |
 * | `duration` | `30s`, in milliseconds | default or null |
 * | `instant` | RFC 3339 with offset, epoch milliseconds | null |
 * | `choice` | one of its words | default or null |
 */
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type FlagSpec =
  | SwitchFlag
  | TextFlag
  | TextsFlag
  | NumberFlag
  | DurationFlag
  | InstantFlag
  | ChoiceFlag;

interface FlagText {
  /** One clause for the command's help. */
  readonly meaning: string;
}

export interface SwitchFlag extends FlagText {
  readonly kind: "switch";
  /** One letter that stands for it, like `h`. */
  readonly letter?: string;
}

export interface TextFlag extends FlagText {
  readonly kind: "text";
  /** Placeholder in the help, like `FILE`. */
  readonly value: string;
}

export interface TextsFlag extends FlagText {
  readonly kind: "texts";
  readonly value: string;
}

export interface NumberFlag extends FlagText {
  readonly kind: "integer" | "number";
  readonly value: string;
  readonly min: number;
  readonly max: number;
  readonly default?: number;
}

export interface DurationFlag extends FlagText {
  readonly kind: "duration";
  readonly minMs: number;
  readonly maxMs: number;
  readonly defaultMs?: number;
}

export interface InstantFlag extends FlagText {
  readonly kind: "instant";
}

export interface ChoiceFlag extends FlagText {
  readonly kind: "choice";
  readonly words: readonly string[];
  readonly default?: string;
}

/** What a command gets of its flags: a value for each name in the specs. */
export type FlagValues<S extends FlagSpecs> = { readonly [K in keyof S]: FlagValue<S[K]> };

export type FlagValue<F extends FlagSpec> = F extends SwitchFlag ? boolean
  : F extends TextsFlag ? readonly string[]
  : F extends TextFlag ? string | null
  : F extends NumberFlag ? (F extends { readonly default: number } ? number : number | null)
  : F extends DurationFlag ? (F extends { readonly defaultMs: number } ? number : number | null)
  : F extends InstantFlag ? number | null
  : F extends ChoiceFlag
    ? (F extends { readonly default: string } ? F["words"][number] : F["words"][number] | null)
  : never;

/** How the value is shown in the help; null for a switch. */
export function valuePlaceholder(spec: FlagSpec): string | null {
  switch (spec.kind) {
    case "switch":
      return null;
    case "text":
    case "texts":
    case "integer":
    case "number":
      return spec.value;
    case "duration":
      return "DURATION";
    case "instant":
      return "TIME";
    case "choice":
      return spec.words.join("|");
  }
}
