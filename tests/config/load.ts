import { assertRejects } from "@std/assert";
import { ConfigError } from "../../lib/config/config_problem.ts";
import { parseSetFlag } from "../../lib/config/flag_settings.ts";
import { loadConfig, type LoadedConfig } from "../../lib/config/load_config.ts";
import { type MemoryFile, memoryFiles } from "./memory_files.ts";

/** What the sources of a configuration hold. */
export interface Sources {
  /** Text of the file `sw.yaml`, which is then named by `--config`. */
  readonly yaml?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  readonly set?: readonly string[];
  readonly files?: Readonly<Record<string, string | MemoryFile>>;
  readonly readSecrets?: boolean;
}

export async function load(sources: Sources): Promise<LoadedConfig> {
  const file = sources.yaml === undefined ? {} : { "sw.yaml": { content: sources.yaml } };
  return await loadConfig({
    path: sources.yaml === undefined ? null : "sw.yaml",
    flags: (sources.set ?? []).map(parseSetFlag),
    environment: sources.environment ?? {},
    files: memoryFiles({ ...file, ...sources.files }),
    hostname: "edge-7",
    readSecrets: sources.readSecrets ?? true,
  });
}

/** The error that the sources give. */
export async function loadError(sources: Sources): Promise<ConfigError> {
  return await assertRejects(() => load(sources), ConfigError);
}
