import { POSITION_HEADER } from "../../lib/core/batch_builder.ts";
import { type Position, readPosition } from "../../lib/core/position.ts";
import { RecordBatchReader } from "../../lib/core/record_batch_reader.ts";
import { RecordHeaderReader } from "../../lib/core/record_header_reader.ts";
import { modelPartition } from "../support/model/render.ts";
import { InputCoverage } from "./input_coverage.ts";
import { type OutputRecord, parseOutputRecord } from "./output_record.ts";
import { checkRecord } from "./record_check.ts";
import { earlyEndKey, type LedgerSession, sessionKey, ShardLedger } from "./session_ledger.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

/**
 * Reads every batch in the instant in which it is appended, as a stranger would, and says what is
 * wrong with it: with its records (`record_check.ts`), and with its position: that it stands for
 * exactly the input before it (`input_coverage.ts`), that R lies before all that is needed, that
 * its writer owns the shard.
 */
export class OutputChecker {
  /** The last session of each id. */
  readonly sessions = new Map<string, LedgerSession>();
  readonly shards: readonly ShardLedger[];
  readonly coverage: InputCoverage;
  readonly faults: string[] = [];
  records = 0;
  batches = 0;
  /** Second starts of an id whose grace was over: allowed, and rare. */
  reopened = 0;
  readonly #world: SimulatedWorld;
  readonly #headers = new RecordHeaderReader();
  readonly #reader = new RecordBatchReader({
    decompress: () => {
      throw new Error("no codec");
    },
    decompressedBytesMax: 0,
  });

  constructor(world: SimulatedWorld) {
    this.#world = world;
    this.shards = world.output.partitions.map(() => new ShardLedger());
    this.coverage = new InputCoverage(world, this);
    world.output.subscribe((partition, batch, baseOffset) => {
      // The fault of a check must not reach the process that is checked.
      try {
        this.#checkBatch(partition, batch, baseOffset);
      } catch (error) {
        this.faults.push(`${partition}@${baseOffset}: ${(error as Error).stack}`);
      }
    });
  }

  #checkBatch(shard: number, batch: Uint8Array, baseOffset: number): void {
    const reader = this.#reader;
    const ledger = this.shards[shard]!;
    const fault = (what: string) => this.faults.push(`batch ${shard}@${baseOffset}: ${what}`);
    const position = this.#positionOf(batch);
    if (position === null) return void fault("it has no position on its last record alone");
    this.batches++;
    this.#world.beginnings.written(shard, this.#world.owners[shard]!.processId);
    this.#checkPosition(shard, baseOffset, position, fault);
    let ends = 0;
    reader.reset(batch);
    while (reader.nextBatch()) {
      while (reader.nextRecord()) {
        const isEnd = this.#checkRecord(shard, baseOffset + reader.offset, position, ends);
        if (isEnd) ends++;
      }
    }
    // One that a Start of this batch took is not among them any more.
    for (const end of position.earlyEnds) {
      const key = earlyEndKey(end);
      this.coverage.earlyEnds.add(key);
      ledger.remember("earlyEnds", key, end.clockMs, baseOffset);
    }
    if (ends !== position.endClocksMs.length) fault(`${ends} ends, clocks for another number`);
    ledger.expire(position);
    if (position.activeSessions !== ledger.active.size) {
      fault(`it tells of ${position.activeSessions} sessions, there are ${ledger.active.size}`);
    }
    this.#checkRestoreOffset(ledger, position, fault);
    this.coverage.checkPosition(shard, position, fault);
  }

  #positionOf(batch: Uint8Array): Position | null {
    const reader = this.#reader;
    let position: Position | null = null;
    reader.reset(batch);
    while (reader.nextBatch()) {
      while (reader.nextRecord()) {
        if (position !== null) return null;
        const { bytes, headersFrom, headersTo, headerCount } = reader;
        if (headerCount === 0) continue;
        this.#headers.reset(bytes, headersFrom, headersTo, headerCount);
        if (!this.#headers.find(HEADER_NAME)) return null;
        const { valueFrom, valueTo } = this.#headers;
        position = readPosition(this.#headers.bytes.slice(valueFrom, valueTo));
      }
    }
    return position;
  }

  #checkPosition(
    shard: number,
    baseOffset: number,
    position: Position,
    fault: (what: string) => void,
  ): void {
    const before = this.shards[shard]!.position;
    const owner = this.#world.owners[shard]!;
    if (position.epoch !== owner.epoch) {
      fault(`written with epoch ${position.epoch} after epoch ${owner.epoch} took the shard`);
    }
    const { heartbeatIntervalMs, maxDurationMs, graceMs } = owner.rules;
    if (
      position.heartbeatIntervalMs !== heartbeatIntervalMs ||
      position.maxDurationMs !== maxDurationMs || position.graceMs !== graceMs
    ) fault("it has other rules than its writer");
    if (position.batchNumber !== (before?.batchNumber ?? 0) + 1) {
      fault(`batch number ${position.batchNumber} after ${before?.batchNumber}`);
    }
    if (position.restoreOffset > baseOffset) fault(`R ${position.restoreOffset} lies after it`);
    if (before !== null && position.clockMs < before.clockMs) fault("T goes back");
    if (before !== null && position.restoreOffset < before.restoreOffset) fault("R goes back");
    if (this.#world.scenario.faults.wallStep === 0 && position.clockMs > this.#world.trueMs() + 1) {
      fault("T passes now");
    }
  }

  /** Every active session, remembered end and early end is to be found from R on. */
  #checkRestoreOffset(
    ledger: ShardLedger,
    { restoreOffset }: Position,
    fault: (what: string) => void,
  ): void {
    for (const { key, lastOffset } of ledger.active.values()) {
      if (lastOffset < restoreOffset) {
        fault(`R ${restoreOffset} passes the last record of active ${key} at ${lastOffset}`);
      }
    }
    for (const { key, offset } of ledger.ended.values()) {
      if (offset < restoreOffset) fault(`R ${restoreOffset} passes the End of ${key} at ${offset}`);
    }
    for (const { key, offset } of ledger.earlyEnds.values()) {
      if (offset < restoreOffset) {
        fault(`R ${restoreOffset} passes the early end of ${key} at ${offset}`);
      }
    }
  }

  /** @returns whether it is an End. */
  #checkRecord(shard: number, offset: number, position: Position, ends: number): boolean {
    const { bytes, valueFrom, valueTo, keyFrom, keyTo } = this.#reader;
    const text = new TextDecoder().decode(bytes.subarray(valueFrom, valueTo));
    const fault = (what: string) => this.faults.push(`${shard}@${offset}: ${what} ${text}`);
    this.records++;
    this.#world.trace(`  > ${shard}@${offset} ${text}`);
    const record = parseOutputRecord(text, this.#world.scenario.outputLayout, position);
    const key = sessionKey(record.device, record.session);
    if (new TextDecoder().decode(bytes.subarray(keyFrom, keyTo)) !== record.device) {
      fault("its key is not its device");
    }
    if (modelPartition(record.device, this.shards.length) !== shard) fault("in a foreign shard");
    if (record.status === "SessionStart") this.#open(shard, offset, key, record, position, fault);
    const session = this.sessions.get(key);
    if (session === undefined) {
      fault("no Start before it");
      return record.status === "SessionEnd";
    }
    const missed = this.#world.owners[shard]!.rules.missed;
    const rulesId = this.#rulesId(shard);
    checkRecord(session, record, { offset, position, missed, rulesId, fault });
    if (session.rulesId !== rulesId) session.rulesId = null;
    session.lastSeq = record.seq;
    session.lastOffset = offset;
    session.writtenMs = this.#world.trueMs();
    session.nextAtMs = record.nextAtMs ?? Infinity;
    if (record.status === "SessionHeartbeat") session.lastAtMs = record.atMs;
    if (record.status !== "SessionEnd") return false;
    session.endReason = record.reason;
    session.endClockMs = position.endClocksMs[ends] ?? NaN;
    const ledger = this.shards[shard]!;
    ledger.active.delete(key);
    ledger.remember("ended", key, session.endClockMs, offset);
    return true;
  }

  #open(
    shard: number,
    offset: number,
    key: string,
    record: OutputRecord,
    position: Position,
    fault: (what: string) => void,
  ): void {
    const before = this.sessions.get(key);
    const ledger = this.shards[shard]!;
    if (before !== undefined) {
      // An id that comes again after its grace is a new session.
      const { starts, endClockMs, endReason } = before;
      const isOver = endReason !== null && position.clockMs > endClockMs + this.#world.graceMsMin;
      const sent = this.coverage.startsSent(key);
      if (!isOver || starts >= sent) fault(`a second Start (${sent} were sent)`);
      this.reopened++;
    }
    const session: LedgerSession = {
      key,
      device: record.device,
      session: record.session,
      shard,
      accountId: record.accountId,
      startedAtMs: record.startedAtMs,
      orderKeyMs: record.orderKeyMs,
      rulesId: this.#rulesId(shard),
      starts: (before?.starts ?? 0) + 1,
      lastSeq: -1,
      lastAtMs: record.startedAtMs,
      lastOffset: offset,
      writtenMs: NaN,
      nextAtMs: Infinity,
      endReason: null,
      endClockMs: NaN,
    };
    this.coverage.checkStart(session, fault);
    this.sessions.set(key, session);
    ledger.active.set(key, session);
    ledger.ended.delete(key);
    ledger.earlyEnds.delete(key);
  }

  #rulesId(shard: number): string {
    return JSON.stringify(this.#world.owners[shard]!.rules);
  }
}

const HEADER_NAME = new TextEncoder().encode(POSITION_HEADER);
