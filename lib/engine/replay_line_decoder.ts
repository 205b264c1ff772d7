import {
  DECODED_END,
  DECODED_REJECTED,
  DECODED_START,
  EventDecoder,
} from "../core/event_decoder.ts";
import { EventFields, MISSING, NULL, NUMBER, RICH_STRING } from "../core/event_fields.ts";
import type { EventLayout } from "../core/event_layout.ts";
import { isIntegerNumber, parseNumber } from "../core/json_number.ts";
import { OPEN_BRACE, skipWhitespace } from "../core/json_scanner.ts";
import { excerpt } from "../core/reject_detail.ts";
import type { RejectReason } from "../core/reject_reason.ts";
import { EPOCH_MS_MAX } from "../core/rfc3339.ts";

/** The layouts of a replay: by the topic that an envelope names, and of all other lines. */
export interface ReplayLayouts {
  readonly byTopic: ReadonlyMap<string, EventLayout>;
  readonly otherwise: EventLayout;
}

/** The line is empty, or its value null: there is no event. */
export const LINE_WITHOUT_EVENT = 4;

/** The topic of a line that names none. */
const TOPIC_OF_FILE = "file";
const PARTITION_MAX = 2 ** 31 - 1;

const VALUE = 0;
const TIMESTAMP = 1;
const TOPIC = 2;
const PARTITION = 3;
const OFFSET = 4;
const ENVELOPE_NAMES = ["value", "timestampMs", "topic", "partition", "offset"];

/** Only a name with one of these is the text `timestampMs`: its capital, or an escape. */
const LETTER_M = 0x4d;
const BACKSLASH = 0x5c;

/**
 * Tells what a line of a replay is: an event, alone or in an envelope, or nothing of the kind.
 *
 * A line that may be an envelope is scanned twice, once for the envelope's keys and once for the
 * event; together that costs less than a microsecond. Most lines without one are told by two
 * searches over the whole block.
 */
export class ReplayLineDecoder {
  /** Holds the event when the answer is `DECODED_START` or `DECODED_END`. */
  decoder: EventDecoder;
  /** The record's timestamp, whole epoch milliseconds; below 0 it counts as the clock. */
  timestampMs = NaN;
  offset = 0;
  rejectReason: RejectReason = "not_json";
  rejectDetail = "";

  readonly #eventBytesMax: number;
  readonly #otherwise: EventDecoder;
  readonly #byTopic = new Map<string, EventDecoder>();
  readonly #ofFile: EventDecoder;
  readonly #timestampField: ReadonlyMap<EventDecoder, string>;
  readonly #envelope = new EventFields(ENVELOPE_NAMES.map((name) => encoder.encode(name)));
  /** The topic of the last envelope, as it was written, and its decoder. */
  #lastTopic = new Uint8Array(0);
  #lastDecoder: EventDecoder;
  /** Where in the block the next capital and the next backslash are. */
  #nextLetter = -1;
  #nextBackslash = -1;

  constructor(layouts: ReplayLayouts, options: { eventBytesMax: number }) {
    const timestampField = new Map<EventDecoder, string>();
    const decoderOf = (layout: EventLayout) => {
      const decoder = new EventDecoder(layout, options);
      timestampField.set(decoder, layout.timestampField);
      return decoder;
    };
    this.#eventBytesMax = options.eventBytesMax;
    this.#otherwise = decoderOf(layouts.otherwise);
    for (const [topic, layout] of layouts.byTopic) this.#byTopic.set(topic, decoderOf(layout));
    this.#ofFile = this.#byTopic.get(TOPIC_OF_FILE) ?? this.#otherwise;
    this.#timestampField = timestampField;
    this.#lastDecoder = this.#otherwise;
    this.decoder = this.#ofFile;
  }

  /** The bytes that lines are decoded from are other ones from here on. */
  startBlock(): void {
    this.#nextLetter = -1;
    this.#nextBackslash = -1;
  }

  /**
   * Decodes the line in `bytes[from, to)`, which is `lineBytes` long; what is beyond the range was
   * cut off. The lines of a block come in their order.
   *
   * @returns one of `DECODED_…`, or `LINE_WITHOUT_EVENT`.
   */
  decode(
    bytes: Uint8Array,
    from: number,
    to: number,
    lineBytes: number,
    lineNumber: number,
  ): number {
    if (from === to) return LINE_WITHOUT_EVENT;
    if (lineBytes > this.#eventBytesMax) {
      const detail = `line is ${lineBytes} bytes, at most ${this.#eventBytesMax}`;
      return this.#reject("too_large", detail);
    }
    if (this.#isEnvelope(bytes, from, to)) return this.#decodeEnvelope(bytes, lineNumber);

    const decoder = this.#ofFile;
    const decoded = this.#decodeEvent(decoder, bytes, from, to);
    if (decoded !== DECODED_START && decoded !== DECODED_END) return decoded;
    if (Number.isNaN(decoder.timestampMs)) {
      const field = this.#timestampField.get(decoder);
      return this.#reject("bad_field", `${field} is missing, and the line is no envelope`);
    }
    this.timestampMs = decoder.timestampMs;
    this.offset = lineNumber;
    return decoded;
  }

  /** Whether the line is an object with the two keys; what is not JSON is no envelope. */
  #isEnvelope(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#nextLetter < from) this.#nextLetter = nextOf(bytes, LETTER_M, from);
    if (this.#nextBackslash < from) this.#nextBackslash = nextOf(bytes, BACKSLASH, from);
    if (this.#nextLetter >= to && this.#nextBackslash >= to) return false;
    const envelope = this.#envelope;
    const open = skipWhitespace(bytes, from, to);
    if (open >= to || bytes[open] !== OPEN_BRACE) return false;
    const end = envelope.scan(bytes, open, to);
    return end >= 0 && envelope.kinds[VALUE] !== MISSING &&
      envelope.kinds[TIMESTAMP] !== MISSING && skipWhitespace(bytes, end, to) === to;
  }

  #decodeEnvelope(bytes: Uint8Array, lineNumber: number): number {
    const { kinds, froms, tos } = this.#envelope;
    if (kinds[VALUE] === NULL) return LINE_WITHOUT_EVENT;
    if (!this.#isAbsent(TOPIC) && kinds[TOPIC]! > RICH_STRING) {
      return this.#rejectField(bytes, TOPIC, "a string");
    }
    if (!this.#isAbsent(PARTITION)) {
      const partition = this.#integer(bytes, PARTITION);
      if (!(partition >= 0 && partition <= PARTITION_MAX)) {
        return this.#rejectField(bytes, PARTITION, `a whole number from 0 to ${PARTITION_MAX}`);
      }
    }
    this.offset = lineNumber;
    if (!this.#isAbsent(OFFSET)) {
      this.offset = this.#integer(bytes, OFFSET);
      if (!(this.offset >= 0)) {
        return this.#rejectField(bytes, OFFSET, "a whole number from 0 to 2^53-1");
      }
    }
    this.timestampMs = this.#integer(bytes, TIMESTAMP);
    if (!(this.timestampMs <= EPOCH_MS_MAX)) {
      return this.#rejectField(bytes, TIMESTAMP, "epoch milliseconds, at most of the year 9999");
    }
    const quote = kinds[VALUE]! <= RICH_STRING ? 1 : 0;
    const decoder = this.#decoderOfTopic(bytes);
    return this.#decodeEvent(decoder, bytes, froms[VALUE]! - quote, tos[VALUE]! + quote);
  }

  #decodeEvent(decoder: EventDecoder, bytes: Uint8Array, from: number, to: number): number {
    this.decoder = decoder;
    const decoded = decoder.decode(bytes, from, to);
    if (decoded === DECODED_REJECTED) this.#reject(decoder.rejectReason, decoder.rejectDetail);
    return decoded;
  }

  #decoderOfTopic(bytes: Uint8Array): EventDecoder {
    if (this.#isAbsent(TOPIC)) return this.#ofFile;
    const from = this.#envelope.froms[TOPIC]!;
    const to = this.#envelope.tos[TOPIC]!;
    const last = this.#lastTopic;
    let isLast = last.length === to - from;
    for (let i = 0; isLast && i < last.length; i++) isLast = last[i] === bytes[from + i];
    if (isLast && last.length > 0) return this.#lastDecoder;
    const envelope = this.#envelope;
    // No topic of ours has half a surrogate pair in its name.
    const name = envelope.readText(bytes, TOPIC)
      ? utf8.decode(envelope.textBytes.subarray(envelope.textFrom, envelope.textTo))
      : "";
    this.#lastTopic = bytes.slice(from, to);
    this.#lastDecoder = this.#byTopic.get(name) ?? this.#otherwise;
    return this.#lastDecoder;
  }

  /** The integer that a field is, exactly; NaN for anything else. */
  #integer(bytes: Uint8Array, field: number): number {
    const { kinds, froms, tos } = this.#envelope;
    if (kinds[field] !== NUMBER || !isIntegerNumber(bytes, froms[field]!, tos[field]!)) return NaN;
    const value = parseNumber(bytes, froms[field]!, tos[field]!);
    return Number.isSafeInteger(value) ? value + 0 : NaN;
  }

  #isAbsent(field: number): boolean {
    return this.#envelope.kinds[field] === MISSING || this.#envelope.kinds[field] === NULL;
  }

  #rejectField(bytes: Uint8Array, field: number, expected: string): number {
    const { kinds, froms, tos } = this.#envelope;
    const quote = kinds[field]! <= RICH_STRING ? 1 : 0;
    const found = excerpt(bytes, froms[field]! - quote, tos[field]! + quote);
    return this.#reject(
      "bad_field",
      `${ENVELOPE_NAMES[field]} of the envelope is not ${expected}: ${found}`,
    );
  }

  #reject(reason: RejectReason, detail: string): number {
    this.rejectReason = reason;
    this.rejectDetail = detail;
    return DECODED_REJECTED;
  }
}

function nextOf(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? bytes.length : at;
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
