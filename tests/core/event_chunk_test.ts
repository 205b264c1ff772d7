import { assertEquals } from "@std/assert";
import {
  EVENT_END,
  EVENT_START,
  EVENT_WORDS,
  EventChunk,
  IDS_WORD,
} from "../../lib/core/event_chunk.ts";
import { DECODED_START, EventDecoder } from "../../lib/core/event_decoder.ts";
import { PLAIN_EVENT_LAYOUT } from "../../lib/core/event_layout.ts";
import { SessionRows } from "../../lib/core/session_rows.ts";
import { modelPartition } from "../support/model/render.ts";
import { randomIdText } from "../support/packed_ids.ts";
import { Random } from "../support/random.ts";
import { textOf } from "../support/session_table.ts";

interface Event {
  readonly type: "start" | "end";
  readonly deviceId: string;
  readonly sessionId: string | number;
  readonly accountId?: string;
  readonly timestamp?: number;
  readonly durationSeconds?: number;
}

Deno.test("EventChunk keeps every event as it was decoded, also when it is filled again", () => {
  const random = new Random(1);
  const chunk = new EventChunk(2);
  const decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: 1_048_576 });
  const rows = new SessionRows(1);
  for (let round = 0; round < 5; round++) {
    const events = Array.from({ length: random.int(1, 400) }, () => draw(random));
    for (const [i, event] of events.entries()) {
      const bytes = new TextEncoder().encode(JSON.stringify(event));
      const type = decoder.decode(bytes, 0, bytes.length) === DECODED_START
        ? EVENT_START
        : EVENT_END;
      chunk.add(decoder, type, 7, 2 ** 40 + i, 1000 + i);
      bytes.fill(0);
    }
    assertEquals(chunk.count, events.length);
    for (const [i, event] of events.entries()) {
      assertEquals(
        [chunk.type(i), chunk.shard(i), chunk.offset(i), chunk.sourceTimestampMs(i)],
        [
          event.type === "start" ? EVENT_START : EVENT_END,
          modelPartition(event.deviceId, 7),
          2 ** 40 + i,
          1000 + i,
        ],
      );
      assertEquals(chunk.timestampMs(i), event.timestamp ?? NaN);
      const reportedMs = event.type === "end" ? event.durationSeconds : undefined;
      assertEquals(chunk.reportedDurationMs(i), reportedMs === undefined ? NaN : reportedMs * 1000);
      const row = rows.allocate();
      rows.setIds(row, chunk.words, i * EVENT_WORDS + IDS_WORD, chunk.kinds(i), chunk.longBytes);
      assertEquals(
        [
          textOf(rows, row, "writeDevice"),
          textOf(rows, row, "writeSession"),
          textOf(rows, row, "writeAccount"),
        ],
        [event.deviceId, `${event.sessionId}`, event.accountId ?? ""],
      );
      assertEquals((rows.sessionKind(row) & 0x80) !== 0, typeof event.sessionId === "number");
      assertEquals((rows.accountKind(row) & 63) === 19, event.accountId === undefined);
      rows.free(row);
    }
    chunk.clear();
  }
});

function draw(random: Random): Event {
  return {
    type: random.pick(["start", "end"]),
    deviceId: randomIdText(random, 256),
    sessionId: random.chance(0.5) ? random.int(0, 2 ** 53 - 1) : randomIdText(random, 128),
    ...(random.chance(0.5) ? { accountId: randomIdText(random, 128) } : {}),
    ...(random.chance(0.5) ? { timestamp: random.int(0, 2 ** 45) } : {}),
    ...(random.chance(0.5) ? { durationSeconds: random.int(0, 1e9) } : {}),
  };
}
