/** A replay of generated files against the naive model, line for line. */
import { assertEquals, assertGreater } from "@std/assert";
import { generateFile } from "../support/event_generator.ts";
import {
  LINE_ENDED,
  LINE_HEARTBEAT,
  LINE_START,
  LINE_SUPERSEDED,
  LINE_TIMEOUT,
} from "../../lib/core/line_sink.ts";
import { PLAIN_FIELDS, RTM_GAMING_FIELDS } from "../support/model/model_events.ts";
import {
  linesOf,
  replayModel,
  type ReplayModelOptions,
  type ReplayModelResult,
} from "../support/model/replay_model.ts";
import { MemorySource } from "../support/memory_streams.ts";
import { Random } from "../support/random.ts";
import { type ReplayInMemory, replayInMemory } from "../support/replay_in_memory.ts";

interface Case {
  readonly name: string;
  readonly devices: number;
  readonly sessionsPerDevice: number;
  readonly rules: {
    readonly heartbeatIntervalMs: number;
    readonly maxDurationMs: number;
    readonly graceMs: number;
  };
  readonly partitions: number;
  readonly untilMs?: number;
  readonly drain?: boolean;
}

const START_MS = Date.UTC(2025, 10, 1);
const DEFAULT_RULES = { heartbeatIntervalMs: 30_000, maxDurationMs: 1_800_000, graceMs: 30_000 };

const CASES: readonly Case[] = [
  {
    name: "of 100,000 events and more under long beats, and drained",
    devices: 1_670,
    sessionsPerDevice: 30,
    rules: { heartbeatIntervalMs: 1_000_000, maxDurationMs: 1_800_000, graceMs: 30_000 },
    partitions: 16,
    drain: true,
  },
  {
    name: "under the default rules, up to an instant",
    devices: 300,
    sessionsPerDevice: 5,
    rules: DEFAULT_RULES,
    partitions: 5,
    untilMs: START_MS + 86_400_000,
  },
  {
    name: "up to an instant that lies behind",
    devices: 100,
    sessionsPerDevice: 5,
    rules: { heartbeatIntervalMs: 30_000, maxDurationMs: 100_000, graceMs: 0 },
    partitions: 1,
    untilMs: START_MS,
  },
  {
    name: "of short sessions, up to an instant and drained",
    devices: 200,
    sessionsPerDevice: 20,
    rules: { heartbeatIntervalMs: 7, maxDurationMs: 50, graceMs: 20 },
    partitions: 100_000,
    untilMs: START_MS + 200,
    drain: true,
  },
];

for (const layout of ["plain", "rtm-gaming"] as const) {
  for (const { name, devices, sessionsPerDevice, rules, ...options } of CASES) {
    Deno.test(`Replay writes what the naive model writes ${name}, layout ${layout}`, async () => {
      const seed = layout === "plain" ? 11 : 12;
      const file = generateFile({ seed, devices, sessionsPerDevice, layout, ...rules });
      const expected = replayModel(linesOf(file), {
        ...rules,
        ...options,
        input: layout === "plain" ? PLAIN_FIELDS : RTM_GAMING_FIELDS,
        output: layout,
      } as ReplayModelOptions);
      const random = new Random(seed);
      const actual = await replayInMemory(file, {
        layout,
        rules,
        input: new MemorySource(file, () => random.int(1, 100_000)),
        partitions: options.partitions,
        untilMs: options.untilMs ?? null,
        drain: options.drain ?? false,
      });
      assertGreater(expected.events, 900);
      if (devices === 1_670) assertGreater(expected.events, 100_000);
      compare(actual, expected);
    });
  }
}

function compare({ summary, output, deadLetters }: ReplayInMemory, expected: ReplayModelResult) {
  assertSameByDevice(output.lines, expected.output);
  assertSame(deadLetters.lines.map(withoutDetail), expected.deadLetters.map(withoutDetail));
  assertEquals(
    {
      lines: summary.lines,
      events: summary.events,
      ignored: summary.withoutEvent + summary.otherType,
      rejected: Object.fromEntries(Object.entries(summary.rejected).filter(([, n]) => n > 0)),
      clockMs: summary.clockMs,
      active: summary.activeSessions,
      starts: summary.records[LINE_START],
      heartbeats: summary.records[LINE_HEARTBEAT],
      ends: summary.records[LINE_ENDED]! + summary.records[LINE_SUPERSEDED]! +
        summary.records[LINE_TIMEOUT]!,
      duplicates: summary.counters.duplicates,
      lateStarts: summary.counters.lateStarts,
      earlyEnds: summary.counters.earlyEnds,
      orphanEnds: summary.counters.orphanEnds,
      timestampsCorrected: summary.timestampsCorrected,
    },
    {
      lines: expected.lines,
      events: expected.events,
      ignored: expected.ignored,
      rejected: expected.rejected,
      clockMs: expected.clockMs,
      active: expected.state.devices.filter(({ active }) => active !== null).length,
      starts: expected.recordsByStatus.SessionStart,
      heartbeats: expected.recordsByStatus.SessionHeartbeat,
      ends: expected.recordsByStatus.SessionEnd,
      duplicates: expected.counters.duplicates,
      lateStarts: expected.counters.lateStarts,
      earlyEnds: expected.counters.earlyEnds,
      orphanEnds: expected.counters.orphanEnds,
      timestampsCorrected: expected.counters.timestampsReplaced,
    },
  );
}

/** A stable sort by device: records of different devices have no order among each other. */
function assertSameByDevice(actual: readonly string[], expected: readonly string[]): void {
  assertSame(byDevice(actual), byDevice(expected));
}

function byDevice(lines: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const line of lines) {
    const key = line.slice(0, line.indexOf(',"partition":'));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [line]);
    else group.push(line);
  }
  return [...groups.keys()].sort().flatMap((key) => groups.get(key)!);
}

function withoutDetail(line: string): string {
  const { detail, ...rest } = JSON.parse(line);
  assertEquals(typeof detail, "string");
  return JSON.stringify(rest).slice(0, 100_000);
}

/** Tells the first line that differs: a difference of two such lists would be no help. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
    if (actual[i] !== expected[i]) assertEquals(actual[i], expected[i], `line ${i} differs`);
  }
}
