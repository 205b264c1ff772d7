import {
  REASON_ENDED,
  REASON_NONE,
  REASON_SUPERSEDED,
  REASON_TIMEOUT,
  RecordDraft,
  STATUS_END,
  STATUS_HEARTBEAT,
  STATUS_START,
  TIME_AT,
  TIME_CLOCK,
  TIME_EMITTED,
  TIME_NEXT_AT,
  TIME_REPORTED_DURATION,
  TIME_SOURCE,
} from "../../lib/core/record_draft.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import type { ModelRecord } from "./model/model_record.ts";
import { packIds, randomIdText } from "./packed_ids.ts";
import type { Random } from "./random.ts";

/** A record as the model has it and as the core does: a row and what is drafted about it. */
export interface RecordCase {
  readonly model: ModelRecord;
  readonly rows: SessionRows;
  readonly row: number;
  readonly draft: RecordDraft;
}

const STATUS_CODES = {
  SessionStart: STATUS_START,
  SessionHeartbeat: STATUS_HEARTBEAT,
  SessionEnd: STATUS_END,
};
const REASON_CODES = {
  ended: REASON_ENDED,
  superseded: REASON_SUPERSEDED,
  timeout: REASON_TIMEOUT,
};

export function recordCase(model: ModelRecord, rows = new SessionRows(1)): RecordCase {
  const { words, kinds, longBytes } = packIds({
    device: model.deviceId,
    session: model.sessionId.text,
    sessionIsInteger: model.sessionId.isNumber,
    account: model.accountId,
  });
  const row = rows.allocate();
  rows.setIds(row, words, 0, kinds, longBytes);
  rows.setStartedAt(row, model.startedAtMs);
  rows.setOrderKey(row, model.orderKeyMs);
  const draft = new RecordDraft();
  draft.status = STATUS_CODES[model.status];
  draft.reason = model.reason === null ? REASON_NONE : REASON_CODES[model.reason];
  draft.seq = model.seq;
  draft.times[TIME_AT] = model.atMs;
  draft.times[TIME_NEXT_AT] = model.nextAtMs ?? NaN;
  draft.times[TIME_REPORTED_DURATION] = model.reportedDurationMs ?? NaN;
  draft.times[TIME_SOURCE] = model.sourceTimestampMs;
  draft.times[TIME_EMITTED] = model.emittedAtMs;
  draft.times[TIME_CLOCK] = model.emittedAtMs;
  return { model, rows, row, draft };
}

/** A record with ids of any form and instants from `fromMs` on, as the rules could make it. */
export function randomRecord(random: Random, fromMs: number): ModelRecord {
  const startedAtMs = fromMs + random.int(0, 86_400_000);
  const durationMs = random.int(0, 1_800_000);
  const status = random.pick(["SessionStart", "SessionHeartbeat", "SessionEnd"] as const);
  const atMs = status === "SessionStart" ? startedAtMs : startedAtMs + durationMs;
  const reason = status === "SessionEnd"
    ? random.pick(["ended", "superseded", "timeout"] as const)
    : null;
  const isNumber = random.chance(0.4);
  return {
    deviceId: randomIdText(random, 256),
    sessionId: {
      text: isNumber
        ? random.pick(["0", "-9223372036854775808", "18446744073709551615", `${random.uint32()}`])
        : randomIdText(random, 128),
      isNumber,
    },
    accountId: random.pick([null, "", randomIdText(random, 128)]),
    status,
    reason,
    seq: status === "SessionStart" ? 0 : random.int(1, 2 ** 31 - 1),
    startedAtMs,
    orderKeyMs: random.chance(0.5) ? startedAtMs : Math.max(0, startedAtMs - random.int(0, 9999)),
    atMs,
    durationMs: atMs - startedAtMs,
    reportedDurationMs: reason === "ended" && random.chance(0.5) ? random.int(0, 1e12) : null,
    nextAtMs: status === "SessionEnd" ? null : atMs + random.int(1, 30_000),
    sourceTimestampMs: status === "SessionEnd" ? startedAtMs + random.int(0, 9999) : startedAtMs,
    emittedAtMs: atMs + random.int(0, 99_999),
  };
}
