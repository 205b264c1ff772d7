import type { EffectiveSetting, LoadedConfig } from "./load_config.ts";

const COMMENT_COLUMN = 44;

/**
 * The effective configuration as a YAML file that gives the same configuration again, each line
 * with where its value comes from. Secrets are not in it.
 */
export function renderEffective(loaded: LoadedConfig): string {
  const isCustom = loaded.config.input.layoutName === "custom";
  const lines: string[] = [];
  let openSections: readonly string[] = [];
  for (const setting of loaded.effective) {
    // A layout is written as one word or as its fields: a key cannot have both.
    if (setting.key === "input.layout" && isCustom) continue;
    if (setting.key.startsWith("input.layout.") && !isCustom) continue;
    const levels = setting.key.split(".");
    const sections = levels.slice(0, -1);
    sections.forEach((section, depth) => {
      const isOpen =
        openSections.slice(0, depth + 1).join() === sections.slice(0, depth + 1).join();
      if (!isOpen) lines.push(`${indent(depth)}${section}:`);
    });
    openSections = sections;
    lines.push(settingLine(setting, levels));
  }
  return lines.join("\n") + "\n";
}

function settingLine({ key, text, where }: EffectiveSetting, levels: readonly string[]): string {
  const name = levels.at(-1)!;
  const isSecret = key === "kafka.sasl.password";
  const written = isSecret ? `# ${name}: ${text}` : `${name}: ${scalar(text)}`;
  const line = `${indent(levels.length - 1)}${written}`.trimEnd();
  return `${line.padEnd(COMMENT_COLUMN)} # ${where ?? "default"}`;
}

/** Plain where no reader could take it for something else, otherwise in double quotes. */
function scalar(text: string): string {
  if (text === "" || /^[\p{L}\p{N}./_-][\p{L}\p{N}./_:,=-]*$/u.test(text)) return text;
  return JSON.stringify(text);
}

function indent(depth: number): string {
  return "  ".repeat(depth);
}
