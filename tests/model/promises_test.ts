/** The two promises of section 2 of the contract, as properties of the naive model. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ModelRecord } from "../support/model/model_record.ts";
import { type ModelEnd, type ModelStart, NaiveModel } from "../support/model/session_model.ts";

const H = 3_000;
const M = 10_000;
const G = 2_000;
const T = 1_000_000;

interface Session {
  readonly name: string;
  readonly sourceMs: number;
  readonly deviceClockMs: number | null;
  readonly endSourceMs: number;
}

function startOf(session: Session): ModelStart {
  return {
    kind: "start",
    deviceId: "d",
    sessionId: { text: session.name, isNumber: false },
    accountId: `account of ${session.name}`,
    timestampMs: session.deviceClockMs,
    sourceTimestampMs: session.sourceMs,
  };
}

function endOf(session: Session): ModelEnd {
  return {
    kind: "end",
    deviceId: "d",
    sessionId: { text: session.name, isNumber: false },
    reportedDurationMs: session.endSourceMs,
    sourceTimestampMs: session.endSourceMs,
  };
}

/** Few instants, so that equal order keys and timers at the instant of an event are common. */
const instant = fc.oneof(
  fc.integer({ min: -4, max: 0 }).map((n) => T + n * 1_000),
  fc.integer({ min: T - 2 * M, max: T }),
);

function sessions(maxLength: number): fc.Arbitrary<Session[]> {
  return fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("a", "b", "aa", "1", "\uffff", "\u{10000}"),
      sourceMs: instant,
      deviceClockMs: fc.option(instant),
      endSourceMs: instant,
    }),
    { minLength: 1, maxLength, selector: (session) => session.name },
  );
}

Deno.test("every order of arrival within G leaves the same state", () => {
  const scenario = fc.record({
    sessions: sessions(4),
    picks: fc.uniqueArray(fc.nat({ max: 15 }), { minLength: 2, maxLength: 5 }),
    stepsMs: fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 5, maxLength: 5 }),
    missed: fc.constantFrom("all" as const, "coalesce" as const),
  });
  fc.assert(
    fc.property(scenario, ({ sessions, picks, stepsMs, missed }) => {
      const events = sessions.flatMap((
        one,
      ) => [startOf(one), endOf(one), startOf(one), endOf(one)]);
      const chosen = picks.filter((pick) => pick < events.length).map((pick) => events[pick]!);
      const clocksMs = stepsMs.map((_, i) =>
        stepsMs.slice(0, i + 1).reduce((sum, ms) => sum + ms, T)
      );
      const lastMs = T + Math.min(G - 1, clocksMs.at(-1)! - T);

      const states = permutations(chosen).map((order) => {
        const model = new NaiveModel({
          heartbeatIntervalMs: H,
          maxDurationMs: M,
          graceMs: G,
          missed,
        });
        for (const [i, event] of order.entries()) {
          model.apply(event, Math.min(clocksMs[i]!, lastMs));
        }
        model.advance(lastMs);
        return model.state();
      });
      for (const state of states) assertEquals(state, states[0]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("every started session has one Start, one End and increasing seq", () => {
  const delivery = fc.record({
    session: fc.nat(),
    /** When its start and its end come, and how much later they come again. */
    startAtMs: fc.integer({ min: 0, max: 3 * M }),
    endAtMs: fc.option(fc.integer({ min: 0, max: 3 * M })),
    startAgainMs: fc.option(fc.integer({ min: 0, max: G })),
    endAgainMs: fc.option(fc.integer({ min: 0, max: 2 * M })),
  });
  const scenario = fc.record({
    sessions: sessions(6),
    deliveries: fc.array(delivery, { minLength: 6, maxLength: 6 }),
    behindMs: fc.integer({ min: 0, max: 2 * H }),
    missed: fc.constantFrom("all" as const, "coalesce" as const),
  });
  fc.assert(
    fc.property(scenario, ({ sessions, deliveries, behindMs, missed }) => {
      const arrivals: { atMs: number; event: ModelStart | ModelEnd }[] = [];
      for (const [i, session] of sessions.entries()) {
        const { startAtMs, endAtMs, startAgainMs, endAgainMs } = deliveries[i]!;
        arrivals.push({ atMs: startAtMs, event: startOf(session) });
        if (startAgainMs !== null) {
          arrivals.push({ atMs: startAtMs + startAgainMs, event: startOf(session) });
        }
        if (endAtMs === null) continue;
        arrivals.push({ atMs: endAtMs, event: endOf(session) });
        if (endAgainMs !== null) {
          arrivals.push({ atMs: endAtMs + endAgainMs, event: endOf(session) });
        }
      }
      arrivals.sort((a, b) => a.atMs - b.atMs);

      const model = new NaiveModel({
        heartbeatIntervalMs: H,
        maxDurationMs: M,
        graceMs: G,
        missed,
      });
      const records: ModelRecord[] = [];
      for (const { atMs, event } of arrivals) {
        records.push(...model.apply(event, T + atMs, T + atMs + behindMs));
      }
      records.push(...model.advance(T + 10 * M));

      for (const { name } of sessions) {
        const own = records.filter((record) => record.sessionId.text === name);
        const statuses = own.map((record) => record.status);
        assertEquals([statuses[0], statuses.at(-1)], ["SessionStart", "SessionEnd"]);
        assert(statuses.slice(1, -1).every((status) => status === "SessionHeartbeat"));
        assertEquals(own[0]?.seq, 0);
        for (const [i, record] of own.entries()) {
          assert(i === 0 || record.seq > own[i - 1]!.seq, `seq ${record.seq} of ${name}`);
        }
      }
      assertEquals(model.activeCount, 0);
    }),
    { numRuns: 2_000 },
  );
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) =>
    permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest])
  );
}
