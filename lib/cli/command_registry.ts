import type { Command } from "./command.ts";

/** A command that is loaded when it is called, so that `version` and `health` start at once. */
export interface CommandEntry {
  readonly name: string;
  /** The command's own, here so that the list of commands loads none. */
  readonly summary: string;
  load(): Promise<Command>;
}

/** Every command, in the order of the help. The specifiers are literals so that compiling finds them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "turn events from Kafka into session records in Kafka",
    load: async () => (await import("./run_command.ts")).RUN_COMMAND,
  },
  {
    name: "demo",
    summary: "run the whole thing with simulated devices, without Kafka",
    load: async () => (await import("./demo_command.ts")).DEMO_COMMAND,
  },
  {
    name: "replay",
    summary: "run a file of events through the same logic, as fast as it goes",
    load: async () => (await import("./replay_command.ts")).REPLAY_COMMAND,
  },
  {
    name: "check",
    summary: "check the configuration, and with --connect the cluster",
    load: async () => (await import("./check_command.ts")).CHECK_COMMAND,
  },
  {
    name: "topics",
    summary: "create or check the topics that the configuration names",
    load: async () => (await import("./topics_command.ts")).TOPICS_COMMAND,
  },
  {
    name: "health",
    summary: "ask a running process whether it is well",
    load: async () => (await import("./health_command.ts")).HEALTH_COMMAND,
  },
  {
    name: "version",
    summary: "print the version",
    load: async () => (await import("./version_command.ts")).VERSION_COMMAND,
  },
  {
    name: "help",
    summary: "explain a command, or all keys of the configuration",
    load: async () => (await import("./help_command.ts")).HELP_COMMAND,
  },
];

export function findCommand(name: string): CommandEntry | null {
  return COMMANDS.find((entry) => entry.name === name) ?? null;
}
