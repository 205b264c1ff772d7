import { formatDuration } from "../config/duration.ts";
import type { Operand } from "./command.ts";
import { type FlagSpec, type FlagSpecs, valuePlaceholder } from "./flag_spec.ts";

/** The help of one command: usage line, description, operands and flags in columns. */
export function renderCommandHelp(command: {
  readonly name: string;
  readonly description: string;
  readonly operands: readonly Operand[];
  readonly flags: FlagSpecs;
}): string {
  const operands = command.operands.map(({ name, required }) => required ? name : `[${name}]`);
  const usage = ["sessionwheel", command.name, ...operands, "[flags]"].join(" ");
  const blocks = [`Usage: ${usage}`, command.description.trim()];
  if (command.operands.length > 0) {
    blocks.push(renderColumns(command.operands.map(({ name, meaning }) => [name, meaning])));
  }
  const flags = Object.entries(command.flags);
  blocks.push(
    `Flags:\n${renderColumns(flags.map(([name, spec]) => [flagForm(name, spec), clause(spec)]))}`,
  );
  return blocks.join("\n\n") + "\n";
}

/** Two columns, indented by two, the second one aligned; a trailing newline is left out. */
export function renderColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join("\n");
}

function flagForm(name: string, spec: FlagSpec): string {
  const letter = spec.kind === "switch" && spec.letter !== undefined ? `-${spec.letter}, ` : "";
  const placeholder = valuePlaceholder(spec);
  return `${letter}--${name}${placeholder === null ? "" : ` ${placeholder}`}`;
}

function clause(spec: FlagSpec): string {
  const notes: string[] = [];
  if (spec.kind === "texts") notes.push("repeatable");
  if (spec.kind === "duration" && spec.defaultMs !== undefined) {
    notes.push(`default ${formatDuration(spec.defaultMs)}`);
  }
  if ("default" in spec && spec.default !== undefined) notes.push(`default ${spec.default}`);
  return notes.length === 0 ? spec.meaning : `${spec.meaning} (${notes.join(", ")})`;
}
