import type { EventDecoder } from "./event_decoder.ts";
import {
  ACCOUNT_ID_WORD,
  ID_ABSENT,
  ID_IS_INTEGER,
  ID_WORDS,
  joinKinds,
  SESSION_ID_WORD,
} from "./id_codec.ts";
import { LongIds } from "./long_ids.ts";
import { partitionOf } from "./murmur2.ts";

/**
 * Decoded events of one input partition, in offset order, packed: no object and no string an
 * event, and nothing of the fetched bytes is held on to.
 *
 * An event is 16 words (type, shard, id kinds, three packed ids, room for one) and four doubles
 * (offset, source timestamp, device timestamp, reported duration). Long ids' bytes lie in
 * `longBytes`.
 */
export class EventChunk {
  words: Int32Array;
  doubles: Float64Array;
  count = 0;
  readonly #long = new LongIds(0);

  /** @param capacity Events to make room for at first. */
  constructor(capacity: number) {
    this.words = new Int32Array(capacity * EVENT_WORDS);
    this.doubles = new Float64Array(capacity * EVENT_DOUBLES);
  }

  /**
   * Adds what the decoder has just accepted.
   *
   * @param type `EVENT_START` or `EVENT_END`.
   * @param sourceTimestampMs The record's timestamp as used, epoch milliseconds.
   */
  add(
    decoder: EventDecoder,
    type: number,
    shards: number,
    offset: number,
    sourceTimestampMs: number,
  ): void {
    if ((this.count + 1) * EVENT_WORDS > this.words.length) this.#grow();
    const word = this.count * EVENT_WORDS;
    const words = this.words;
    words[word + TYPE_WORD] = type;
    words[word + SHARD_WORD] = partitionOf(
      decoder.deviceBytes,
      decoder.deviceFrom,
      decoder.deviceTo,
      shards,
    );
    const device = this.#pack(decoder.deviceBytes, decoder.deviceFrom, decoder.deviceTo, word, 0);
    let session = this.#pack(
      decoder.sessionBytes,
      decoder.sessionFrom,
      decoder.sessionTo,
      word,
      SESSION_ID_WORD,
    );
    if (decoder.sessionIsInteger) session |= ID_IS_INTEGER;
    let account = ID_ABSENT;
    if (decoder.hasAccount) {
      account = this.#pack(
        decoder.accountBytes,
        decoder.accountFrom,
        decoder.accountTo,
        word,
        ACCOUNT_ID_WORD,
      );
    } else words.fill(0, word + IDS_WORD + ACCOUNT_ID_WORD, word + IDS_WORD + ID_WORDS);
    words[word + KINDS_WORD] = joinKinds(device, session, account);
    const double = this.count * EVENT_DOUBLES;
    this.doubles[double] = offset;
    this.doubles[double + 1] = sourceTimestampMs;
    this.doubles[double + 2] = decoder.timestampMs;
    this.doubles[double + 3] = decoder.reportedDurationMs;
    this.count++;
  }

  /** Empties the chunk, to be filled again. */
  clear(): void {
    this.count = 0;
    this.#long.clear();
  }

  get longBytes(): Uint8Array {
    return this.#long.bytes;
  }

  type(event: number): number {
    return this.words[event * EVENT_WORDS + TYPE_WORD]!;
  }

  shard(event: number): number {
    return this.words[event * EVENT_WORDS + SHARD_WORD]!;
  }

  /** The kinds of the three ids, joined as `SessionRows.setIds` takes them. */
  kinds(event: number): number {
    return this.words[event * EVENT_WORDS + KINDS_WORD]!;
  }

  offset(event: number): number {
    return this.doubles[event * EVENT_DOUBLES]!;
  }

  sourceTimestampMs(event: number): number {
    return this.doubles[event * EVENT_DOUBLES + 1]!;
  }

  /** The device's clock, epoch milliseconds; NaN when the event has none. */
  timestampMs(event: number): number {
    return this.doubles[event * EVENT_DOUBLES + 2]!;
  }

  reportedDurationMs(event: number): number {
    return this.doubles[event * EVENT_DOUBLES + 3]!;
  }

  #pack(bytes: Uint8Array, from: number, to: number, word: number, idWord: number): number {
    return this.#long.pack(bytes, from, to, this.words, word + IDS_WORD + idWord);
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2 + EVENT_WORDS);
    words.set(this.words);
    this.words = words;
    const doubles = new Float64Array(this.doubles.length * 2 + EVENT_DOUBLES);
    doubles.set(this.doubles);
    this.doubles = doubles;
  }
}

export const EVENT_START = 0;
export const EVENT_END = 1;

export const EVENT_WORDS = 16;
/** Where in an event's words its packed ids start. */
export const IDS_WORD = 3;

const EVENT_DOUBLES = 4;
const TYPE_WORD = 0;
const SHARD_WORD = 1;
const KINDS_WORD = 2;
