import { renderEffective } from "../config/render_effective.ts";
import type { Config } from "../config/config.ts";
import { defineCommand } from "./command.ts";
import { CONFIG_FLAGS, loadCommandConfig } from "./command_config.ts";
import { EXIT_CONFIG, EXIT_OK, EXIT_UNAVAILABLE } from "./exit_codes.ts";
import type { CommandSystem } from "./command.ts";

export const CHECK_COMMAND = defineCommand({
  name: "check",
  summary: "check the configuration, and with --connect the cluster",
  description:
    `Prints the configuration that would be used, as YAML, with where each value comes from.
Warnings and errors go to standard error. Exit code 78: it cannot be used; with --connect also
when the topics are not fit, and 69 when no broker answers.`,
  operands: [],
  flags: {
    connect: { kind: "switch", meaning: "also ask the brokers for the topics and their settings" },
    ...CONFIG_FLAGS,
  },
  async run({ flags, system }) {
    const loaded = await loadCommandConfig(flags, system);
    system.writeOut(renderEffective(loaded));
    for (const warning of loaded.warnings) system.writeError(`warning: ${warning}\n`);
    return flags.connect ? await checkConnection(loaded.config, system) : EXIT_OK;
  },
});

async function checkConnection(config: Config, system: CommandSystem): Promise<number> {
  if (!config.kafka.configured) {
    system.writeError("error: no key under kafka is set, so there is no cluster to ask\n");
    return EXIT_CONFIG;
  }
  const { checkCluster } = await import("../adapters/kafka/cluster_check.ts");
  const { SystemClock } = await import("../adapters/system/clock.ts");
  const report = await checkCluster(config, new SystemClock());
  for (const finding of report.findings) {
    system.writeError(`${finding.severity}: ${finding.text}\n`);
  }
  if (!report.reachable) return EXIT_UNAVAILABLE;
  return report.findings.some(({ severity }) => severity === "error") ? EXIT_CONFIG : EXIT_OK;
}
