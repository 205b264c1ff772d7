import { formatDuration, parseDuration } from "../config/duration.ts";
import { nearestName } from "../config/nearest_name.ts";
import { parseRfc3339 } from "../core/rfc3339.ts";
import { quote } from "../config/value_type.ts";
import type { FlagSpec, FlagSpecs, FlagValues } from "./flag_spec.ts";
import { UsageError } from "./usage_error.ts";

export interface ParsedArguments<S extends FlagSpecs> {
  readonly flags: FlagValues<S>;
  /** What is not a flag, in order. */
  readonly operands: readonly string[];
}

/**
 * Reads `--flag value`, `--flag=value`, `--switch`, `-x` for a switch's letter, and `--`, behind
 * which everything is an operand; `-` alone is an operand, too. Flags and operands may be mixed.
 *
 * @throws UsageError for an unknown flag, a value missing or not fit, or one flag given twice.
 */
export function parseFlags<const S extends FlagSpecs>(
  specs: S,
  args: readonly string[],
): ParsedArguments<S> {
  const values = new Map<string, unknown>();
  const operands: string[] = [];
  const given = new Set<string>();
  for (const [name, spec] of Object.entries(specs)) values.set(name, absentValue(spec));

  let index = 0;
  while (index < args.length) {
    const arg = args[index++]!;
    if (arg === "--") {
      operands.push(...args.slice(index));
      break;
    }
    if (arg === "-" || !arg.startsWith("-")) {
      operands.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const written = equals < 0 ? arg : arg.slice(0, equals);
    const name = resolveName(specs, written);
    const spec = specs[name]!;
    let text = equals < 0 ? null : arg.slice(equals + 1);
    if (spec.kind === "switch") {
      if (text !== null) {
        throw new UsageError(`${written} takes no value`, `write ${written} alone`);
      }
    } else if (text === null) {
      // No value of ours begins with two dashes: a flag was left without one.
      if (index === args.length || /^--/.test(args[index]!)) {
        throw new UsageError(`${written} needs a value`, `write ${written} ${exampleOf(spec)}`);
      }
      text = args[index++]!;
    }
    if (given.has(name) && spec.kind !== "texts" && spec.kind !== "switch") {
      throw new UsageError(`${written} is given twice`, "leave one of them out");
    }
    given.add(name);
    if (spec.kind === "texts") values.set(name, [...values.get(name) as string[], text!]);
    else values.set(name, parseValue(spec, written, text ?? ""));
  }
  return { flags: Object.fromEntries(values) as FlagValues<S>, operands };
}

function absentValue(spec: FlagSpec): unknown {
  switch (spec.kind) {
    case "switch":
      return false;
    case "texts":
      return [];
    case "text":
    case "instant":
      return null;
    case "integer":
    case "number":
    case "choice":
      return spec.default ?? null;
    case "duration":
      return spec.defaultMs ?? null;
  }
}

function resolveName(specs: FlagSpecs, written: string): string {
  const isLong = written.startsWith("--");
  const name = written.slice(isLong ? 2 : 1);
  for (const [known, spec] of Object.entries(specs)) {
    if (isLong ? known === name : spec.kind === "switch" && spec.letter === name) return known;
  }
  const nearest = nearestName(name, Object.keys(specs));
  throw new UsageError(
    `Unknown flag ${written}`,
    nearest === null ? null : `did you mean --${nearest}?`,
  );
}

function parseValue(spec: FlagSpec, written: string, text: string): unknown {
  switch (spec.kind) {
    case "switch":
      return true;
    case "text":
    case "texts":
      if (text === "") {
        throw new UsageError(`${written} is empty`, `write ${written} ${exampleOf(spec)}`);
      }
      return text;
    case "integer":
    case "number": {
      const value = Number(text);
      const isNumber = spec.kind === "integer"
        ? /^-?\d+$/.test(text)
        : /^-?(\d+(\.\d*)?|\.\d+)$/.test(text);
      if (!isNumber || value < spec.min || value > spec.max) {
        const noun = spec.kind === "integer" ? "a whole number" : "a number";
        throw unfit(written, text, `${noun} from ${spec.min} to ${spec.max}`);
      }
      return value;
    }
    case "duration": {
      const parsed = parseDuration(text);
      const bounds = `from ${formatDuration(spec.minMs)} to ${formatDuration(spec.maxMs)}`;
      const isFit = "value" in parsed && parsed.value >= spec.minMs && parsed.value <= spec.maxMs;
      if (!isFit) throw unfit(written, text, `a duration ${bounds}, like 500ms, 30s, 5m or 1h`);
      return parsed.value;
    }
    case "instant": {
      const bytes = new TextEncoder().encode(text);
      const epochMs = parseRfc3339(bytes, 0, bytes.length);
      if (Number.isNaN(epochMs)) {
        throw unfit(written, text, "an instant like 2025-11-01T01:00:00Z");
      }
      return epochMs;
    }
    case "choice":
      if (!spec.words.includes(text)) {
        throw unfit(written, text, `one of ${spec.words.join(", ")}`);
      }
      return text;
  }
}

function unfit(written: string, text: string, expected: string): UsageError {
  return new UsageError(`${written} is ${quote(text)}, expected ${expected}`);
}

function exampleOf(spec: FlagSpec): string {
  switch (spec.kind) {
    case "switch":
      return "";
    case "text":
    case "texts":
      return spec.value;
    case "integer":
    case "number":
      return String(spec.default ?? spec.min);
    case "duration":
      return formatDuration(spec.defaultMs ?? spec.minMs);
    case "instant":
      return "2025-11-01T01:00:00Z";
    case "choice":
      return spec.words[0] ?? "";
  }
}
