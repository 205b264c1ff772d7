import type { SessionRules } from "../../lib/core/session_rules.ts";
import { NaiveModel } from "../support/model/session_model.ts";
import type { EngineProcess } from "./engine_process.ts";
import type { OutputChecker } from "./output_checker.ts";
import { sessionKey } from "./session_ledger.ts";
import type { SimulatedEvent } from "./simulated_input.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

type Fault = (what: string) => void;

/** With everything working again: all that was sent has come out, and everybody knows. */
export function checkAtRest(
  world: SimulatedWorld,
  checker: OutputChecker,
  processes: readonly EngineProcess[],
  fault: Fault,
): void {
  const { input, letters, scenario } = world;
  for (const { event } of events(world, checker)) {
    if (event.kind !== "start") continue;
    const key = sessionKey(event.device, event.session);
    const session = checker.sessions.get(key);
    if (session === undefined) {
      if (scenario.faults.sessionLimit === 0) fault(`${key} was started and is not in the output`);
    } else if (session.endReason === null) fault(`${key} has no End`);
  }
  for (const [p, records] of input.records.entries()) {
    const { topic, partition } = input.names[p]!;
    for (const [offset, record] of records.entries()) {
      const isFirst = record.kind === "corrupt" && records[offset - 1] !== record;
      if (record.kind !== "garbage" && !isFirst) continue;
      if (offset < world.firstOffset(p, null)) continue;
      if (!letters.has(`${topic}/${partition}@${offset}`)) {
        fault(`no dead letter of input ${p}@${offset}`);
      }
    }
    const isRead = processes.length === 1 && p < processes[0]!.status().inputs.length;
    if (isRead && input.committed[p] !== records.length) {
      fault(`the group's offset of input ${p} is ${input.committed[p]} of ${records.length}`);
    }
  }
}

/**
 * The order of arrival does not change the outcome: the sessions that the output says are active
 * and ended are those that the naive model has when it takes the events partition by partition.
 */
export function checkOrderFree(
  world: SimulatedWorld,
  checker: OutputChecker,
  processes: readonly EngineProcess[],
  rules: SessionRules,
  fault: Fault,
): void {
  const model = new NaiveModel({ ...rules, missed: "coalesce" });
  const clockMs = world.trueMs();
  for (const { event } of events(world, checker)) {
    const { kind, device, session, recordTimestampMs, durationMs } = event;
    const about = {
      deviceId: device,
      sessionId: { text: session, isNumber: event.sessionIsNumber },
      sourceTimestampMs: recordTimestampMs,
    };
    if (kind === "end") model.apply({ kind, ...about, reportedDurationMs: durationMs }, clockMs);
    else {
      const { accountId, timestampMs } = event;
      model.apply({ kind, ...about, accountId, timestampMs }, clockMs);
    }
  }
  const active = new Map(
    checker.shards.flatMap((shard) => [...shard.active.values()])
      .map((session) => [session.device, session]),
  );
  const overflowed = new Set(checker.coverage.overflowed.values());
  let earlyEnds = 0;
  for (const device of model.state().devices) {
    const { deviceId } = device;
    const own = active.get(deviceId);
    active.delete(deviceId);
    if (overflowed.has(deviceId)) continue;
    const expected = device.active;
    const isSame = expected === null ? own === undefined : own?.session === expected.sessionId &&
      own.startedAtMs === expected.startedAtMs && own.orderKeyMs === expected.orderKeyMs &&
      own.accountId === expected.accountId;
    if (!isSame) {
      fault(`${deviceId} has ${JSON.stringify(own)} instead of ${JSON.stringify(expected)}`);
    }
    for (const session of device.ended) {
      const key = sessionKey(deviceId, session);
      if ((checker.sessions.get(key)?.endReason ?? null) === null) fault(`${key} has not ended`);
    }
    earlyEnds += device.earlyEnds.length;
  }
  for (const [deviceId, own] of active) fault(`${deviceId} has ${JSON.stringify(own)}, not none`);
  if (processes.length !== 1 || overflowed.size > 0) return;
  const { sessions } = processes[0]!.status();
  if (sessions.earlyEnds !== earlyEnds) {
    fault(`${sessions.earlyEnds} early ends are remembered instead of ${earlyEnds}`);
  }
}

/** Every event that was asked for, partition by partition. */
function* events(
  world: SimulatedWorld,
  { coverage }: OutputChecker,
): Generator<{ event: SimulatedEvent }> {
  for (const [p, records] of world.input.records.entries()) {
    for (const [offset, record] of records.entries()) {
      if (record.kind !== "start" && record.kind !== "end") continue;
      if (offset >= world.firstOffset(p, coverage.shardOf(record))) yield { event: record };
    }
  }
}
