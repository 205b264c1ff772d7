import { decompress } from "../adapters/kafka/codecs.ts";
import type { Config } from "../config/config.ts";
import { PLAIN_EVENT_LAYOUT } from "../core/event_layout.ts";
import type { EngineOptions } from "../engine/engine_options.ts";
import type { EngineSurroundings } from "./hosted_engine.ts";

/** What an engine does, out of the configuration. */
export function engineOptions(
  config: Config,
  { metrics, logger, hashSeed }: EngineSurroundings,
): EngineOptions {
  const { app, input, output, session, limits, checkpoint, shutdown } = config;
  return {
    rules: { ...session },
    recordLayout: output.layout,
    eventLayout: (topic) => input.layouts[topic] ?? PLAIN_EVENT_LAYOUT,
    eventBytesMax: limits.maxEventBytes,
    sessionsMax: limits.maxSessions,
    rememberedMax: limits.maxRemembered,
    groupId: app.id,
    start: input.start,
    fencing: output.fencing,
    lostSessions: output.lostSessions,
    checkpointIntervalMs: checkpoint.intervalMs,
    shutdownTimeoutMs: shutdown.timeoutMs,
    tickMs: TICK_MS,
    hashSeed,
    batches: { decompress, decompressedBytesMax: DECOMPRESSED_BYTES_MAX },
    metrics,
    logger,
  };
}

/**
 * Heartbeats wait at most this long for each other, so that a batch is worth its request. Timers
 * of this platform are late by one or two milliseconds of their own.
 */
const TICK_MS = 4;

/**
 * Of one record batch: producers make batches of some MB at most, and the reader holds one at a
 * time. What is larger was made to fill our memory.
 */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;
