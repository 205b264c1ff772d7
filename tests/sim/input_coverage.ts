import type { Position } from "../../lib/core/position.ts";
import { modelPartition } from "../support/model/render.ts";
import type { Beginning } from "./input_beginnings.ts";
import { type LedgerSession, sessionKey } from "./session_ledger.ts";
import type { SimulatedEvent, SimulatedRecord } from "./simulated_input.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

interface SentStart {
  readonly partition: number;
  readonly offset: number;
  readonly event: SimulatedEvent;
}

/**
 * Holds the output against the input: a position, and a group offset, may pass an event only when
 * the outputs of that event are there, and an event's outputs may be there only when a position
 * passes it.
 */
export class InputCoverage {
  /** Ends without a start that some position told of. */
  readonly earlyEnds = new Set<string>();
  /**
   * Early ends that were left out, with their devices: so many came in a row without any record
   * that a position cannot hold them. A crash forgets those, and their order matters then.
   */
  readonly overflowed = new Map<string, string>();
  readonly #world: SimulatedWorld;
  readonly #output: { readonly sessions: ReadonlyMap<string, LedgerSession> };
  readonly #shardOf = new Map<string, number>();
  readonly #starts = new Map<string, SentStart[]>();
  /** Per shard and partition, the position so far. */
  readonly #passed: number[][];
  /** Per beginning and partition, up to where the group's offsets were looked at. */
  readonly #committed = new Map<Beginning | null, number[]>();
  /** Sessions whose Start came with the batch that is being checked. */
  #fresh: LedgerSession[] = [];

  constructor(
    world: SimulatedWorld,
    output: { readonly sessions: ReadonlyMap<string, LedgerSession> },
  ) {
    this.#world = world;
    this.#output = output;
    this.#passed = world.output.partitions.map(() => []);
  }

  /** Records were appended to the input, from `offset` on. */
  sent(partition: number, offset: number, records: readonly SimulatedRecord[]): void {
    for (const [i, record] of records.entries()) {
      if (record.kind !== "start") continue;
      const key = sessionKey(record.device, record.session);
      const starts = this.#starts.get(key) ?? [];
      starts.push({ partition, offset: offset + i, event: record });
      this.#starts.set(key, starts);
    }
  }

  startsSent(key: string): number {
    return this.#starts.get(key)?.length ?? 0;
  }

  /** A Start has to say what one of its events says. */
  checkStart(session: LedgerSession, fault: (what: string) => void): void {
    this.#fresh.push(session);
    const starts = this.#starts.get(session.key);
    if (starts === undefined) return void fault("nobody sent its start");
    const isSaid = starts.some(({ event }) => {
      if (event.accountId !== session.accountId) return false;
      if (!event.isTimely) return true;
      const orderKeyMs = Math.min(event.timestampMs ?? Infinity, session.startedAtMs);
      return event.recordTimestampMs === session.startedAtMs && orderKeyMs === session.orderKeyMs;
    });
    if (!isSaid && !this.#isClockOff()) fault("no start that was sent says this");
  }

  /** A batch with this position is in the log. */
  checkPosition(shard: number, position: Position, fault: (what: string) => void): void {
    const { input, scenario } = this.#world;
    const passed = this.#passed[shard]!;
    const forgottenMs = position.clockMs - position.graceMs;
    const lost: { readonly end: SimulatedEvent; readonly what: string }[] = [];
    let endBytes = 0;
    for (const { topic, partition, offset } of position.inputs) {
      const p = input.names.findIndex((name) =>
        name.topic === topic && name.partition === partition
      );
      const records = input.records[p]!;
      if (offset > records.length) fault(`its position passes the end of input ${p}`);
      const from = passed[p] ?? 0;
      if (offset < from) fault(`its position in input ${p} goes back from ${from} to ${offset}`);
      for (let at = from; at < offset; at++) {
        const record = records[at]!;
        if ((this.shardOf(record) ?? shard) !== shard) continue;
        if (at < this.#world.firstOffset(p, shard)) continue;
        if (record.kind !== "end") this.#checkPassed(p, at, forgottenMs, fault);
        else {
          endBytes += record.device.length + record.session.length + EARLY_END_BYTES_MAX;
          this.#checkPassed(p, at, forgottenMs, (what) => lost.push({ end: record, what }));
        }
      }
      passed[p] = Math.max(from, offset);
    }
    const mayOverflow = endBytes > scenario.batchBytesMax / 4;
    for (const { end, what } of lost) {
      if (mayOverflow) this.overflowed.set(sessionKey(end.device, end.session), end.device);
      else fault(what);
    }
    for (const session of this.#fresh) {
      const starts = this.#starts.get(session.key) ?? [];
      const isPassed = starts.some(({ partition, offset }) => offset < (passed[partition] ?? 0));
      if (!isPassed) fault(`no start of ${session.key} is before its position`);
    }
    this.#fresh = [];
  }

  /** The group's offsets are about to be published. */
  checkCommit(offsets: readonly number[], fault: (what: string) => void): void {
    const { input, beginnings } = this.#world;
    const looked = this.#committed.get(beginnings.ofGroup) ?? [];
    this.#committed.set(beginnings.ofGroup, looked);
    for (const [p, offset] of offsets.entries()) {
      const from = looked[p] ?? 0;
      for (let at = from; at < offset; at++) {
        if (at < this.#world.firstOffset(p, this.shardOf(input.records[p]![at]!))) continue;
        this.#checkPassed(p, at, this.#world.trueMs() - this.#world.graceMsMin, fault);
      }
      looked[p] = Math.max(from, offset);
    }
  }

  /** @param forgottenMs Early ends of before this clock may be forgotten already. */
  #checkPassed(p: number, at: number, forgottenMs: number, fault: (what: string) => void): void {
    const { input, letters, scenario } = this.#world;
    const record = input.records[p]![at]!;
    if (record.kind === "ignored") return;
    const passes = `input ${p}@${at} is passed`;
    if (record.kind === "garbage" || record.kind === "corrupt") {
      const { topic, partition } = input.names[p]!;
      if (record.kind === "corrupt" && input.records[p]![at - 1] === record) return;
      if (!letters.has(`${topic}/${partition}@${at}`)) fault(`${passes} before its dead letter`);
      return;
    }
    const key = sessionKey(record.device, record.session);
    const session = this.#output.sessions.get(key);
    if (record.kind === "start") {
      if (session === undefined && scenario.faults.sessionLimit === 0) {
        fault(`${passes} without the Start of ${key}`);
      }
      return;
    }
    const hasEnded = session !== undefined && session.endReason !== null;
    if (hasEnded || this.earlyEnds.has(key) || this.overflowed.has(key)) return;
    if (!this.#isClockOff() && record.isTimely && record.recordTimestampMs >= forgottenMs) {
      fault(`${passes} without the End of ${key}, nor an early end`);
    }
  }

  /** The shard that a record of the input is for; null if it is no event. */
  shardOf(record: SimulatedRecord): number | null {
    if (record.kind !== "start" && record.kind !== "end") return null;
    let own = this.#shardOf.get(record.device);
    if (own === undefined) {
      own = modelPartition(record.device, this.#world.output.partitions.length);
      this.#shardOf.set(record.device, own);
    }
    return own;
  }

  #isClockOff(): boolean {
    return this.#world.scenario.faults.wallStep > 0;
  }
}

/** What an early end takes in a position, beside its ids, at most. */
const EARLY_END_BYTES_MAX = 32;
