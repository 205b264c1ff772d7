import type { Config } from "../config/config.ts";
import type { ConfigFlag } from "../config/flag_settings.ts";
import { chooseLogFormat, createLogger } from "../telemetry/logger.ts";
import { type Command, defineCommand } from "./command.ts";
import { CONFIG_FLAGS, loadCommandConfig } from "./command_config.ts";
import { LiveLine } from "./live_line.ts";
import { StopSignals } from "./stop_signals.ts";

export const DEMO_COMMAND: Command = defineCommand({
  name: "demo",
  summary: "run the whole thing with simulated devices, without Kafka",
  description:
    `Simulates devices, runs the real engine on them with topics in memory, serves the live page and
takes events over HTTP. Nothing is kept. With --speed 60 all that takes time takes a sixtieth of it:
the devices' sessions and pauses, and heartbeat interval, maximum duration and grace of the engine.
Errors are logged, other lines only where log.level is set. Ctrl-C ends it with a summary.`,
  operands: [],
  flags: {
    devices: {
      kind: "integer",
      value: "N",
      min: 1,
      max: 10_000_000,
      default: 10_000,
      meaning: "simulated devices; four in five are in a session at a time",
    },
    speed: {
      kind: "number",
      value: "X",
      min: 0.01,
      max: 1000,
      default: 1,
      meaning: "how many times faster than life it all goes",
    },
    seed: {
      kind: "integer",
      value: "N",
      min: 0,
      max: 4_294_967_295,
      default: 1,
      meaning: "the devices with the same seed do the same",
    },
    port: {
      kind: "integer",
      value: "N",
      min: 0,
      max: 65_535,
      meaning: "serve the live page at this port of 127.0.0.1 (stands for --set http.address)",
    },
    duration: {
      kind: "duration",
      minMs: 1,
      maxMs: 30 * 86_400_000,
      meaning: "end by itself after this time",
    },
    ...CONFIG_FLAGS,
  },
  async run({ flags, system }) {
    const loaded = await loadCommandConfig(flags, system, { overrides: portOverride(flags.port) });
    const { runDemo } = await import("./run_demo.ts");
    const { SystemClock } = await import("../adapters/system/clock.ts");
    const config = hastened(loaded.config, flags.speed);
    const { seed, devices, speed } = flags;
    const clock = new SystemClock();
    const line = new LiveLine((text) => system.writeOut(text), system.outColumns ?? null);
    const writeLog = (text: string) => line.interrupt(() => system.writeError(text));
    const isLevelChosen = loaded.effective.some(({ key, where }) =>
      key === "log.level" && where !== null
    );
    const logSetup = {
      level: isLevelChosen ? config.log.level : "error" as const,
      format: chooseLogFormat(config.log.format, system.errorIsTerminal === true),
      fields: {},
    };
    const stop = new StopSignals();
    try {
      return await runDemo({
        config,
        fleet: { devices, seed, speed, initialAgeMs: config.session.heartbeatIntervalMs },
        durationMs: flags.duration,
        clock,
        log: createLogger({ ...logSetup, write: writeLog, wallMs: () => clock.wallMs() }),
        logSetup,
        writeOut: (text) => system.writeOut(text),
        writeLog,
        line,
        stop: stop.signal,
      });
    } finally {
      stop.dispose();
    }
  },
});

function portOverride(port: number | null): ConfigFlag[] {
  if (port === null) return [];
  return [{ key: "http.address", value: `127.0.0.1:${port}`, where: "--port" }];
}

/** The same rules in a time that runs faster. */
function hastened(config: Config, speed: number): Config {
  const { heartbeatIntervalMs, maxDurationMs, graceMs } = config.session;
  const shortened = (ms: number) => Math.max(DURATION_MS_MIN, Math.round(ms / speed));
  return {
    ...config,
    session: {
      ...config.session,
      heartbeatIntervalMs: shortened(heartbeatIntervalMs),
      maxDurationMs: shortened(maxDurationMs),
      graceMs: shortened(graceMs),
    },
  };
}

/** Below this the engine's tick decides, not the rules. */
const DURATION_MS_MIN = 10;
