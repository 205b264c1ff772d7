import { type ConfigFlag, parseSetFlag } from "../config/flag_settings.ts";
import { loadConfig, type LoadedConfig } from "../config/load_config.ts";
import type { CommandSystem } from "./command.ts";
import type { FlagSpecs } from "./flag_spec.ts";

/** The flags by which every command that needs a configuration takes it. */
export const CONFIG_FLAGS = {
  config: {
    kind: "text",
    value: "FILE",
    meaning: "configuration file (else the one that SESSIONWHEEL_CONFIG names)",
  },
  set: {
    kind: "texts",
    value: "KEY=VALUE",
    meaning: "one key of the configuration, like session.grace=60s",
  },
} as const satisfies FlagSpecs;

/**
 * The configuration of a command.
 *
 * @param overrides settings that other flags stand for (`--port`); they outweigh `--set`.
 * @throws ConfigError
 */
export async function loadCommandConfig(
  flags: { readonly config?: string | null; readonly set: readonly string[] },
  system: CommandSystem,
  options: { readonly overrides?: readonly ConfigFlag[]; readonly readSecrets?: boolean } = {},
): Promise<LoadedConfig> {
  return await loadConfig({
    path: flags.config ?? null,
    flags: [...flags.set.map(parseSetFlag), ...options.overrides ?? []],
    environment: system.environment(),
    files: system.files,
    hostname: system.hostname(),
    readSecrets: options.readSecrets ?? true,
  });
}
