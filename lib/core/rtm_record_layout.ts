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
import { textBytes, writeBytes, writeInstant, writeInteger } from "./text_writer.ts";

/**
 * Layout `rtm-gaming`: the names of the published Spark Real-Time Mode gaming reference. What it
 * has no field for (`seq`, order key, reason) is in `debug_info`.
 */
export class RtmRecordLayout implements RecordLayout {
  readonly name = "rtm-gaming";
  readonly #scanner = new TextScanner();

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
    let p = writeBytes(out, position, DEVICE_ID);
    p = writeDeviceId(rows, row, out, p, deviceAt, deviceLength);
    p = writeBytes(out, p, SESSION_ID);
    p = writeSessionId(rows, row, out, p);
    if (isAbsent(rows.accountKind(row))) p = writeBytes(out, p, NULL_ACCOUNT_ID);
    else p = writeAccountId(rows, row, out, writeBytes(out, p, ACCOUNT_ID));
    p = writeBytes(out, p, STATUS[draft.status]!);
    p = writeInstant(out, p, startedAt);
    const reported = times[TIME_REPORTED_DURATION]!;
    const durationMs = reported === reported ? reported : times[TIME_AT]! - startedAt;
    p = writeInteger(out, writeBytes(out, p, DURATION), Math.floor(durationMs / 1000));
    p = writeInstant(out, writeBytes(out, p, UPSTREAM), times[TIME_SOURCE]!);
    p = writeInstant(out, writeBytes(out, p, PROCESSING), times[TIME_EMITTED]!);
    const nextAt = times[TIME_NEXT_AT]!;
    if (nextAt !== nextAt) p = writeBytes(out, p, NULL_TIMER_AND_DEBUG);
    else {
      p = writeInstant(out, writeBytes(out, p, TIMER), nextAt);
      p = writeBytes(out, p, DEBUG);
    }
    p = writeInteger(out, p, draft.seq);
    p = writeInteger(out, writeBytes(out, p, KEY), rows.orderKey(row));
    return writeBytes(out, p, REASON[draft.reason]!);
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
    facts.status = this.#acceptOneOf(STATUS_KEYS);
    facts.startedAtMs = scanner.readInstant();
    scanner.expect(DURATION_KEY);
    scanner.readInteger();
    scanner.expect(UPSTREAM_KEY);
    scanner.readInstant();
    scanner.expect(PROCESSING_KEY);
    scanner.readInstant();
    scanner.expect(TIMER_KEY);
    facts.nextAtMs = scanner.readInstantOrNull();
    // An end has no next instant, and all others have one.
    if ((facts.status === STATUS_END) !== Number.isNaN(facts.nextAtMs)) return false;
    scanner.expect(DEBUG_KEY);
    facts.seq = scanner.readInteger();
    scanner.expect(KEY);
    facts.orderKeyMs = scanner.readInteger();
    facts.reason = this.#acceptOneOf(REASON);
    scanner.expectEnd();
    return !scanner.failed;
  }

  #acceptOneOf(constants: readonly Uint8Array[]): number {
    for (let i = 0; i < constants.length; i++) {
      if (this.#scanner.accept(constants[i]!)) return i;
    }
    this.#scanner.failed = true;
    return 0;
  }
}

const DEVICE_ID = textBytes('{"deviceId":');
const SESSION_ID = textBytes(',"appSessionId":');
const ACCOUNT_ID = textBytes(',"psnAccountId":');
const NULL_ACCOUNT_ID = textBytes(',"psnAccountId":null');
const DURATION = textBytes('","sessionDuration":');
const DURATION_KEY = textBytes(',"sessionDuration":');
const UPSTREAM = textBytes(',"upstream_timestamp":"');
const UPSTREAM_KEY = textBytes(',"upstream_timestamp":');
const PROCESSING = textBytes('","processing_timestamp":"');
const PROCESSING_KEY = textBytes(',"processing_timestamp":');
const TIMER = textBytes('","timer_info":"');
const TIMER_KEY = textBytes(',"timer_info":');
const DEBUG = textBytes('","debug_info":"seq=');
const DEBUG_KEY = textBytes(',"debug_info":"seq=');
const NULL_TIMER_AND_DEBUG = textBytes('","timer_info":null,"debug_info":"seq=');
const KEY = textBytes(" key=");
const REASON = ["", "ended", "superseded", "timeout"].map((reason) =>
  textBytes(` reason=${reason}"}`)
);
const STATUS_NAMES: string[] = [];
STATUS_NAMES[STATUS_START] = "SessionStart";
STATUS_NAMES[STATUS_HEARTBEAT] = "SessionHeartbeat";
STATUS_NAMES[STATUS_END] = "SessionEnd";
const STATUS = STATUS_NAMES.map((status) =>
  textBytes(`,"sessionStatus":"${status}","session_timestamp":"`)
);
const STATUS_KEYS = STATUS_NAMES.map((status) =>
  textBytes(`,"sessionStatus":"${status}","session_timestamp":`)
);
