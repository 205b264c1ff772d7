import { isConfigKey } from "./config_schema.ts";
import type { ConfigProblem } from "./config_problem.ts";
import { type ConfigSetting, type SourceSettings, suggestKey } from "./config_setting.ts";
import { quote } from "./value_type.ts";

/** A setting from the command line. */
export interface ConfigFlag {
  /** Dotted key, checked here. */
  readonly key: string;
  /** Empty: back to the default, whatever file and environment say. Null: there was no `=`. */
  readonly value: string | null;
  /** How the user wrote it, without the value: `--set session.grace`, `--port`. */
  readonly where: string;
}

/** `session.grace=60s` of a `--set` flag. */
export function parseSetFlag(text: string): ConfigFlag {
  const equals = text.indexOf("=");
  if (equals < 0) return { key: text.trim(), value: null, where: `--set ${quoteKey(text.trim())}` };
  const key = text.slice(0, equals).trim();
  return { key, value: text.slice(equals + 1).trim(), where: `--set ${quoteKey(key)}` };
}

/** The settings of the command line; the last one of a key counts. */
export function readFlagSettings(flags: readonly ConfigFlag[]): SourceSettings {
  const settings: ConfigSetting[] = [];
  const problems: ConfigProblem[] = [];
  for (const { key, value, where } of flags) {
    if (!isConfigKey(key)) {
      const nearest = suggestKey(key);
      problems.push({
        where,
        key: "",
        found: "an unknown key",
        expected: "KEY=VALUE with a key of the configuration, like session.grace=60s",
        fix: nearest === null
          ? "leave it out (`sessionwheel help config` lists all keys)"
          : `did you mean ${nearest}?`,
      });
    } else if (value === null) {
      problems.push({
        where,
        key: "",
        found: "a key without a value",
        expected: "KEY=VALUE, like session.grace=60s",
        fix: `write ${key}=VALUE`,
      });
    } else {
      settings.push({ key, source: "flag", raw: { kind: "text", text: value, where } });
    }
  }
  return { settings, problems };
}

function quoteKey(key: string): string {
  return /^[\w.-]{1,60}$/.test(key) ? key : quote(key);
}
