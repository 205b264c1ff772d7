/** The two promises of the contract's section on sessions, as it words them. */
import { assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { EVENT_END, EVENT_START, EventChunk } from "../../lib/core/event_chunk.ts";
import { DECODED_START, EventDecoder } from "../../lib/core/event_decoder.ts";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { SessionBudget } from "../../lib/core/session_budget.ts";
import type { SessionRules } from "../../lib/core/session_rules.ts";
import { Shard } from "../../lib/core/shard.ts";
import { newShardCounters } from "../../lib/core/shard_counters.ts";
import { RecordCollector } from "../support/record_collector.ts";
import { shardState } from "../support/shard_state.ts";

const T0 = Date.UTC(2025, 10, 1);
const RULES: readonly SessionRules[] = [
  { heartbeatIntervalMs: 30_000, maxDurationMs: 1_800_000, graceMs: 30_000, missed: "all" },
  { heartbeatIntervalMs: 7, maxDurationMs: 30, graceMs: 50, missed: "all" },
  { heartbeatIntervalMs: 1_000, maxDurationMs: 1_000, graceMs: 400, missed: "all" },
];

interface Event {
  readonly type: "start" | "end";
  readonly session: number;
  /** How far the record's timestamp lies behind the clock; in thousandths of M. */
  readonly behind: number;
  /** How far the device's clock is off, likewise; null where it says nothing. */
  readonly skew: number | null;
}

const anyEvent = (sessions: number): fc.Arbitrary<Event> =>
  fc.record({
    type: fc.constantFrom("start", "end"),
    session: fc.nat({ max: sessions - 1 }),
    behind: fc.oneof(fc.constant(0), fc.nat({ max: 60 }), fc.nat({ max: 2_000 })),
    skew: fc.option(fc.integer({ min: -100, max: 100 })),
  });

/** A shard under the virtual clock of a replay. */
class Stage {
  readonly rules: SessionRules;
  readonly shard: Shard;
  readonly #sink = new RecordCollector(new PlainRecordLayout());
  readonly #chunk = new EventChunk(1);

  constructor(rules: SessionRules) {
    this.rules = rules;
    this.shard = new Shard({
      index: 0,
      rules,
      budget: new SessionBudget(100_000),
      counters: newShardCounters(),
      hashSeed: 1,
      startMs: T0,
    });
  }

  advance(toMs: number): void {
    this.shard.advance(toMs, -Infinity, this.#sink);
  }

  /** Applies the event at the clock. @param baseMs What the event is behind of. */
  apply(event: Event, deviceId: string, baseMs: number): void {
    const { maxDurationMs } = this.rules;
    const sourceMs = baseMs - Math.floor(event.behind * maxDurationMs / 1_000);
    const skewMs = Math.floor((event.skew ?? 0) * maxDurationMs / 1_000);
    const bytes = new TextEncoder().encode(JSON.stringify({
      type: event.type,
      deviceId,
      sessionId: event.session,
      accountId: `account of ${event.session}`,
      timestamp: event.skew === null ? null : sourceMs + skewMs,
    }));
    const isStart = decoder.decode(bytes, 0, bytes.length) === DECODED_START;
    this.#chunk.clear();
    this.#chunk.add(decoder, isStart ? EVENT_START : EVENT_END, 1, 0, sourceMs);
    this.shard.apply(this.#chunk, 0, -Infinity, this.#sink);
    this.advance(this.shard.clockMs);
  }

  drain(): void {
    while (this.shard.nextDeadlineMs() < Infinity) this.advance(this.shard.nextDeadlineMs());
  }

  /** The records since the last call. */
  take(): SessionRecord[] {
    return this.#sink.take().map((value) => JSON.parse(value));
  }
}

interface SessionRecord {
  readonly deviceId: string;
  readonly sessionId: number;
  readonly status: "SessionStart" | "SessionHeartbeat" | "SessionEnd";
  readonly seq: number;
  readonly emittedAt: string;
}

const decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: 1_048_576 });

Deno.test("The order of arrival does not change the outcome: every permutation leaves the same state", () => {
  const sets = fc.record({
    rules: fc.constantFrom(...RULES),
    events: fc.uniqueArray(anyEvent(3), {
      selector: ({ type, session }) => `${type} ${session}`,
      minLength: 3,
      maxLength: 6,
    }),
    // Two ways of the clock, in shares of G at each event.
    ways: fc.array(
      fc.array(fc.double({ min: 0, max: 0.16, noNaN: true }), { minLength: 6, maxLength: 6 }),
      { minLength: 2, maxLength: 2 },
    ),
  });
  let activeSeen = 0;
  let permutationsSeen = 0;
  fc.assert(
    fc.property(sets, ({ rules, events, ways }) => {
      const orders = permutations(events.length);
      const endMs = T0 + rules.graceMs - 1;
      const states = ways.flatMap((way) => {
        // Each order has a device of its own: all go through one shard, and see the same clock.
        const stage = new Stage(rules);
        let clockMs = T0;
        for (let step = 0; step < events.length; step++) {
          clockMs = Math.min(endMs, clockMs + Math.floor(way[step]! * rules.graceMs));
          stage.advance(clockMs);
          orders.forEach((order, device) => {
            stage.apply(events[order[step]!]!, `device ${device}`, T0);
          });
        }
        stage.advance(endMs);
        return shardState(stage.shard).devices.map(({ deviceId: _, ...state }) => state);
      });
      assertEquals(states.length, orders.length * ways.length);
      const texts = new Set(states.map((state) => JSON.stringify(state)));
      assertEquals(texts.size, 1, [...texts].join("\n"));
      if (states[0]!.active !== null) activeSeen++;
      permutationsSeen += orders.length;
    }),
    { numRuns: 120, seed: 4 },
  );
  assertGreater(activeSeen, 20);
  assertGreater(permutationsSeen, 5_000);
});

Deno.test("Every session that is started has exactly one Start and exactly one End, and increasing seq", () => {
  const steps = fc.array(
    fc.record({
      device: fc.constantFrom("a", "b"),
      event: anyEvent(6),
      /** How far the clock moves before the event, in shares of G. */
      wait: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 3, noNaN: true })),
    }),
    { minLength: 5, maxLength: 80 },
  );
  let endsSeen = 0;
  fc.assert(
    fc.property(fc.constantFrom(...RULES), steps, (rules, steps) => {
      const stage = new Stage(rules);
      const sessions = new Map<string, SessionRecord[]>();
      const started = new Set<string>();
      const keep = () => {
        for (const record of stage.take()) {
          const name = `${record.deviceId} ${record.sessionId}`;
          sessions.set(name, [...sessions.get(name) ?? [], record]);
        }
      };
      for (const { device, event, wait } of steps) {
        stage.advance(stage.shard.clockMs + Math.floor(wait * rules.graceMs));
        keep();
        const name = `${device} ${event.session}`;
        const end = sessions.get(name)?.find(({ status }) => status === "SessionEnd");
        const forgottenMs = end === undefined
          ? Infinity
          : Date.parse(end.emittedAt) + rules.graceMs;
        // A start after that is another session of the same id: the promise is not about it.
        if (event.type === "start" && stage.shard.clockMs > forgottenMs) continue;
        if (event.type === "start") started.add(name);
        stage.apply(event, device, stage.shard.clockMs);
        keep();
      }
      stage.drain();
      keep();
      assertEquals([...sessions.keys()].sort(), [...started].sort());
      for (const [name, records] of sessions) {
        const statuses = records.map(({ status }) => status);
        const between = statuses.slice(1, -1).filter((status) => status !== "SessionHeartbeat");
        assertEquals([statuses[0], statuses.at(-1)], ["SessionStart", "SessionEnd"], name);
        assertEquals(between, [], name);
        const seqs = records.map(({ seq }) => seq);
        assertEquals(seqs.every((seq, i) => i === 0 ? seq === 0 : seq > seqs[i - 1]!), true, name);
        endsSeen++;
      }
    }),
    { numRuns: 300, seed: 5 },
  );
  assertGreater(endsSeen, 500);
});

function permutations(length: number): number[][] {
  if (length === 0) return [[]];
  return permutations(length - 1).flatMap((shorter) =>
    Array.from({ length }, (_, at) => [...shorter.slice(0, at), length - 1, ...shorter.slice(at)])
  );
}
