import { isPlainText } from "./id_codec.ts";
import { partitionOf } from "./murmur2.ts";
import { type RecordDraft, STATUS_END, STATUS_START } from "./record_draft.ts";
import { RECORD_BYTES_MAX, type RecordLayout } from "./record_layout.ts";
import type { RecordSink } from "./record_sink.ts";
import { type SessionRows } from "./session_rows.ts";
import { textBytes, writeBytes, writeEscaped, writeInteger } from "./text_writer.ts";

/**
 * Writes records as lines, `{"key":"<device>","partition":n,"value":{…}}`: no object and no string
 * per record. There are two buffers, so that one is filled while the other is written out.
 */
export class LineSink implements RecordSink {
  /** Records by `LINE_…`. */
  readonly counts: Float64Array = new Float64Array(LINE_KINDS);
  readonly #layout: RecordLayout;
  readonly #partitions: number;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #other = new Uint8Array(BUFFER_BYTES);
  #length = 0;

  /** @param partitions Of the output topic that the lines speak of. */
  constructor(layout: RecordLayout, partitions: number) {
    this.#layout = layout;
    this.#partitions = partitions;
  }

  hasRoom(): boolean {
    return this.#length <= BUFFER_BYTES - 3 * LINE_BYTES_MAX;
  }

  append(rows: SessionRows, row: number, draft: RecordDraft): void {
    const out = this.#buffer;
    let p = writeBytes(out, this.#length, KEY);
    const deviceAt = p;
    let partition = 0;
    if (isPlainText(rows.deviceKind(row))) {
      p = rows.writeDevice(row, out, p);
      partition = partitionOf(out, deviceAt, p, this.#partitions);
    } else {
      const length = rows.writeDevice(row, scratch, 0);
      partition = partitionOf(scratch, 0, length, this.#partitions);
      p = writeEscaped(out, p, scratch, length);
    }
    // A layout copies a device id that needs no escapes from here, and no other.
    const deviceLength = p - deviceAt;
    p = writeInteger(out, writeBytes(out, p, PARTITION), partition);
    p = writeBytes(out, p, VALUE);
    p = this.#layout.write(rows, row, draft, out, p, deviceAt, deviceLength);
    this.#length = writeBytes(out, p, CLOSE);
    const kind = draft.status === STATUS_START
      ? LINE_START
      : draft.status === STATUS_END
      ? LINE_HEARTBEAT + draft.reason
      : LINE_HEARTBEAT;
    this.counts[kind] = this.counts[kind]! + 1;
  }

  /** What was written since the last call. The bytes stay as they are until the next call. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#length);
    const free = this.#other;
    this.#other = this.#buffer;
    this.#buffer = free;
    this.#length = 0;
    return taken;
  }
}

export const LINE_START = 0;
export const LINE_HEARTBEAT = 1;
/** Ends follow, in the order of the reasons. */
export const LINE_ENDED = 2;
export const LINE_SUPERSEDED = 3;
export const LINE_TIMEOUT = 4;
const LINE_KINDS = 5;

/** Large enough that the cost of a write does not count. */
const BUFFER_BYTES = 1024 * 1024;
/** The record, the key once more with six bytes for each of its 256, and the frame. */
const LINE_BYTES_MAX = RECORD_BYTES_MAX + 6 * 256 + 64;

const KEY = textBytes('{"key":"');
const PARTITION = textBytes('","partition":');
const VALUE = textBytes(',"value":');
const CLOSE = textBytes("}\n");
const scratch = new Uint8Array(256);
