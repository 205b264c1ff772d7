import type { RecordDraft } from "../../lib/core/record_draft.ts";
import { RECORD_BYTES_MAX, type RecordLayout } from "../../lib/core/record_layout.ts";
import type { RecordSink } from "../../lib/core/record_sink.ts";
import type { SessionRows } from "../../lib/core/session_rows.ts";

/** A sink that keeps every record's value as text. */
export class RecordCollector implements RecordSink {
  readonly #layout: RecordLayout;
  readonly #bytes = new Uint8Array(2 * RECORD_BYTES_MAX);
  #values: string[] = [];
  /** Records until `hasRoom` says no. */
  room = Infinity;

  constructor(layout: RecordLayout) {
    this.#layout = layout;
  }

  hasRoom(): boolean {
    return this.#values.length < this.room;
  }

  append(rows: SessionRows, row: number, draft: RecordDraft): void {
    const deviceEnd = rows.writeDevice(row, this.#bytes, 0);
    const end = this.#layout.write(rows, row, draft, this.#bytes, deviceEnd, 0, deviceEnd);
    this.#values.push(new TextDecoder().decode(this.#bytes.subarray(deviceEnd, end)));
  }

  /** What came since the last call. */
  take(): string[] {
    const values = this.#values;
    this.#values = [];
    return values;
  }
}
