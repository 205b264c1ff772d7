import { FileByteSource } from "../adapters/file/file_byte_source.ts";
import { FileByteTarget } from "../adapters/file/file_byte_target.ts";
import { isSameFile } from "../adapters/file/same_file.ts";
import type { ConfigFlag } from "../config/flag_settings.ts";
import type { LayoutName } from "../config/config.ts";
import { PlainRecordLayout } from "../core/plain_record_layout.ts";
import { RtmRecordLayout } from "../core/rtm_record_layout.ts";
import { replay, type ReplayOptions, type ReplaySummary } from "../engine/replay.ts";
import { ByteStreamError, type ByteTarget } from "../ports/byte_stream.ts";
import { type CommandSystem, defineCommand, type Invocation } from "./command.ts";
import { CONFIG_FLAGS, loadCommandConfig } from "./command_config.ts";
import { CommandFailure } from "./command_failure.ts";
import { EXIT_BAD_DATA, EXIT_IO, EXIT_OK } from "./exit_codes.ts";
import { OutputClosedError } from "./output_closed_error.ts";
import { replayLayouts } from "./replay_layouts.ts";
import { ReplayProgressBar } from "./replay_progress_bar.ts";
import { renderReplaySummary } from "./replay_summary.ts";
import { StopSignals } from "./stop_signals.ts";
import { UsageError } from "./usage_error.ts";

const REPLAY_FLAGS = {
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
} as const;

export const REPLAY_COMMAND = defineCommand({
  name: "replay",
  summary: "run a file of events through the same logic, as fast as it goes",
  description:
    `Runs a file of events, one JSON object a line, under a virtual clock, as fast as it can, and
writes the session records, one JSON object a line. A file called - is standard input or output.
What is in the output files before is lost. Ctrl-C ends it with what was made so far written.`,
  operands: [{ name: "FILE", meaning: "events, one a line; - is standard input", required: true }],
  flags: REPLAY_FLAGS,
  run: runReplay,
});

async function runReplay(invocation: Invocation<typeof REPLAY_FLAGS>): Promise<number> {
  const { flags, operands: [path = "-"], system } = invocation;
  const { config } = await loadCommandConfig(flags, system, {
    overrides: layoutOverrides(flags.layout),
    readSecrets: false,
  });
  const files = await openFiles(path, { output: flags.output ?? "-", dlq: flags.dlq });
  const stop = new StopSignals();
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  const bar = new ReplayProgressBar(
    system.errorIsTerminal === true ? (text) => system.writeError(text) : null,
    files.input.bytesTotal,
  );
  let summary: ReplaySummary;
  try {
    summary = await told(replay({
      input: files.input,
      output: files.output,
      deadLetters: files.deadLetters ?? standardError(system, bar),
      rules: config.session,
      layouts: replayLayouts(config.input),
      recordLayout: recordLayout(config.output.layout),
      partitions: flags.partitions,
      sessionsMax: config.limits.maxSessions,
      eventBytesMax: config.limits.maxEventBytes,
      hashSeed: crypto.getRandomValues(new Int32Array(1))[0]!,
      untilMs: flags.until,
      drain: flags.drain,
      jumpMsMax: flags["max-jump"],
      signal: stop.signal,
      onProgress: (progress) => bar.update(progress, elapsedMs()),
    }));
  } finally {
    stop.dispose();
    bar.clear();
    files.close();
  }
  system.writeError(renderReplaySummary(summary, elapsedMs()));
  if (summary.interrupted) return stop.exitCode;
  const isRejected = Object.values(summary.rejected).some((lines) => lines > 0);
  return flags.strict && isRejected ? EXIT_BAD_DATA : EXIT_OK;
}

/** `--layout` names both sides, and weighs more than the configuration. */
function layoutOverrides(layout: LayoutName | null): ConfigFlag[] {
  if (layout === null) return [];
  return ["input.layout", "output.layout"].map((key) => ({
    key,
    value: layout,
    where: "--layout",
  }));
}

function recordLayout(name: LayoutName): ReplayOptions["recordLayout"] {
  return name === "rtm-gaming" ? new RtmRecordLayout() : new PlainRecordLayout();
}

interface OpenFiles {
  readonly input: FileByteSource;
  readonly output: FileByteTarget;
  /** Null: standard error. */
  readonly deadLetters: FileByteTarget | null;
  close(): void;
}

/** Opens the files; nothing is emptied before it is known that nothing is wanted of it. */
async function openFiles(
  path: string,
  outputs: { readonly output: string; readonly dlq: string | null },
): Promise<OpenFiles> {
  const { output, dlq } = outputs;
  if (output === dlq) throw new UsageError("--output and --dlq are one file", "name two");
  const opened: { close(): void }[] = [];
  const close = () => {
    for (const file of opened) file.close();
  };
  try {
    const input = await told(FileByteSource.open(path));
    opened.push(input);
    for (const [flag, file] of [["--output", output], ["--dlq", dlq]] as const) {
      if (file === null || !isSameFile(path, file)) continue;
      throw new UsageError(`${flag} is the file that is read`, "name another");
    }
    const records = await told(FileByteTarget.open(output));
    opened.push(records);
    if (dlq !== null && isSameFile(output, dlq)) {
      throw new UsageError("--output and --dlq are one file", "name two");
    }
    const deadLetters = dlq === null ? null : await told(FileByteTarget.open(dlq));
    if (deadLetters !== null) opened.push(deadLetters);
    return { input, output: records, deadLetters, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Rejected lines on standard error, above the progress bar. */
function standardError(system: CommandSystem, bar: ReplayProgressBar): ByteTarget {
  const decoder = new TextDecoder();
  return {
    write(bytes) {
      bar.clear();
      system.writeError(decoder.decode(bytes));
      return Promise.resolve();
    },
  };
}

/** The fault of a file in the words of the command line. */
async function told<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof ByteStreamError)) throw error;
    if (error.code === "closed") throw new OutputClosedError(error.message);
    throw new CommandFailure(error.message, { exitCode: EXIT_IO, cause: error });
  }
}
