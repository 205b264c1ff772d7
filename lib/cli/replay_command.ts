import { defineCommand } from "./command.ts";
import { CONFIG_FLAGS } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_BUG } from "./exit_codes.ts";

export const REPLAY_COMMAND = defineCommand({
  name: "replay",
  summary: "run a file of events through the same logic, as fast as it goes",
  description:
    `Runs a file of events, one JSON object a line, under a virtual clock, as fast as it can, and
writes the session records, one JSON object a line. A file called - is standard input or output.`,
  operands: [{ name: "FILE", meaning: "events, one a line; - is standard input", required: true }],
  flags: {
    output: { kind: "text", value: "FILE", meaning: "where records go (default: standard output)" },
    dlq: {
      kind: "text",
      value: "FILE",
      meaning: "where rejected lines go (default: standard error)",
    },
    until: { kind: "instant", meaning: "then move the clock on to this instant, inclusive" },
    drain: { kind: "switch", meaning: "then move the clock on until no session is active" },
    partitions: {
      kind: "integer",
      value: "N",
      min: 1,
      max: 100_000,
      default: 16,
      meaning: "partitions of the output to reckon with",
    },
    strict: { kind: "switch", meaning: "exit code 65 when any line was rejected" },
    layout: {
      kind: "choice",
      words: ["plain", "rtm-gaming"],
      meaning: "names of the fields, of events and of records",
    },
    "max-jump": {
      kind: "duration",
      minMs: 1,
      maxMs: 366 * 86_400_000,
      meaning: "reject lines that would move the clock by more than this",
    },
    ...CONFIG_FLAGS,
  },
  run() {
    const failure = new CommandFailure("not part of this build", { exitCode: EXIT_BUG });
    return Promise.reject(failure);
  },
});
