import { ENGINE_PHASES, restoreProgress, SHARD_STATES } from "./engine_status.ts";
import {
  bit,
  counter,
  gauge,
  histogram,
  input,
  known,
  labelled,
  type Metric,
  NO_LABELS,
  type Sample,
  seconds,
  shard,
} from "./metric.ts";

/** Every metric that `/metrics` shows, in its order. docs/metrics.md lists the same; a test compares. */
export const METRICS: readonly Metric[] = [
  {
    name: "sessionwheel_build_info",
    type: "gauge",
    help: "Always 1; the labels tell the build",
    labels: ["version", "commit", "deno"],
    read: ({ build }) => [[[build.version, build.commit, build.deno], 1]],
  },
  {
    name: "sessionwheel_engine_up",
    type: "gauge",
    help: "1 when the engine answered this scrape, else 0",
    labels: [],
    read: ({ engine }) => [[NO_LABELS, engine === null ? 0 : 1]],
  },
  {
    name: "sessionwheel_engine_phase",
    type: "gauge",
    help: "1 for the phase the engine is in, 0 for the others",
    labels: ["phase"],
    read: ({ engine }) =>
      engine === null ? [] : ENGINE_PHASES.map((phase) => [[phase], bit(engine.phase === phase)]),
  },
  gauge("sessionwheel_started", "1 once every shard has been running", (s) => bit(s.started)),
  gauge(
    "sessionwheel_brokers_reachable",
    "1 while the brokers answer",
    (s) => bit(s.brokersReachable),
  ),

  gauge("sessionwheel_sessions_active", "Active sessions", (s) => s.sessions.active),
  gauge(
    "sessionwheel_sessions_active_max",
    "Active sessions at most (limits.maxSessions)",
    (s) => s.sessions.activeMax,
  ),
  gauge(
    "sessionwheel_ends_remembered",
    "Ended sessions remembered for the grace",
    (s) => s.sessions.endsRemembered,
  ),
  gauge(
    "sessionwheel_early_ends",
    "Ends whose start has not come yet",
    (s) => s.sessions.earlyEnds,
  ),
  gauge(
    "sessionwheel_remembered_max",
    "Remembered ends and early ends at most, together (limits.maxRemembered)",
    (s) => s.sessions.rememberedMax,
  ),

  labelled("sessionwheel_events_total", "Events decoded, by what they are", "type", (s) => [
    ["start", s.counters.events.start],
    ["end", s.counters.events.end],
    ["other_type", s.counters.events.otherType],
    ["null_value", s.counters.events.nullValue],
  ]),
  counter(
    "sessionwheel_events_duplicate_total",
    "Events that repeat one already applied",
    (s) => s.counters.duplicates,
  ),
  counter(
    "sessionwheel_ends_orphaned_total",
    "Ends whose start did not come within the grace",
    (s) => s.counters.orphanEnds,
  ),
  counter(
    "sessionwheel_starts_late_total",
    "Starts older than the newest session of their device",
    (s) => s.counters.lateStarts,
  ),
  counter(
    "sessionwheel_ends_forgotten_total",
    "Remembered ends forgotten within the grace because limits.maxRemembered was reached",
    (s) => s.counters.forgottenEnds,
  ),
  counter(
    "sessionwheel_starts_dropped_total",
    "Starts dropped because limits.maxSessions was reached",
    (s) => s.counters.droppedStarts,
  ),
  labelled(
    "sessionwheel_events_rejected_total",
    "Input that is not an event, by reason",
    "reason",
    (s) => Object.entries(s.counters.rejected),
  ),
  labelled(
    "sessionwheel_dead_letters_total",
    "Dead letters acknowledged (sent; truncated of them) and given up",
    "outcome",
    (s) => [
      ["sent", s.counters.deadLetters.sent],
      ["truncated", s.counters.deadLetters.truncated],
      ["given_up", s.counters.deadLetters.givenUp],
    ],
  ),
  labelled(
    "sessionwheel_record_timestamps_corrected_total",
    "Input record timestamps taken as now",
    "kind",
    (s) => [
      ["future", s.counters.timestampsCorrected.future],
      ["negative", s.counters.timestampsCorrected.negative],
    ],
  ),

  {
    name: "sessionwheel_records_total",
    type: "counter",
    help: "Output records acknowledged",
    labels: ["status", "reason"],
    read: ({ engine }) =>
      engine === null ? [] : [
        [["SessionStart", ""], engine.counters.records.start],
        [["SessionHeartbeat", ""], engine.counters.records.heartbeat],
        [["SessionEnd", "ended"], engine.counters.records.ended],
        [["SessionEnd", "superseded"], engine.counters.records.superseded],
        [["SessionEnd", "timeout"], engine.counters.records.timeout],
      ],
  },
  counter(
    "sessionwheel_heartbeats_coalesced_total",
    "Heartbeats left out because the next one was due as well",
    (s) => s.counters.heartbeatsCoalesced,
  ),
  counter(
    "sessionwheel_output_bytes_total",
    "Bytes of acknowledged record batches",
    (s) => s.counters.outputBytes,
  ),
  counter(
    "sessionwheel_batches_total",
    "Record batches acknowledged",
    (s) => s.counters.batches,
  ),
  counter(
    "sessionwheel_produce_requests_total",
    "Produce requests sent",
    (s) => s.counters.produceRequests,
  ),
  counter(
    "sessionwheel_produce_retries_total",
    "Record batches sent again",
    (s) => s.counters.produceRetries,
  ),
  labelled(
    "sessionwheel_batches_refused_total",
    "Record batches that the broker refused for what they are, by the cause",
    "cause",
    (s) => Object.entries(s.counters.refused),
  ),
  counter(
    "sessionwheel_shard_recoveries_total",
    "Times a shard dropped its state and restored it while running",
    (s) => s.counters.recoveries,
  ),
  counter(
    "sessionwheel_shard_fenced_total",
    "Times a newer process took a shard away",
    (s) => s.counters.fenced,
  ),

  histogram(
    "sessionwheel_produce_duration_seconds",
    "From handing over a record batch until its acknowledgement",
    (s) => s.latencies.produce,
  ),
  histogram(
    "sessionwheel_end_to_end_latency_seconds",
    "Starts and ends: from the event's record timestamp until the acknowledgement of its record",
    (s) => s.latencies.endToEnd,
  ),
  histogram(
    "sessionwheel_heartbeat_lateness_seconds",
    "Heartbeats: from the instant they are due until they are made",
    (s) => s.latencies.heartbeatLateness,
  ),
  histogram(
    "sessionwheel_turn_duration_seconds",
    "Time of one round of turns",
    (s) => s.latencies.turn,
  ),

  input(
    "sessionwheel_input_position",
    "Next input offset that some shard has not applied",
    (i) => i.position,
  ),
  input(
    "sessionwheel_input_high_watermark",
    "End of the input partition as of the last fetch, open transactions left out",
    (i) => i.highWatermark,
  ),
  input(
    "sessionwheel_input_lag_records",
    "Input records not applied yet",
    (i) => i.lagRecords,
  ),
  input(
    "sessionwheel_input_reachable",
    "1 while the input partition can be fetched",
    (i) => bit(i.reachable),
  ),
  input(
    "sessionwheel_input_paused",
    "1 while back-pressure pauses the input partition",
    (i) => bit(i.paused),
  ),

  {
    name: "sessionwheel_shard_state",
    type: "gauge",
    help: "1 for the state the shard is in, 0 for the others",
    labels: ["shard", "state"],
    read: ({ engine }) => {
      if (engine === null) return [];
      return engine.shards.flatMap((shard) =>
        SHARD_STATES.map((state): Sample => [
          [String(shard.shard), state],
          bit(shard.state === state),
        ])
      );
    },
  },
  shard(
    "sessionwheel_shard_sessions_active",
    "Active sessions of the shard",
    (s) => s.sessionsActive,
  ),
  shard(
    "sessionwheel_shard_output_end_offset",
    "Next offset of the shard's output partition, as acknowledged",
    (s) => s.outputEndOffset,
  ),
  shard(
    "sessionwheel_shard_in_flight_batches",
    "Record batches sent and not acknowledged",
    (s) => s.inFlightBatches,
  ),
  shard(
    "sessionwheel_shard_queued_events",
    "Events that wait for the shard",
    (s) => s.queuedEvents,
  ),

  gauge(
    "sessionwheel_restore_progress_ratio",
    "Share of the restore that is done; 1 when no shard restores",
    restoreProgress,
  ),
  gauge(
    "sessionwheel_checkpoint_age_seconds",
    "Age of the newest checkpoint this process wrote",
    (s) => seconds(s.checkpoint.ageMs),
  ),
  gauge(
    "sessionwheel_checkpoint_duration_seconds",
    "How long the newest checkpoint took",
    (s) => seconds(s.checkpoint.durationMs),
  ),
  gauge(
    "sessionwheel_checkpoint_pause_seconds",
    "Longest time for which the newest checkpoint held the engine in one go",
    (s) => seconds(s.checkpoint.heldMaxMs),
  ),
  gauge(
    "sessionwheel_checkpoint_size_bytes",
    "Size of the newest checkpoint",
    (s) => s.checkpoint.bytes,
  ),
  counter(
    "sessionwheel_checkpoints_total",
    "Checkpoints written whole",
    (s) => s.checkpoint.written,
  ),
  counter(
    "sessionwheel_checkpoint_failures_total",
    "Checkpoints that could not be written",
    (s) => s.checkpoint.failures,
  ),
  gauge(
    "sessionwheel_clock_offset_seconds",
    "Wall clock minus the engine's clock",
    (s) => s.clock.offsetMs / 1000,
  ),
  gauge(
    "sessionwheel_clock_jump",
    "1 while a jump of the wall clock stops the timers",
    (s) => bit(s.clock.jumpAlarm),
  ),
  gauge(
    "sessionwheel_clock_ahead_seconds",
    "How far the sessions' time is ahead of the wall clock: for so long no timer fires",
    (s) => s.clock.aheadMs / 1000,
  ),

  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory size in bytes",
    labels: [],
    read: ({ process }) => known(NO_LABELS, process.residentMemoryBytes),
  },
  {
    name: "sessionwheel_heap_used_bytes",
    type: "gauge",
    help: "JavaScript objects of a thread, without the sessions' typed arrays",
    labels: ["thread"],
    read: ({ engine, process }) => [
      ...known(["engine"], engine?.heapUsedBytes ?? null),
      ...known(["main"], process.heapUsedBytes),
    ],
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "Total user and system CPU time spent in seconds",
    labels: [],
    read: ({ process }) => known(NO_LABELS, process.cpuSeconds),
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "Start time of the process since unix epoch in seconds",
    labels: [],
    read: ({ process }) => [[NO_LABELS, process.startedAtMs / 1000]],
  },
];
