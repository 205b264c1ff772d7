import { assembleConfig } from "./assemble_config.ts";
import { type Config, NO_SECRETS } from "./config.ts";
import { type ConfigFiles, readConfigText } from "./config_files.ts";
import { ConfigError, type ConfigProblem } from "./config_problem.ts";
import { checkCombinations, type RuledValues, warnOfCombinations } from "./config_rules.ts";
import {
  CONFIG_KEYS,
  CONFIG_SCHEMA,
  type ConfigField,
  type ConfigKey,
  type ConfigValues,
} from "./config_schema.ts";
import type { ConfigSetting, SourceSettings } from "./config_setting.ts";
import { deepFreeze } from "./deep_freeze.ts";
import {
  CONFIG_FILE_VARIABLE,
  environmentName,
  readEnvironmentSettings,
} from "./environment_settings.ts";
import { LAYOUT_KEYS, layoutValues } from "./event_layouts.ts";
import { type ConfigFlag, readFlagSettings } from "./flag_settings.ts";
import { readSecretFiles } from "./secret_files.ts";
import { readYamlSettings } from "./yaml_settings.ts";

/** A whole configuration with a comment to each key has some 10 KB. */
const CONFIG_FILE_BYTES_MAX = 256 * 1024;

export interface LoadConfigOptions {
  /** From `--config`; null: the file that `SESSIONWHEEL_CONFIG` names, if it names one. */
  readonly path: string | null;
  readonly flags: readonly ConfigFlag[];
  readonly environment: Readonly<Record<string, string>>;
  readonly files: ConfigFiles;
  /** The default of `app.node`. */
  readonly hostname: string;
  /** False leaves the named secret files alone, for commands that need none. */
  readonly readSecrets: boolean;
}

export interface LoadedConfig {
  readonly config: Config;
  /** What is unwise but works, one sentence each. */
  readonly warnings: readonly string[];
  /** Every key with its value as text and where it came from, in the schema's order. */
  readonly effective: readonly EffectiveSetting[];
}

export interface EffectiveSetting {
  readonly key: ConfigKey;
  /** Reads back as the same value; `(hidden)` for a secret; empty when it is not set. */
  readonly text: string;
  /** `file:line:column`, the variable, the flag; null for a default. */
  readonly where: string | null;
}

/**
 * One configuration out of a file, the environment and flags, in growing weight.
 *
 * Pure but for `files`: the same arguments give the same configuration.
 *
 * @throws ConfigError with everything that is wrong.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<LoadedConfig> {
  const file = await readFileSettings(options);
  const environment = readEnvironmentSettings(options.environment);
  const flags = readFlagSettings(options.flags);
  const settings = mergeSettings([file, environment, flags]);
  const ruled = new ReadValues(settings);
  // Without the file it would be told that what stands in it is missing.
  const fileIsLost = file.problems.length > 0 && file.settings.length === 0;
  const problems = [
    ...file.problems,
    ...environment.problems,
    ...flags.problems,
    ...ruled.problems,
    ...(fileIsLost ? [] : checkCombinations(ruled)),
  ];
  const read = options.readSecrets
    ? await readSecretFiles(ruled.values, options.files, (key) => ruled.where(key))
    : { secrets: NO_SECRETS, problems: [], warnings: [] };
  problems.push(...read.problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const config = assembleConfig(ruled.values, {
    secrets: read.secrets,
    hostname: options.hostname,
    kafkaConfigured: [...settings.keys()].some((key) => key.startsWith("kafka.")),
  });
  return {
    config: deepFreeze(config),
    warnings: [...warnOfCombinations(ruled), ...read.warnings],
    effective: ruled.effective(config),
  };
}

async function readFileSettings(options: LoadConfigOptions): Promise<SourceSettings> {
  const fromEnvironment = options.environment[CONFIG_FILE_VARIABLE] ?? "";
  const path = options.path ?? (fromEnvironment === "" ? null : fromEnvironment);
  if (path === null) return { settings: [], problems: [] };
  const read = await readConfigText(options.files, path, CONFIG_FILE_BYTES_MAX);
  if ("text" in read) return readYamlSettings(path, read.text);
  const problem = {
    where: options.path === null ? `${CONFIG_FILE_VARIABLE}=${path}` : `--config ${path}`,
    key: "",
    found: read.found,
    expected: "a YAML file in UTF-8",
    fix: read.fix,
  };
  return { settings: [], problems: [problem] };
}

/**
 * The setting that counts of each key: a later source wins, and within one the later setting.
 *
 * A source that names a whole layout sets aside what weaker ones said about its single fields;
 * otherwise `--set input.layout=plain` would leave half of the file's layout standing.
 */
function mergeSettings(sources: readonly SourceSettings[]): Map<ConfigKey, ConfigSetting> {
  const merged = new Map<ConfigKey, ConfigSetting>();
  for (const { settings } of sources) {
    if (settings.some(({ key }) => key === "input.layout")) {
      for (const key of LAYOUT_KEYS) merged.delete(key);
    }
    for (const setting of settings) {
      const toDefault = setting.source === "flag" && setting.raw.kind === "text" &&
        setting.raw.text === "";
      if (toDefault) merged.delete(setting.key);
      else merged.set(setting.key, setting);
    }
  }
  return merged;
}

/** A value for each key: what was set, or the default where nothing was, or nothing fit. */
class ReadValues implements RuledValues {
  readonly values: ConfigValues;
  readonly problems: ConfigProblem[] = [];
  readonly #settings: ReadonlyMap<ConfigKey, ConfigSetting>;
  readonly #unsound = new Set<ConfigKey>();

  constructor(settings: ReadonlyMap<ConfigKey, ConfigSetting>) {
    this.#settings = settings;
    this.values = Object.fromEntries(
      CONFIG_KEYS.map((key) => [key, this.#read(key)]),
    ) as unknown as ConfigValues;
  }

  isSet(key: ConfigKey): boolean {
    return this.#settings.has(key);
  }

  where(key: ConfigKey): string {
    return this.#settings.get(key)?.raw.where ?? "";
  }

  areSound(...keys: readonly ConfigKey[]): boolean {
    return keys.every((key) => !this.#unsound.has(key));
  }

  effective(config: Config): EffectiveSetting[] {
    const values = { ...this.values, ...valuesFoundOut(config) };
    return CONFIG_KEYS.map((key) => {
      const field = fieldOf(key);
      const value = values[key];
      const text = field.secret && value !== null ? "(hidden)" : field.type.format(value);
      return { key, text, where: this.#settings.get(key)?.raw.where ?? null };
    });
  }

  #read(key: ConfigKey): unknown {
    const field = fieldOf(key);
    const setting = this.#settings.get(key);
    if (setting === undefined) return field.default;
    if (field.secret && setting.source !== "environment") {
      this.#refuse(key, {
        where: setting.raw.where,
        key,
        found: setting.source === "file" ? "a secret in the file" : "a secret on the command line",
        expected: `the variable ${environmentName(key)}, or a file of its own`,
        fix: `remove it, and name its file by ${key}File`,
      });
      return field.default;
    }
    const parsed = field.type.parse(setting.raw);
    if ("value" in parsed) return parsed.value;
    this.#refuse(key, {
      where: parsed.where ?? setting.raw.where,
      key,
      found: field.secret ? "a text that is not fit" : parsed.found,
      expected: field.type.expected,
      fix: parsed.fix,
    });
    return field.default;
  }

  #refuse(key: ConfigKey, problem: ConfigProblem): void {
    this.#unsound.add(key);
    this.problems.push(problem);
  }
}

/** Values that are not the schema's to know. */
function valuesFoundOut(config: Config): Partial<ConfigValues> {
  return {
    "app.node": config.app.node,
    "input.topics": config.input.topics,
    ...(config.input.layoutName === "custom" ? layoutValues(config.input.layouts) : {}),
  };
}

/** The field without the type of its value, which the key alone does not tell the compiler. */
function fieldOf(key: ConfigKey): ConfigField<unknown> {
  return CONFIG_SCHEMA[key] as unknown as ConfigField<unknown>;
}
