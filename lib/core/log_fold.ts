import {
  ID_ABSENT,
  ID_IS_INTEGER,
  ID_KIND_MASK,
  ID_LONG,
  ID_WORDS,
  joinKinds,
  SESSION_ID_WORD,
} from "./id_codec.ts";
import type { FactOffsets } from "./fact_offsets.ts";
import { LongIds } from "./long_ids.ts";
import type { EarlyEnd, ShardPosition } from "./position.ts";
import { STATUS_END, STATUS_START } from "./record_draft.ts";
import { RecordFacts } from "./record_facts.ts";
import type { RecordLayout } from "./record_layout.ts";
import { NO_ROW } from "./row_format.ts";
import type { Shard } from "./shard.ts";

export interface LogFoldNotes {
  readonly offsets?: FactOffsets | null;
  readonly untold?: Set<number> | null;
}

/**
 * Folds a shard's output into its state. The log is applied as facts and nothing is decided again:
 * a Start or a Heartbeat says that the session is active, with all its state; an End removes it,
 * to be remembered from the clock that the batch's position gives; early ends come from positions.
 *
 * Call order: for each data batch in the order of the log `beginBatch`, `record` for each of its
 * records, `endBatch`; after the last batch `finish`.
 */
export class LogFold {
  readonly #shard: Shard;
  readonly #layout: RecordLayout;
  readonly #offsets: FactOffsets | null;
  readonly #untold: Set<number> | null;
  #facts = new RecordFacts();
  /** A Start that the next record may end at once. */
  #start = new RecordFacts();
  #hasStart = false;
  #position: ShardPosition | null = null;
  #baseOffset = 0;
  #endsInBatch = 0;
  /** Staged rows of sessions that ended in this batch, and the clocks of their ends. */
  readonly #ended: number[] = [];
  readonly #endedClocks: number[] = [];
  readonly #words = new Int32Array(ID_WORDS);
  readonly #long = new LongIds(0);

  /**
   * @param notes `offsets` are told where each fact lies; from `untold`, rows of early ends that the
   * state had before, those go that a batch tells of.
   */
  constructor(shard: Shard, layout: RecordLayout, notes: LogFoldNotes = {}) {
    this.#shard = shard;
    this.#layout = layout;
    this.#offsets = notes.offsets ?? null;
    this.#untold = notes.untold ?? null;
  }

  beginBatch(position: ShardPosition, baseOffset = 0): void {
    this.#position = position;
    this.#baseOffset = baseOffset;
    this.#endsInBatch = 0;
  }

  /**
   * Applies the record whose value is `bytes[from, to)`.
   *
   * @returns false when it is not one of our records: a foreign writer, or another layout.
   */
  record(bytes: Uint8Array, from: number, to: number): boolean {
    const facts = this.#facts;
    if (!this.#layout.read(bytes, from, to, facts)) return false;
    if (facts.status === STATUS_END) {
      // A Start that is followed by its own End came late: the active session goes on.
      if (this.#hasStart && sameSession(this.#start, facts)) {
        this.#hasStart = false;
        this.#takeRemembered(facts);
      } else {
        this.#applyStart();
        const active = this.#findActive(facts);
        if (active !== NO_ROW && this.#isSession(active, facts)) this.#drop(active);
      }
      this.#stageEnded(facts);
      return true;
    }
    this.#applyStart();
    if (facts.status === STATUS_START) {
      this.#facts = this.#start;
      this.#start = facts;
      this.#hasStart = true;
    } else this.#applyActive(facts);
    return true;
  }

  endBatch(): void {
    this.#applyStart();
    const position = this.#position!;
    // Both lists are in the order of their clocks, and so is the queue they go to.
    let i = 0;
    for (const end of position.earlyEnds) {
      while (i < this.#ended.length && this.#endedClocks[i]! <= end.clockMs) this.#addEnded(i++);
      this.#addEarlyEnd(end);
    }
    while (i < this.#ended.length) this.#addEnded(i++);
    this.#ended.length = 0;
    this.#endedClocks.length = 0;
  }

  /** Starts the timers: the shard is as it was when the last batch was closed, at its clock. */
  finish(clockMs: number): void {
    this.#shard.startTimers(clockMs);
    // What is remembered is in the log: nothing waits to be written.
    this.#shard.remembered.takeUnwritten(() => {});
  }

  #applyStart(): void {
    if (!this.#hasStart) return;
    this.#hasStart = false;
    this.#applyActive(this.#start);
  }

  #applyActive(facts: RecordFacts): void {
    const { rows } = this.#shard;
    this.#takeRemembered(facts);
    let row = this.#findActive(facts);
    if (row !== NO_ROW && !this.#isSession(row, facts)) {
      this.#drop(row);
      row = NO_ROW;
    }
    if (row === NO_ROW || rows.startedAt(row) !== facts.startedAtMs) {
      if (row !== NO_ROW) this.#drop(row);
      row = this.#stage(facts);
      this.#shard.active.link(row, rows.deviceHash(row));
    }
    rows.setSeq(row, facts.seq);
    this.#shard.resumeAfter(row, this.#age(facts));
    this.#offsets?.set(row, this.#baseOffset);
  }

  /** Age in ms at the instant of the record. */
  #age(facts: RecordFacts): number {
    const { heartbeatIntervalMs, maxDurationMs } = this.#position!;
    const nextAge = facts.nextAtMs - facts.startedAtMs;
    // `nextAt` is the timeout for the last heartbeat before it, and H later for all others.
    return nextAge < maxDurationMs
      ? nextAge - heartbeatIntervalMs
      : (Math.ceil(maxDurationMs / heartbeatIntervalMs) - 1) * heartbeatIntervalMs;
  }

  #stage(facts: RecordFacts): number {
    const { rows } = this.#shard;
    const row = rows.allocate();
    rows.setIds(row, facts.words, 0, facts.kinds, facts.longBytes);
    rows.setStartedAt(row, facts.startedAtMs);
    rows.setOrderKey(row, facts.orderKeyMs);
    return row;
  }

  #stageEnded(facts: RecordFacts): void {
    const position = this.#position!;
    const row = this.#stage(facts);
    this.#offsets?.set(row, this.#baseOffset);
    this.#ended.push(row);
    this.#endedClocks.push(position.endClocksMs[this.#endsInBatch++] ?? position.clockMs);
  }

  #addEnded(i: number): void {
    const { rows, remembered, rules } = this.#shard;
    const row = this.#ended[i]!;
    const clockMs = this.#endedClocks[i]!;
    remembered.expire(clockMs, rules.graceMs);
    const hash = rows.deviceHash(row);
    const known = remembered.findSame(row, hash);
    if (known !== NO_ROW) remembered.take(known);
    remembered.addEnded(row, hash, clockMs);
  }

  #addEarlyEnd(end: EarlyEnd): void {
    const { rows, remembered, rules } = this.#shard;
    remembered.expire(end.clockMs, rules.graceMs);
    const row = rows.allocate();
    const kinds = this.#packIds(end);
    rows.setIds(row, this.#words, 0, kinds, this.#long.bytes);
    const hash = rows.deviceHash(row);
    // A checkpoint may have it already.
    const known = remembered.findSame(row, hash);
    if (known !== NO_ROW) {
      this.#untold?.delete(known);
      rows.free(row);
      return;
    }
    rows.setOrderKey(row, end.atMs);
    rows.setReportedDurationMs(row, end.reportedDurationMs);
    remembered.addEarlyEnd(row, hash, end.clockMs);
    this.#offsets?.set(row, this.#baseOffset);
  }

  #packIds(end: EarlyEnd): number {
    const { deviceId, sessionId } = end;
    this.#long.clear();
    const device = this.#long.pack(deviceId, 0, deviceId.length, this.#words, 0);
    let session = this.#long.pack(sessionId, 0, sessionId.length, this.#words, SESSION_ID_WORD);
    if (end.sessionIdIsInteger) session |= ID_IS_INTEGER;
    return joinKinds(device, session, ID_ABSENT);
  }

  /** Forgets the session of the facts, if it is remembered: the log says what it is now. */
  #takeRemembered(facts: RecordFacts): void {
    const { rows, remembered } = this.#shard;
    const hash = rows.hashId(facts.deviceKind, facts.words, 0, facts.longBytes);
    const known = remembered.find(hash, facts.kinds, facts.words, 0, facts.longBytes);
    if (known !== NO_ROW) remembered.take(known);
  }

  #findActive(facts: RecordFacts): number {
    const { deviceKind, words, longBytes } = facts;
    const hash = this.#shard.rows.hashId(deviceKind, words, 0, longBytes);
    return this.#shard.active.find(hash, deviceKind, words, 0, longBytes);
  }

  #isSession(row: number, facts: RecordFacts): boolean {
    const { sessionKind, words, longBytes } = facts;
    return this.#shard.rows.isSession(row, sessionKind, words, SESSION_ID_WORD, longBytes);
  }

  #drop(active: number): void {
    const { rows } = this.#shard;
    this.#shard.active.unlink(active, rows.deviceHash(active));
    rows.free(active);
  }
}

function sameSession(a: RecordFacts, b: RecordFacts): boolean {
  return sameId(a, b, a.deviceKind, b.deviceKind, 0) &&
    sameId(a, b, a.sessionKind, b.sessionKind, SESSION_ID_WORD);
}

function sameId(a: RecordFacts, b: RecordFacts, kindA: number, kindB: number, at: number): boolean {
  if (((kindA ^ kindB) & ID_KIND_MASK) !== 0) return false;
  if ((kindA & ID_KIND_MASK) !== ID_LONG) {
    for (let i = at; i < at + 4; i++) if (a.words[i] !== b.words[i]) return false;
    return true;
  }
  const length = a.words[at + 1]!;
  if (length !== b.words[at + 1]) return false;
  for (let i = 0; i < length; i++) {
    if (a.longBytes[a.words[at]! + i] !== b.longBytes[b.words[at]! + i]) return false;
  }
  return true;
}
