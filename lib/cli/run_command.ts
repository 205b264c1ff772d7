import { environmentName } from "../config/environment_settings.ts";
import { chooseLogFormat, createLogger } from "../telemetry/logger.ts";
import type { LogSetup } from "../workers/engine_messages.ts";
import type { Config } from "../config/config.ts";
import { type Command, type CommandSystem, defineCommand } from "./command.ts";
import { CONFIG_FLAGS, loadCommandConfig } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_CONFIG } from "./exit_codes.ts";
import { StopSignals } from "./stop_signals.ts";

export const RUN_COMMAND: Command = defineCommand({
  name: "run",
  summary: "turn events from Kafka into session records in Kafka",
  description:
    `Reads events from the input topics and writes session records to the output topic until it is
told to stop (SIGTERM, SIGINT; a second one ends it at once). Waits for its brokers as long as it
takes. Exit code 0: it was told to; 69: the cluster refuses something or has changed, start it
again; 74: the port or the state directory is in use; 78: an operator has to choose or to look.`,
  operands: [],
  flags: { ...CONFIG_FLAGS },
  async run({ flags, system }) {
    const { config, warnings } = await loadCommandConfig(flags, system);
    if (!config.kafka.configured) throw noKafka();
    const { runService } = await import("./run_service.ts");
    const { SystemClock } = await import("../adapters/system/clock.ts");
    const clock = new SystemClock();
    const logSetup = logSetupOf(config, system);
    const writeLog = (line: string) => system.writeError(line);
    const log = createLogger({ ...logSetup, write: writeLog, wallMs: () => clock.wallMs() })
      .child(logSetup.fields);
    for (const warning of warnings) log.warn(warning);
    const stop = new StopSignals();
    try {
      return await runService({ config, clock, log, logSetup, writeLog, stop: stop.signal });
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      // Who collects the log of a service looks for it there, in the log's format.
      log.error(error.message, { exitCode: error.exitCode });
      return error.exitCode;
    } finally {
      stop.dispose();
    }
  },
});

function noKafka(): CommandFailure {
  const message = `no Kafka brokers are set. Name them:

  in the file given by --config    kafka: { brokers: ["kafka-1:9092"] }   (kafka.brokers)
  or in the environment            ${environmentName("kafka.brokers")}=kafka-1:9092
  or on the command line           --set kafka.brokers=kafka-1:9092

To see it work without Kafka: sessionwheel demo`;
  return new CommandFailure(message, { exitCode: EXIT_CONFIG });
}

/** A terminal needs no reminder of which machine it is on. */
function logSetupOf(config: Config, system: CommandSystem): LogSetup {
  const format = chooseLogFormat(config.log.format, system.errorIsTerminal === true);
  const fields = format === "json" ? { node: config.app.node } : {};
  return { level: config.log.level, format, fields };
}
