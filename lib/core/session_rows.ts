import {
  ACCOUNT_WORD,
  BEAT_WORD,
  DEVICE_WORD,
  KINDS_WORD,
  LINK_WORD,
  NO_ROW,
  ROW_BYTES,
  ROW_DOUBLES,
  ROW_FREE,
  ROW_STAGED,
  ROW_WORDS,
  SEQ_WORD,
  SESSION_WORD,
} from "./row_format.ts";
import { ARENA_OFFSET_MASK, ByteArena } from "./byte_arena.ts";
import type { ByteWriter } from "./byte_writer.ts";
import {
  hashLongId,
  hashShortId,
  ID_KIND_MASK,
  ID_LONG,
  ID_WORDS,
  mixWord,
  unpackShortId,
} from "./id_codec.ts";

/**
 * One row of 80 bytes per session that a shard knows: active, ended and remembered, or an end
 * whose start has not come.
 *
 * Rows lie in pages of 65,536 that never move, fields of a row side by side: a heartbeat reads a
 * whole row, and two cache lines cost less than one line per column (at four million sessions
 * nearly every row read misses the cache).
 *
 * Fields and places are those of `row_format.ts`. A free row's link is the next free row.
 */
export class SessionRows {
  readonly #doubles: Float64Array[] = [];
  readonly #words: Int32Array[] = [];
  readonly #arena = new ByteArena();
  readonly #hashSeed: number;
  #freeHead = NO_ROW;
  #used = 0;
  #live = 0;

  /** @param hashSeed Tells the tables of one process from those of another, against crafted keys. */
  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed;
  }

  /** Rows in use. */
  get live(): number {
    return this.#live;
  }

  /** Rows ever used: row numbers are below this. */
  get used(): number {
    return this.#used;
  }

  get byteLength(): number {
    return this.#doubles.length * PAGE_ROWS * ROW_BYTES + this.#arena.byteLength;
  }

  /** A free row, its content undefined but for its state, which is `ROW_FREE`. */
  allocate(): number {
    this.#live++;
    const row = this.#freeHead;
    if (row !== NO_ROW) {
      this.#freeHead = this.link(row);
      return row;
    }
    if ((this.#used & PAGE_MASK) === 0) this.#addPage();
    return this.#used++;
  }

  /** Gives the row and its long ids back. */
  free(row: number): void {
    this.#freeLong(row, DEVICE_WORD, this.deviceKind(row));
    this.#freeLong(row, SESSION_WORD, this.sessionKind(row));
    this.#freeLong(row, ACCOUNT_WORD, this.accountKind(row));
    this.setState(row, ROW_FREE);
    this.setLink(row, this.#freeHead);
    this.#freeHead = row;
    this.#live--;
  }

  /**
   * Sets the three ids of a row from packed words. Long ids are copied from `bytes`; the words
   * then hold their place in it.
   */
  setIds(
    row: number,
    words: Int32Array,
    at: number,
    kinds: number,
    bytes: Uint8Array,
  ): void {
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const base = (row & PAGE_MASK) * ROW_WORDS;
    page[base + KINDS_WORD] = (kinds & ~0xff) | ROW_STAGED;
    for (let i = 0; i < ID_WORDS; i++) page[base + DEVICE_WORD + i] = words[at + i]!;
    this.#copyLong(page, base + DEVICE_WORD, (kinds >>> 8) & 0xff, bytes);
    this.#copyLong(page, base + SESSION_WORD, (kinds >>> 16) & 0xff, bytes);
    this.#copyLong(page, base + ACCOUNT_WORD, kinds >>> 24, bytes);
  }

  state(row: number): number {
    return this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + KINDS_WORD]! & 0xff;
  }

  setState(row: number, state: number): void {
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const at = (row & PAGE_MASK) * ROW_WORDS + KINDS_WORD;
    page[at] = (page[at]! & ~0xff) | state;
  }

  deviceKind(row: number): number {
    return (this.#kinds(row) >>> 8) & 0xff;
  }

  sessionKind(row: number): number {
    return (this.#kinds(row) >>> 16) & 0xff;
  }

  accountKind(row: number): number {
    return this.#kinds(row) >>> 24;
  }

  /** Writes the session id as an integer or as a text from now on. */
  setSessionKind(row: number, kind: number): void {
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const at = (row & PAGE_MASK) * ROW_WORDS + KINDS_WORD;
    page[at] = (page[at]! & ~0xff0000) | (kind << 16);
  }

  /** First double: `startedAt` of an active row, the clock of a remembered one. */
  startedAt(row: number): number {
    return this.#doubles[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_DOUBLES]!;
  }

  setStartedAt(row: number, ms: number): void {
    this.#doubles[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_DOUBLES] = ms;
  }

  /** Second double: the order key, of an early end its `at`. */
  orderKey(row: number): number {
    return this.#doubles[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_DOUBLES + 1]!;
  }

  setOrderKey(row: number, ms: number): void {
    this.#doubles[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_DOUBLES + 1] = ms;
  }

  /** Third double, of early ends only: the reported duration, NaN = none. */
  reportedDurationMs(row: number): number {
    return this.#doubles[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_DOUBLES + 2]!;
  }

  setReportedDurationMs(row: number, ms: number): void {
    this.#doubles[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_DOUBLES + 2] = ms;
  }

  /** Last `seq` of an active row, next of the device's chain of an ended one. */
  seq(row: number): number {
    return this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + SEQ_WORD]!;
  }

  setSeq(row: number, seq: number): void {
    this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + SEQ_WORD] = seq;
  }

  /** The k of the heartbeat whose instant the timer waits for; previous of an ended row's chain. */
  beat(row: number): number {
    return this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + BEAT_WORD]!;
  }

  setBeat(row: number, beat: number): void {
    this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + BEAT_WORD] = beat;
  }

  /** Next row in the queue of what is remembered, or the next free row. */
  link(row: number): number {
    return this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + LINK_WORD]!;
  }

  setLink(row: number, next: number): void {
    this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + LINK_WORD] = next;
  }

  /** Age in ms of an active row's last Start or Heartbeat, by its `at`; the place of the link. */
  age(row: number): number {
    return this.link(row) >>> 0;
  }

  /** @param ms Below 2^32, which is 49 days. */
  setAge(row: number, ms: number): void {
    this.setLink(row, ms);
  }

  deviceHash(row: number): number {
    return this.#hashAt(row, DEVICE_WORD, this.deviceKind(row), this.#hashSeed);
  }

  sessionHash(row: number): number {
    return this.#hashAt(row, SESSION_WORD, this.sessionKind(row), this.#hashSeed);
  }

  /** A hash of the three ids that is the same in every process. */
  identityHash(row: number): number {
    let hash = this.#hashAt(row, DEVICE_WORD, this.deviceKind(row), 1);
    hash = mixWord(hash, this.#hashAt(row, SESSION_WORD, this.sessionKind(row), 2));
    return mixWord(hash, this.#hashAt(row, ACCOUNT_WORD, this.accountKind(row), 3));
  }

  /** The hash that `deviceHash` gives a row with this packed id; `bytes` hold a long one. */
  hashId(kind: number, words: Int32Array, at: number, bytes: Uint8Array): number {
    return (kind & ID_KIND_MASK) === ID_LONG
      ? hashLongId(bytes, words[at]!, words[at + 1]!, this.#hashSeed)
      : hashShortId(kind, words, at, this.#hashSeed);
  }

  /** Whether the row's device is the packed id. */
  isDevice(
    row: number,
    kind: number,
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
  ): boolean {
    return this.#isId(row, DEVICE_WORD, this.deviceKind(row), kind, words, at, bytes);
  }

  /** Whether the row's session id has the packed id's text. */
  isSession(
    row: number,
    kind: number,
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
  ): boolean {
    return this.#isId(row, SESSION_WORD, this.sessionKind(row), kind, words, at, bytes);
  }

  /** Whether two rows are of one device. */
  sameDevice(a: number, b: number): boolean {
    return this.#sameId(a, b, DEVICE_WORD, this.deviceKind(a), this.deviceKind(b));
  }

  /** Whether the session ids of two rows have one text. */
  sameSession(a: number, b: number): boolean {
    return this.#sameId(a, b, SESSION_WORD, this.sessionKind(a), this.sessionKind(b));
  }

  /** Writes the device id's bytes to `out`. @returns the position after them. */
  writeDevice(row: number, out: Uint8Array, position: number): number {
    return this.#writeText(row, DEVICE_WORD, this.deviceKind(row), out, position);
  }

  writeSession(row: number, out: Uint8Array, position: number): number {
    return this.#writeText(row, SESSION_WORD, this.sessionKind(row), out, position);
  }

  writeAccount(row: number, out: Uint8Array, position: number): number {
    return this.#writeText(row, ACCOUNT_WORD, this.accountKind(row), out, position);
  }

  /**
   * Copies a row to `words[at, at + ROW_WORDS)`. Long ids are appended to `tail`; the words then
   * hold their place in it.
   */
  exportRow(row: number, words: Int32Array, at: number, tail: ByteWriter): void {
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const base = (row & PAGE_MASK) * ROW_WORDS;
    for (let i = 0; i < ROW_WORDS; i++) words[at + i] = page[base + i]!;
    this.#exportLong(words, at + DEVICE_WORD, this.deviceKind(row), tail);
    this.#exportLong(words, at + SESSION_WORD, this.sessionKind(row), tail);
    this.#exportLong(words, at + ACCOUNT_WORD, this.accountKind(row), tail);
  }

  /** A new row with what `exportRow` wrote; its state is the one that was exported. */
  importRow(words: Int32Array, at: number, tail: Uint8Array): number {
    const row = this.allocate();
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const base = (row & PAGE_MASK) * ROW_WORDS;
    for (let i = 0; i < ROW_WORDS; i++) page[base + i] = words[at + i]!;
    this.#copyLong(page, base + DEVICE_WORD, this.deviceKind(row), tail);
    this.#copyLong(page, base + SESSION_WORD, this.sessionKind(row), tail);
    this.#copyLong(page, base + ACCOUNT_WORD, this.accountKind(row), tail);
    return row;
  }

  #kinds(row: number): number {
    return this.#words[row >>> PAGE_SHIFT]![(row & PAGE_MASK) * ROW_WORDS + KINDS_WORD]!;
  }

  #addPage(): void {
    const buffer = new ArrayBuffer(PAGE_ROWS * ROW_BYTES);
    this.#doubles.push(new Float64Array(buffer));
    this.#words.push(new Int32Array(buffer));
  }

  #hashAt(row: number, word: number, kind: number, seed: number): number {
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const at = (row & PAGE_MASK) * ROW_WORDS + word;
    if ((kind & ID_KIND_MASK) !== ID_LONG) return hashShortId(kind, page, at, seed);
    const position = page[at]!;
    return hashLongId(
      this.#arena.chunkOf(position),
      position & ARENA_OFFSET_MASK,
      page[at + 1]!,
      seed,
    );
  }

  #isId(
    row: number,
    word: number,
    rowKind: number,
    kind: number,
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
  ): boolean {
    if (((rowKind ^ kind) & ID_KIND_MASK) !== 0) return false;
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const base = (row & PAGE_MASK) * ROW_WORDS + word;
    if ((kind & ID_KIND_MASK) !== ID_LONG) {
      return page[base] === words[at] && page[base + 1] === words[at + 1] &&
        page[base + 2] === words[at + 2] && page[base + 3] === words[at + 3];
    }
    const length = words[at + 1]!;
    if (page[base + 1] !== length) return false;
    const position = page[base]!;
    const chunk = this.#arena.chunkOf(position);
    const chunkAt = position & ARENA_OFFSET_MASK;
    const from = words[at]!;
    for (let i = 0; i < length; i++) {
      if (chunk[chunkAt + i] !== bytes[from + i]) return false;
    }
    return true;
  }

  #sameId(a: number, b: number, word: number, kindA: number, kindB: number): boolean {
    const page = this.#words[b >>> PAGE_SHIFT]!;
    const base = (b & PAGE_MASK) * ROW_WORDS + word;
    if ((kindB & ID_KIND_MASK) !== ID_LONG) {
      return this.#isId(a, word, kindA, kindB, page, base, NO_BYTES);
    }
    const position = page[base]!;
    scratchPlace[0] = position & ARENA_OFFSET_MASK;
    scratchPlace[1] = page[base + 1]!;
    return this.#isId(a, word, kindA, kindB, scratchPlace, 0, this.#arena.chunkOf(position));
  }

  #writeText(
    row: number,
    word: number,
    kind: number,
    out: Uint8Array,
    position: number,
  ): number {
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const base = (row & PAGE_MASK) * ROW_WORDS + word;
    if ((kind & ID_KIND_MASK) !== ID_LONG) return unpackShortId(kind, page, base, out, position);
    const chunk = this.#arena.chunkOf(page[base]!);
    const from = page[base]! & ARENA_OFFSET_MASK;
    const length = page[base + 1]!;
    for (let i = 0; i < length; i++) out[position + i] = chunk[from + i]!;
    return position + length;
  }

  #copyLong(page: Int32Array, at: number, kind: number, bytes: Uint8Array): void {
    if ((kind & ID_KIND_MASK) !== ID_LONG) return;
    page[at] = this.#arena.store(bytes, page[at]!, page[at + 1]!);
  }

  #exportLong(words: Int32Array, at: number, kind: number, tail: ByteWriter): void {
    if ((kind & ID_KIND_MASK) !== ID_LONG) return;
    const from = words[at]! & ARENA_OFFSET_MASK;
    const chunk = this.#arena.chunkOf(words[at]!);
    words[at] = tail.length;
    tail.writeRaw(chunk.subarray(from, from + words[at + 1]!));
  }

  #freeLong(row: number, word: number, kind: number): void {
    if ((kind & ID_KIND_MASK) !== ID_LONG) return;
    const page = this.#words[row >>> PAGE_SHIFT]!;
    const at = (row & PAGE_MASK) * ROW_WORDS + word;
    this.#arena.free(page[at]!, page[at + 1]!);
  }
}

const PAGE_SHIFT = 16;
const PAGE_ROWS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_ROWS - 1;
const NO_BYTES = new Uint8Array(0);
const scratchPlace = new Int32Array(2);
