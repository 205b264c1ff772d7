import { PLAIN_EVENT_LAYOUT, rtmGamingEventLayout } from "../../lib/core/event_layout.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { RtmRecordLayout } from "../../lib/core/rtm_record_layout.ts";
import { replay, type ReplayOptions, type ReplaySummary } from "../../lib/engine/replay.ts";
import { MemorySource, MemoryTarget } from "./memory_streams.ts";

export interface ReplayInMemory {
  readonly summary: ReplaySummary;
  readonly output: MemoryTarget;
  readonly deadLetters: MemoryTarget;
}

/** Replays a text or the bytes of a file with the defaults of the command. */
export async function replayInMemory(
  file: string | Uint8Array,
  options: Partial<ReplayOptions> & {
    readonly output?: MemoryTarget;
    readonly deadLetters?: MemoryTarget;
    readonly layout?: "plain" | "rtm-gaming";
  } = {},
): Promise<ReplayInMemory> {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  const output = options.output ?? new MemoryTarget();
  const deadLetters = options.deadLetters ?? new MemoryTarget();
  const isPlain = options.layout !== "rtm-gaming";
  const topics = ["pc_sessions", "console_sessions"];
  const summary = await replay({
    input: new MemorySource(bytes),
    output,
    deadLetters,
    rules: { heartbeatIntervalMs: 30_000, maxDurationMs: 1_800_000, graceMs: 30_000 },
    layouts: isPlain ? { byTopic: new Map(), otherwise: PLAIN_EVENT_LAYOUT } : {
      byTopic: new Map(topics.map((topic) => [topic, rtmGamingEventLayout(topic)])),
      otherwise: rtmGamingEventLayout(""),
    },
    recordLayout: isPlain ? new PlainRecordLayout() : new RtmRecordLayout(),
    partitions: 16,
    sessionsMax: 10_000_000,
    eventBytesMax: 1_048_576,
    hashSeed: 1,
    untilMs: null,
    drain: false,
    jumpMsMax: null,
    signal: new AbortController().signal,
    ...options,
  });
  return { summary, output, deadLetters };
}
