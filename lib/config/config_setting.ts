import { type ConfigKey, isConfigKey } from "./config_schema.ts";
import { CONFIG_KEYS } from "./config_schema.ts";
import type { ConfigProblem } from "./config_problem.ts";
import { nearestName } from "./nearest_name.ts";
import type { RawValue } from "./value_type.ts";

/** One key as one of the sources has it, not yet looked at. */
export interface ConfigSetting {
  readonly key: ConfigKey;
  readonly source: ConfigSource;
  readonly raw: RawValue;
}

export type ConfigSource = "file" | "environment" | "flag";

/** What a source has to say: its settings, and what it could not make sense of. */
export interface SourceSettings {
  readonly settings: readonly ConfigSetting[];
  readonly problems: readonly ConfigProblem[];
}

/**
 * The key that an unknown dotted one most likely meant, or null: the same name in another section
 * first, then the nearest spelling.
 */
export function suggestKey(unknown: string): ConfigKey | null {
  const name = unknown.slice(unknown.lastIndexOf(".") + 1);
  const namesakes = CONFIG_KEYS.filter((key) => key.endsWith(`.${name}`));
  if (namesakes.length === 1) return namesakes[0]!;
  const nearest = nearestName(unknown, CONFIG_KEYS);
  return nearest !== null && isConfigKey(nearest) ? nearest : null;
}
