import { isAbsent } from "./id_codec.ts";
import {
  type RecordDraft,
  STATUS_END,
  STATUS_HEARTBEAT,
  STATUS_START,
  TIME_AT,
  TIME_EMITTED,
  TIME_NEXT_AT,
  TIME_REPORTED_DURATION,
  TIME_SOURCE,
} from "./record_draft.ts";
import type { RecordFacts } from "./record_facts.ts";
import {
  type RecordLayout,
  writeAccountId,
  writeDeviceId,
  writeSessionId,
} from "./record_layout.ts";
import { type SessionRows } from "./session_rows.ts";
import { TextScanner } from "./text_scanner.ts";
import { FAR_MS, textBytes, writeBytes, writeInstant, writeInteger } from "./text_writer.ts";

/** Layout `plain`: the contract's own names, keys in the contract's order. */
export class PlainRecordLayout implements RecordLayout {
  readonly name = "plain";
  readonly #scanner = new TextScanner();
  readonly #heartbeat = new HeartbeatTemplate({ hasOrderKey: false });
  readonly #heartbeatWithOrderKey = new HeartbeatTemplate({ hasOrderKey: true });

  write(
    rows: SessionRows,
    row: number,
    draft: RecordDraft,
    out: Uint8Array,
    position: number,
    deviceAt: number,
    deviceLength: number,
  ): number {
    const times = draft.times;
    const startedAt = rows.startedAt(row);
    const orderKey = rows.orderKey(row);
    let p = writeBytes(out, position, DEVICE_ID);
    p = writeDeviceId(rows, row, out, p, deviceAt, deviceLength);
    p = writeBytes(out, p, SESSION_ID);
    p = writeSessionId(rows, row, out, p);
    if (isAbsent(rows.accountKind(row))) p = writeBytes(out, p, NULL_ACCOUNT_ID);
    else p = writeAccountId(rows, row, out, writeBytes(out, p, ACCOUNT_ID));
    p = writeBytes(out, p, STATUS[draft.status * REASONS + draft.reason]!);
    p = writeInteger(out, p, draft.seq);
    // (A template has places for instants of 24 bytes: of the next 8,000 years, that is.)
    if (
      draft.status === STATUS_HEARTBEAT && times[TIME_NEXT_AT]! < FAR_MS &&
      times[TIME_EMITTED]! < FAR_MS
    ) {
      const heartbeat = orderKey === startedAt ? this.#heartbeat : this.#heartbeatWithOrderKey;
      return heartbeat.write(startedAt, orderKey, times, out, p);
    }
    const at = times[TIME_AT]!;
    p = writeInstant(out, writeBytes(out, p, STARTED_AT), startedAt);
    if (orderKey === startedAt) p = writeBytes(out, p, NULL_TIMESTAMP_AND_AT);
    else {
      p = writeInstant(out, writeBytes(out, p, TIMESTAMP), orderKey);
      p = writeBytes(out, p, AT);
    }
    p = writeInstant(out, p, at);
    p = writeInteger(out, writeBytes(out, p, DURATION_MS), at - startedAt);
    const reported = times[TIME_REPORTED_DURATION]!;
    if (reported !== reported) p = writeBytes(out, p, NULL_REPORTED);
    else p = writeInteger(out, writeBytes(out, p, REPORTED), reported);
    const nextAt = times[TIME_NEXT_AT]!;
    if (nextAt !== nextAt) p = writeBytes(out, p, NULL_NEXT_AT_AND_SOURCE);
    else {
      p = writeInstant(out, writeBytes(out, p, NEXT_AT), nextAt);
      p = writeBytes(out, p, SOURCE_TIMESTAMP);
    }
    p = writeInstant(out, p, times[TIME_SOURCE]!);
    p = writeInstant(out, writeBytes(out, p, EMITTED_AT), times[TIME_EMITTED]!);
    return writeBytes(out, p, CLOSE);
  }

  read(bytes: Uint8Array, from: number, to: number, facts: RecordFacts): boolean {
    const scanner = this.#scanner;
    scanner.reset(bytes, from, to);
    scanner.expect(DEVICE_ID);
    scanner.readText();
    facts.setDevice(scanner);
    scanner.expect(SESSION_ID);
    scanner.readText();
    facts.setSession(scanner);
    scanner.expect(ACCOUNT_ID);
    scanner.readText();
    facts.setAccount(scanner);
    this.#readStatus(facts);
    facts.seq = scanner.readInteger();
    scanner.expect(STARTED_AT_KEY);
    facts.startedAtMs = scanner.readInstant();
    scanner.expect(TIMESTAMP_KEY);
    const orderKey = scanner.readInstantOrNull();
    facts.orderKeyMs = orderKey === orderKey ? orderKey : facts.startedAtMs;
    scanner.expect(AT_KEY);
    const at = scanner.readInstant();
    scanner.expect(DURATION_MS_KEY);
    if (scanner.readInteger() !== at - facts.startedAtMs) return false;
    scanner.expect(REPORTED_KEY);
    if (!scanner.accept(NULL)) scanner.readInteger();
    scanner.expect(NEXT_AT_KEY);
    facts.nextAtMs = scanner.readInstantOrNull();
    // An end has no next instant, and all others have one.
    if ((facts.status === STATUS_END) !== Number.isNaN(facts.nextAtMs)) return false;
    // What follows only repeats or tells when the record was made, but it has to be whole.
    scanner.expect(SOURCE_TIMESTAMP_KEY);
    scanner.readInstant();
    scanner.expect(EMITTED_AT_KEY);
    scanner.readInstant();
    scanner.expect(CLOSE_BRACE);
    scanner.expectEnd();
    return !scanner.failed;
  }

  #readStatus(facts: RecordFacts): void {
    for (const index of STATUSES_BY_FREQUENCY) {
      if (!this.#scanner.accept(STATUS[index]!)) continue;
      facts.status = Math.floor(index / REASONS);
      facts.reason = index % REASONS;
      return;
    }
    this.#scanner.failed = true;
  }
}

/**
 * What follows `seq` in a heartbeat: two blocks of text that are copied whole, their instants
 * written before only when they change, since those that fire in one tick differ in `startedAt`,
 * the order key and the duration alone (tests/bench/heartbeat_bench.ts).
 */
class HeartbeatTemplate {
  readonly #hasOrderKey: boolean;
  readonly #first: Uint8Array;
  readonly #second = textBytes(
    `,"reportedDurationMs":null,"nextAt":"${NO_INSTANT}","sourceTimestamp":"${NO_INSTANT}","emittedAt":"${NO_INSTANT}"}`,
  );
  readonly #atInFirst: number;
  #atMs = NaN;
  #nextAtMs = NaN;
  #emittedAtMs = NaN;

  constructor(options: { readonly hasOrderKey: boolean }) {
    this.#hasOrderKey = options.hasOrderKey;
    const orderKey = options.hasOrderKey ? `"${NO_INSTANT}"` : "null";
    const beforeAt = `,"startedAt":"${NO_INSTANT}","timestamp":${orderKey},"at":"`;
    this.#first = textBytes(`${beforeAt}${NO_INSTANT}","durationMs":`);
    this.#atInFirst = beforeAt.length;
  }

  write(
    startedAtMs: number,
    orderKeyMs: number,
    times: Float64Array,
    out: Uint8Array,
    position: number,
  ): number {
    const atMs = times[TIME_AT]!;
    const nextAtMs = times[TIME_NEXT_AT]!;
    const emittedAtMs = times[TIME_EMITTED]!;
    if (atMs !== this.#atMs) {
      this.#atMs = atMs;
      writeInstant(this.#first, this.#atInFirst, atMs);
    }
    if (nextAtMs !== this.#nextAtMs) {
      this.#nextAtMs = nextAtMs;
      writeInstant(this.#second, NEXT_AT_IN_SECOND, nextAtMs);
    }
    if (emittedAtMs !== this.#emittedAtMs) {
      this.#emittedAtMs = emittedAtMs;
      writeInstant(this.#second, EMITTED_AT_IN_SECOND, emittedAtMs);
    }
    out.set(this.#first, position);
    const startedAt = position + STARTED_AT_IN_FIRST;
    writeInstant(out, startedAt, startedAtMs);
    if (this.#hasOrderKey) writeInstant(out, position + ORDER_KEY_IN_FIRST, orderKeyMs);
    const p = writeInteger(out, position + this.#first.length, atMs - startedAtMs);
    out.set(this.#second, p);
    // The source of a heartbeat is that of its start.
    const source = p + SOURCE_IN_SECOND;
    for (let i = 0; i < INSTANT_BYTES; i++) out[source + i] = out[startedAt + i]!;
    return p + this.#second.length;
  }
}

const NO_INSTANT = "0000-00-00T00:00:00.000Z";
const INSTANT_BYTES = NO_INSTANT.length;
const STARTED_AT_IN_FIRST = ',"startedAt":"'.length;
const ORDER_KEY_IN_FIRST = STARTED_AT_IN_FIRST + INSTANT_BYTES + '","timestamp":"'.length;
const NEXT_AT_IN_SECOND = ',"reportedDurationMs":null,"nextAt":"'.length;
const SOURCE_IN_SECOND = NEXT_AT_IN_SECOND + INSTANT_BYTES + '","sourceTimestamp":"'.length;
const EMITTED_AT_IN_SECOND = SOURCE_IN_SECOND + INSTANT_BYTES + '","emittedAt":"'.length;

const DEVICE_ID = textBytes('{"deviceId":');
const SESSION_ID = textBytes(',"sessionId":');
const ACCOUNT_ID = textBytes(',"accountId":');
const NULL_ACCOUNT_ID = textBytes(',"accountId":null');
const STARTED_AT = textBytes(',"startedAt":"');
const STARTED_AT_KEY = textBytes(',"startedAt":');
const TIMESTAMP = textBytes('","timestamp":"');
const TIMESTAMP_KEY = textBytes(',"timestamp":');
const AT = textBytes('","at":"');
const AT_KEY = textBytes(',"at":');
const NULL_TIMESTAMP_AND_AT = textBytes('","timestamp":null,"at":"');
const DURATION_MS = textBytes('","durationMs":');
const DURATION_MS_KEY = textBytes(',"durationMs":');
const REPORTED = textBytes(',"reportedDurationMs":');
const REPORTED_KEY = REPORTED;
const NULL_REPORTED = textBytes(',"reportedDurationMs":null');
const NULL = textBytes("null");
const NEXT_AT = textBytes(',"nextAt":"');
const NEXT_AT_KEY = textBytes(',"nextAt":');
const SOURCE_TIMESTAMP = textBytes('","sourceTimestamp":"');
const SOURCE_TIMESTAMP_KEY = textBytes(',"sourceTimestamp":');
const NULL_NEXT_AT_AND_SOURCE = textBytes(',"nextAt":null,"sourceTimestamp":"');
const EMITTED_AT = textBytes('","emittedAt":"');
const EMITTED_AT_KEY = textBytes(',"emittedAt":');
const CLOSE = textBytes('"}');
const CLOSE_BRACE = textBytes("}");

/** Reasons a status is combined with, `REASON_NONE` first. */
const REASONS = 4;
const STATUS_NAMES = ["SessionStart", "SessionHeartbeat", "SessionEnd"];
const REASON_NAMES = ["null", '"ended"', '"superseded"', '"timeout"'];
const STATUS = STATUS_NAMES.flatMap((status) =>
  REASON_NAMES.map((reason) => textBytes(`,"status":"${status}","reason":${reason},"seq":`))
);
const STATUSES_BY_FREQUENCY = [
  STATUS_HEARTBEAT * REASONS,
  STATUS_START * REASONS,
  STATUS_END * REASONS + 1,
  STATUS_END * REASONS + 2,
  STATUS_END * REASONS + 3,
];
