import { CONFIG_KEYS, CONFIG_SCHEMA, type ConfigKey, showDefault } from "./config_schema.ts";
import { environmentName } from "./environment_settings.ts";

/** Every key for a terminal: key and default, meaning, what is expected, the variable. */
export function renderReferenceText(): string {
  const blocks = CONFIG_KEYS.map((key) => {
    const { meaning, type } = CONFIG_SCHEMA[key];
    const shown = showDefault(key);
    return [
      `${key}${shown === "" ? "" : `  (default ${shown})`}`,
      `    ${meaning.replaceAll("`", "")}`,
      `    Takes ${type.expected}.`,
      `    ${environmentName(key)}`,
    ].join("\n");
  });
  return `Keys of the configuration, as sections of a YAML file, as --set KEY=VALUE, or as variables.
The weight: default, file, environment, flag.

${blocks.join("\n\n")}
`;
}

/** Every key for docs/configuration.md, a table for each section; a test compares the two. */
export function renderReferenceMarkdown(): string {
  const sections = new Map<string, ConfigKey[]>();
  for (const key of CONFIG_KEYS) {
    const section = key.split(".")[0]!;
    sections.set(section, [...sections.get(section) ?? [], key]);
  }
  return [...sections].map(([section, keys]) =>
    [
      `### ${section}`,
      "",
      "| key, environment variable | takes | default | meaning |",
      "| --- | --- | --- | --- |",
      ...keys.map(row),
    ].join("\n")
  ).join("\n\n");
}

function row(key: ConfigKey): string {
  const { meaning, type, defaultShown } = CONFIG_SCHEMA[key];
  const shown = showDefault(key);
  const defaultCell = shown === "" ? "none" : defaultShown === null ? `\`${shown}\`` : shown;
  const cells = [`\`${key}\`<br>\`${environmentName(key)}\``, type.expected, defaultCell, meaning];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
