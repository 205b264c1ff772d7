import { defineCommand } from "./command.ts";
import { CONFIG_FLAGS } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_BUG } from "./exit_codes.ts";

export const DEMO_COMMAND = defineCommand({
  name: "demo",
  summary: "run the whole thing with simulated devices, without Kafka",
  description:
    `Simulates devices, runs the real engine on them in memory, and serves the live page.`,
  operands: [],
  flags: {
    devices: {
      kind: "integer",
      value: "N",
      min: 1,
      max: 10_000_000,
      default: 10_000,
      meaning: "simulated devices",
    },
    speed: {
      kind: "number",
      value: "X",
      min: 0.01,
      max: 1000,
      default: 1,
      meaning: "how many times faster than life the devices act",
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
      meaning: "stop by itself after this time",
    },
    ...CONFIG_FLAGS,
  },
  run() {
    const failure = new CommandFailure("not part of this build", { exitCode: EXIT_BUG });
    return Promise.reject(failure);
  },
});
