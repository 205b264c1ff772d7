import type { Config } from "../config/config.ts";
import { type Command, type CommandSystem, defineCommand } from "./command.ts";
import { CONFIG_FLAGS, loadCommandConfig } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_CONFIG, EXIT_OK, EXIT_UNAVAILABLE } from "./exit_codes.ts";
import { UsageError } from "./usage_error.ts";

export const TOPICS_COMMAND: Command = defineCommand({
  name: "topics",
  summary: "create or check the topics that the configuration names",
  description:
    `With create: makes the input, output and dead-letter topics that do not exist yet, fit for
their use, and leaves the others as they are. With check: tells what is unfit or unwise about
them. Exit code 69: no broker answers; 78: a topic is not fit or cannot be made.`,
  operands: [{ name: "ACTION", meaning: "create or check", required: true }],
  flags: {
    partitions: {
      kind: "integer",
      value: "COUNT",
      min: 1,
      max: 4096,
      default: 16,
      meaning: "of new input and output topics; of the output for good",
    },
    replication: {
      kind: "integer",
      value: "COUNT",
      min: 1,
      max: 32,
      meaning: "copies of new topics (else the cluster's default)",
    },
    retention: {
      kind: "duration",
      minMs: 60_000,
      maxMs: 3_650 * 86_400_000,
      defaultMs: 7 * 86_400_000,
      meaning: "how long a new output topic keeps its records",
    },
    ...CONFIG_FLAGS,
  },
  async run({ flags, operands, system }) {
    const action = operands[0]!;
    if (action !== "create" && action !== "check") {
      throw new UsageError(`${JSON.stringify(action)} is neither create nor check`);
    }
    const { config } = await loadCommandConfig(flags, system);
    if (!config.kafka.configured) {
      throw new CommandFailure("no key under kafka is set, so there is no cluster to ask", {
        exitCode: EXIT_CONFIG,
      });
    }
    if (action === "check") return await checkTopics(config, system);
    return await createMissing(config, {
      partitions: flags.partitions,
      replication: flags.replication,
      retentionMs: flags.retention,
    }, system);
  },
});

async function checkTopics(config: Config, system: CommandSystem): Promise<number> {
  const { checkCluster } = await import("../adapters/kafka/cluster_check.ts");
  const { SystemClock } = await import("../adapters/system/clock.ts");
  const report = await checkCluster(config, new SystemClock());
  for (const { severity, text } of report.findings) system.writeOut(`${severity}: ${text}\n`);
  if (!report.reachable) return EXIT_UNAVAILABLE;
  return report.findings.some(({ severity }) => severity === "error") ? EXIT_CONFIG : EXIT_OK;
}

async function createMissing(
  config: Config,
  choices: import("../adapters/kafka/topics.ts").TopicChoices,
  system: CommandSystem,
): Promise<number> {
  const { KafkaClient } = await import("../adapters/kafka/kafka_client.ts");
  const { clientOptions } = await import("../adapters/kafka/client_settings.ts");
  const { createTopics, wantedTopics } = await import("../adapters/kafka/topics.ts");
  const { SystemClock } = await import("../adapters/system/clock.ts");
  const client = new KafkaClient({
    ...clientOptions(config),
    clock: new SystemClock(),
    log: () => {},
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  try {
    // Whoever calls this waits for it: one look at the brokers, and no waiting for them.
    const fault = await client.refreshMetadata();
    if (fault !== null) {
      throw new CommandFailure(fault.message, { exitCode: EXIT_UNAVAILABLE, cause: fault });
    }
    const outcomes = await createTopics(client, wantedTopics(config, choices));
    for (const { name, outcome, detail } of outcomes) {
      const text = outcome === "failed" ? `cannot be created: ${detail}` : outcome;
      system.writeOut(`${name}: ${text}\n`);
    }
    return outcomes.some(({ outcome }) => outcome === "failed") ? EXIT_CONFIG : EXIT_OK;
  } finally {
    client.close();
  }
}

const CONNECT_TIMEOUT_MS = 5_000;
