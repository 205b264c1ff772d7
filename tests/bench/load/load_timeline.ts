import { abuseParts, heldMs } from "./http_abuse.ts";
import type { LoadPart } from "./latencies.ts";
import type { LoadOptions } from "./load_options.ts";
import type { ScheduleConfig } from "./load_schedule.ts";

/** When what happens, since the schedule's first instant. */
export interface Timeline {
  readonly schedule: ScheduleConfig;
  readonly windowFromMs: number;
  readonly windowToMs: number;
  /** What is counted for itself. */
  readonly parts: readonly LoadPart[];
  /** The last event. */
  readonly durationMs: number;
}

export function timelineOf(options: LoadOptions): Timeline {
  const { seed, heartbeatMs } = options;
  if (options.mode === "catch-up") {
    // A quarter starts, and from then on starts and ends take turns.
    const sessions = Math.max(1, options.backlogEvents >> 2);
    const eventsPerMinute = (options.backlogEvents - sessions) / options.backlogMinutes;
    const durationMs = heartbeatMs + Math.ceil(options.backlogMinutes * 60_000 / 5) * 5;
    return {
      schedule: { seed, sessions, eventsPerMinute, preloadMs: heartbeatMs },
      windowFromMs: 0,
      windowToMs: durationMs,
      parts: [],
      durationMs,
    };
  }
  const windowFromMs = heartbeatMs + Math.round(options.warmupSeconds * 1000);
  const windowToMs = windowFromMs + Math.round(options.minutes * 60_000);
  const durationMs = windowToMs +
    (options.mode === "steady" ? heldMs(options) : AFTER_RESTART_MS);
  const { sessions, rate } = options;
  return {
    schedule: { seed, sessions, eventsPerMinute: rate, preloadMs: heartbeatMs },
    windowFromMs,
    windowToMs,
    parts: abuseParts(options, { windowFromMs, windowToMs }),
    durationMs: Math.ceil(durationMs / 5) * 5,
  };
}

/** How long the load goes on after a restart. */
const AFTER_RESTART_MS = 45_000;
