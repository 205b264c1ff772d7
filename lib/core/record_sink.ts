import type { RecordDraft } from "./record_draft.ts";
import type { SessionRows } from "./session_rows.ts";

/** Where a shard writes its records: a Kafka record batch, or the lines of a replay. */
export interface RecordSink {
  /** Adds the record of the session in `row`. The sink keeps neither of them. */
  append(rows: SessionRows, row: number, draft: RecordDraft): void;
  /** Whether the records of one more event (three, of the largest size) fit. */
  hasRoom(): boolean;
}
