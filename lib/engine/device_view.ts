import { ID_IS_INTEGER, isAbsent } from "../core/id_codec.ts";
import type { Shard } from "../core/shard.ts";
import type { DeviceView } from "../ports/engine_queries.ts";

/** The active session in `row`, as people ask for it. */
export function viewDevice(shard: Shard, row: number): DeviceView {
  const { rows } = shard;
  const bytes = new Uint8Array(256);
  const text = (length: number) => utf8.decode(bytes.subarray(0, length));
  return {
    deviceId: text(rows.writeDevice(row, bytes, 0)),
    sessionId: text(rows.writeSession(row, bytes, 0)),
    sessionIdIsInteger: (rows.sessionKind(row) & ID_IS_INTEGER) !== 0,
    accountId: isAbsent(rows.accountKind(row)) ? null : text(rows.writeAccount(row, bytes, 0)),
    startedAt: rows.startedAt(row),
    lastSeq: rows.seq(row),
    nextAt: shard.deadlineMs(row),
    shard: shard.index,
  };
}

/** An id may begin with U+FEFF, which is a part of it. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
