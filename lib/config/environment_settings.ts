import { CONFIG_KEYS, type ConfigKey } from "./config_schema.ts";
import type { ConfigProblem } from "./config_problem.ts";
import type { ConfigSetting, SourceSettings } from "./config_setting.ts";
import { nearestName } from "./nearest_name.ts";

const PREFIX = "SESSIONWHEEL__";

/** The variable that names the configuration file. */
export const CONFIG_FILE_VARIABLE = "SESSIONWHEEL_CONFIG";

/** `SESSIONWHEEL__SESSION__HEARTBEAT_INTERVAL` of `session.heartbeatInterval`. */
export function environmentName(key: ConfigKey): string {
  const levels = key.split(".").map((level) =>
    level.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
  );
  return PREFIX + levels.join("__");
}

/**
 * The settings in the environment. An empty variable counts as not set, since that is what Compose
 * files and unit files make of a missing one.
 *
 * Names with a single underscore are left alone: Kubernetes gives every container variables like
 * `SESSIONWHEEL_PORT` for a service called sessionwheel. Only where such a name is one of ours but
 * for the underscore it is a slip.
 */
export function readEnvironmentSettings(
  environment: Readonly<Record<string, string>>,
): SourceSettings {
  const keyByName = new Map(CONFIG_KEYS.map((key) => [environmentName(key), key]));
  // Compared without what all have in common, which would make everything look alike.
  const suffixes = [...keyByName.keys()].map((name) => name.slice(PREFIX.length));
  const settings: ConfigSetting[] = [];
  const problems: ConfigProblem[] = [];
  for (const name of Object.keys(environment).sort()) {
    const key = keyByName.get(name);
    if (key !== undefined) {
      const text = environment[name]!.trim();
      if (text === "") continue;
      settings.push({ key, source: "environment", raw: { kind: "text", text, where: name } });
    } else if (name.startsWith(PREFIX)) {
      const nearest = nearestName(name.slice(PREFIX.length), suffixes);
      problems.push(unknownVariable(name, nearest === null ? null : PREFIX + nearest));
    } else if (/^SESSIONWHEEL_[^_]/.test(name)) {
      const meant = name.replace("_", "__");
      if (keyByName.has(meant)) problems.push(unknownVariable(name, meant));
    }
  }
  return { settings, problems };
}

function unknownVariable(name: string, nearest: string | null): ConfigProblem {
  return {
    where: name,
    key: "",
    found: "an unknown variable",
    expected: "a key of the configuration in upper case, two underscores between levels",
    fix: nearest === null
      ? "unset it (`sessionwheel help config` lists all keys)"
      : `did you mean ${nearest}?`,
  };
}
