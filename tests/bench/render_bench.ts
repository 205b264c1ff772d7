/**
 * Rendering alone: the value of one record, of each layout and status, from rows that the caches
 * hold.
 *
 * Run: `deno run -A tests/bench/render_bench.ts`.
 */
import { PlainRecordLayout } from "../../lib/core/plain_record_layout.ts";
import { RECORD_BYTES_MAX } from "../../lib/core/record_layout.ts";
import { RtmRecordLayout } from "../../lib/core/rtm_record_layout.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import type { ModelRecord } from "../support/model/model_record.ts";
import { recordCase } from "../support/record_case.ts";
import { copyFloorNs, figure, heading, leastNs } from "./measure.ts";
import { HEARTBEAT_MS, START_MS } from "./session_source.ts";

const RECORDS = 1000;
const STATUSES = ["SessionStart", "SessionHeartbeat", "SessionEnd"] as const;

function record(status: ModelRecord["status"], n: number): ModelRecord {
  const isEnd = status === "SessionEnd";
  const seq = status === "SessionStart" ? 0 : 1 + n % 59;
  const startedAtMs = START_MS + n * 977;
  const atMs = startedAtMs + seq * HEARTBEAT_MS;
  return {
    deviceId: uuid(n),
    sessionId: { text: String(9_402_035_216 + n), isNumber: true },
    accountId: uuid(RECORDS + n),
    status,
    reason: isEnd ? "ended" : null,
    seq,
    startedAtMs,
    orderKeyMs: startedAtMs - n % 2,
    atMs,
    durationMs: atMs - startedAtMs,
    reportedDurationMs: isEnd ? atMs - startedAtMs : null,
    nextAtMs: isEnd ? null : atMs + HEARTBEAT_MS,
    sourceTimestampMs: startedAtMs,
    emittedAtMs: atMs + 2,
  };
}

function uuid(n: number): string {
  const word = (k: number) =>
    (Math.imul(n * 4 + k, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  const hex = word(1) + word(2) + word(3) + word(4);
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

await heading("Rendering");
for (const layout of [new PlainRecordLayout(), new RtmRecordLayout()]) {
  for (const status of STATUSES) {
    const rows = new SessionRows(1);
    const drafts = Array.from({ length: RECORDS }, (_, n) => {
      const { row, draft } = recordCase(record(status, n), rows);
      return { row, draft };
    });
    const out = new Uint8Array(2 * RECORD_BYTES_MAX);
    let bytes = 0;
    const renderAll = () => {
      bytes = 0;
      for (const { row, draft } of drafts) {
        // The key comes first in a record, and the value copies it.
        const keyLength = rows.writeDevice(row, out, 0);
        bytes += layout.write(rows, row, draft, out, keyLength, 0, keyLength) - keyLength;
      }
      return RECORDS;
    };
    const nanoseconds = leastNs(renderAll);
    const length = Math.round(bytes / RECORDS);
    figure(`${layout.name}: a ${status} of ${length} bytes`, nanoseconds, "ns", {
      value: copyFloorNs(length),
      of: "copying it",
    });
  }
}
