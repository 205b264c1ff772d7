import { isPlainText } from "./id_codec.ts";
import type { RecordDraft } from "./record_draft.ts";
import type { RecordFacts } from "./record_facts.ts";
import type { SessionRows } from "./session_rows.ts";
import { writeEscaped } from "./text_writer.ts";

/**
 * A form of the output record's value. Whatever the form, it carries device, session and account
 * id, `startedAt`, order key, `seq`, status and reason: state is restored from it.
 */
export interface RecordLayout {
  readonly name: string;
  /**
   * Writes the record's value at `position`.
   *
   * @param deviceAt Where in `out` the device id's bytes lie already: the record's key.
   * @param deviceLength Their number.
   * @returns the position after the value. The caller has made room for `RECORD_BYTES_MAX`.
   */
  write(
    rows: SessionRows,
    row: number,
    draft: RecordDraft,
    out: Uint8Array,
    position: number,
    deviceAt: number,
    deviceLength: number,
  ): number;
  /**
   * Reads a value back into `facts`.
   *
   * @returns false when the bytes are not what `write` makes.
   */
  read(bytes: Uint8Array, from: number, to: number, facts: RecordFacts): boolean;
}

/**
 * The longest record, key, value and framing together: ids of 256, 128 and 128 bytes, six bytes
 * for each where all need escapes, and the rest.
 */
export const RECORD_BYTES_MAX = 4096;

/** Writes the session id, in quotes unless it came as an integer. */
export function writeSessionId(
  rows: SessionRows,
  row: number,
  out: Uint8Array,
  position: number,
): number {
  const kind = rows.sessionKind(row);
  if ((kind & 0x80) !== 0) return rows.writeSession(row, out, position);
  let p = position;
  out[p++] = QUOTE;
  if (isPlainText(kind)) p = rows.writeSession(row, out, p);
  else p = writeEscaped(out, p, scratch, rows.writeSession(row, scratch, 0));
  out[p++] = QUOTE;
  return p;
}

/** Writes the account id in quotes. */
export function writeAccountId(
  rows: SessionRows,
  row: number,
  out: Uint8Array,
  position: number,
): number {
  let p = position;
  out[p++] = QUOTE;
  if (isPlainText(rows.accountKind(row))) p = rows.writeAccount(row, out, p);
  else p = writeEscaped(out, p, scratch, rows.writeAccount(row, scratch, 0));
  out[p++] = QUOTE;
  return p;
}

/** Writes the device id in quotes, from the key's bytes that are in `out` already. */
export function writeDeviceId(
  rows: SessionRows,
  row: number,
  out: Uint8Array,
  position: number,
  deviceAt: number,
  deviceLength: number,
): number {
  let p = position;
  out[p++] = QUOTE;
  if (isPlainText(rows.deviceKind(row))) {
    for (let i = 0; i < deviceLength; i++) out[p + i] = out[deviceAt + i]!;
    p += deviceLength;
  } else p = writeEscaped(out, p, scratch, rows.writeDevice(row, scratch, 0));
  out[p++] = QUOTE;
  return p;
}

const QUOTE = 0x22;
const scratch = new Uint8Array(256);
