import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  DECODED_END,
  DECODED_IGNORED,
  DECODED_REJECTED,
  DECODED_START,
  EventDecoder,
} from "../../lib/core/event_decoder.ts";
import {
  type EventLayout,
  PLAIN_EVENT_LAYOUT,
  rtmGamingEventLayout,
} from "../../lib/core/event_layout.ts";
import type { FleetMessage } from "../../lib/demo/device_fleet.ts";
import { EventText } from "../../lib/demo/event_text.ts";
import { uuidOf } from "../../lib/demo/seeded_random.ts";

const START: FleetMessage = { kind: "start", device: 5, session: 9, ageMs: 0, durationMs: 0 };
const SENT_MS = Date.UTC(2025, 10, 1);

function decode(layout: EventLayout, text: string): { decoded: number; decoder: EventDecoder } {
  const decoder = new EventDecoder(layout, { eventBytesMax: 1_000 });
  const bytes = new TextEncoder().encode(text);
  return { decoded: decoder.decode(bytes, 0, bytes.length), decoder };
}

Deno.test("EventText writes events that decode in the layout they were written for", () => {
  for (const layout of [PLAIN_EVENT_LAYOUT, rtmGamingEventLayout("pc_sessions")]) {
    const text = new EventText({ layout, seed: 1 });
    const end = { ...START, kind: "end" as const, durationMs: 61_234 };
    assertEquals(decode(layout, text.of(START, SENT_MS)).decoded, DECODED_START);
    const { decoded, decoder } = decode(layout, text.of(end, SENT_MS));
    assertEquals(decoded, DECODED_END);
    assertEquals(decoder.reportedDurationMs, 61_200);
    const other = text.of({ ...START, kind: "other" }, SENT_MS);
    assertEquals(decode(layout, other).decoded, DECODED_IGNORED);
  }
});

Deno.test("EventText writes garbage of many kinds, none of which is an event", () => {
  const text = new EventText({ layout: PLAIN_EVENT_LAYOUT, seed: 1 });
  const reasons = new Set<string>();
  for (let session = 0; session < 20; session++) {
    const garbage = text.of({ ...START, kind: "garbage", session }, SENT_MS);
    const { decoded, decoder } = decode(PLAIN_EVENT_LAYOUT, garbage);
    assertEquals(decoded, DECODED_REJECTED, garbage);
    reasons.add(decoder.rejectReason);
  }
  assertEquals([...reasons].sort(), ["bad_field", "missing_field", "not_json", "not_object"]);
});

Deno.test("uuidOf gives each device a version 4 UUID of its own", () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => uuidOf(1, index));
  for (const id of ids.slice(0, 100)) {
    assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(uuidOf(1, 3), uuidOf(1, 3));
  assertNotEquals(uuidOf(2, 3), uuidOf(1, 3));
  assert(ids.every((id) => id.length === 36));
});
