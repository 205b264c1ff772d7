/**
 * What an event costs to decode, of each layout and in the shapes that occur, and how much of the
 * heap it leaves behind.
 *
 * Run: `deno run -A tests/bench/event_decoder_bench.ts`.
 */
import { DECODED_REJECTED, EventDecoder } from "../../lib/core/event_decoder.ts";
import {
  type EventLayout,
  PLAIN_EVENT_LAYOUT,
  rtmGamingEventLayout,
} from "../../lib/core/event_layout.ts";
import { copyFloorNs, figure, heading, leastNs } from "./measure.ts";

/** Distinct events of one case: as many bytes as do not fit a first-level cache. */
const EVENTS = 4096;
const HEAP_RUNS = 7;

interface Case {
  readonly name: string;
  readonly layout: EventLayout;
  readonly event: (i: number) => string;
}

const CASES: readonly Case[] = [
  { name: "plain start", layout: PLAIN_EVENT_LAYOUT, event: (i) => plainEvent(i, "start") },
  { name: "plain end", layout: PLAIN_EVENT_LAYOUT, event: (i) => plainEvent(i, "end") },
  {
    name: "plain, starts and ends in turn",
    layout: PLAIN_EVENT_LAYOUT,
    event: (i) => plainEvent(i, i % 2 === 0 ? "start" : "end"),
  },
  {
    name: "plain, pretty-printed",
    layout: PLAIN_EVENT_LAYOUT,
    event: (i) => JSON.stringify(JSON.parse(plainEvent(i, "end")), null, 2),
  },
  {
    name: "plain, an escape in each text",
    layout: PLAIN_EVENT_LAYOUT,
    event: (i) => plainEvent(i, "start").replaceAll("-b", "\\u002db"),
  },
  {
    name: "rtm start",
    layout: rtmGamingEventLayout("pc_sessions"),
    event: (i) => rtmEvent(i, false),
  },
  { name: "rtm end", layout: rtmGamingEventLayout("pc_sessions"), event: (i) => rtmEvent(i, true) },
  {
    name: "another type (ignored)",
    layout: PLAIN_EVENT_LAYOUT,
    event: (i) => plainEvent(i, "purchase"),
  },
  {
    name: "not JSON (rejected)",
    layout: PLAIN_EVENT_LAYOUT,
    event: (i) => plainEvent(i, "start").slice(0, -2),
  },
];

function plainEvent(i: number, type: string): string {
  const duration = type === "end" ? `,"durationSeconds":${240 + i % 1000}` : "";
  return `{"type":"${type}","deviceId":"${uuid(i)}","sessionId":${9402035216 + i},` +
    `"accountId":"${uuid(i * 7 + 1)}","timestamp":"${
      new Date(1761955605000 + i * 977).toISOString()
    }"` +
    `${duration}}`;
}

function rtmEvent(i: number, isEnd: boolean): string {
  const instant = new Date(1761955605000 + i * 977).toISOString().replace("Z", "+00:00");
  return `{"eventId":"${isEnd ? "ApplicationSessionEndBi" : "ApplicationSessionStart"}",` +
    `"hostPcId":"${uuid(i)}","appSessionId":${9402035216 + i},"psnAccountId":"${
      uuid(i * 7 + 1)
    }",` +
    `"timestamp":"${instant}"${isEnd ? `,"totalFgTime":${240 + i % 1000}` : ""}}`;
}

function uuid(i: number): string {
  const word = (k: number) =>
    (Math.imul(i * 4 + k, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  const hex = word(1) + word(2) + word(3) + word(4);
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

function decodeAll(decoder: EventDecoder, bytes: Uint8Array, ends: Uint32Array): number {
  let from = 0;
  for (let i = 0; i < ends.length; i++) {
    sink += decoder.decode(bytes, from, ends[i]!);
    from = ends[i]!;
  }
  return ends.length;
}

/** Bytes of heap an event: the least growth of several short runs, since one may hold a collection. */
function measureHeap(decoder: EventDecoder, bytes: Uint8Array, ends: Uint32Array): number {
  let least = Infinity;
  for (let run = 0; run < HEAP_RUNS; run++) {
    const before = Deno.memoryUsage().heapUsed;
    decodeAll(decoder, bytes, ends);
    const grown = Deno.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown);
  }
  return least / ends.length;
}

let sink = 0;

await heading("Events");
for (const { name, layout, event } of CASES) {
  const decoder = new EventDecoder(layout, { eventBytesMax: 1 << 20 });
  const parts = Array.from({ length: EVENTS }, (_, i) => new TextEncoder().encode(event(i)));
  const ends = new Uint32Array(EVENTS);
  let position = 0;
  parts.forEach((part, i) => ends[i] = position += part.length);
  const bytes = new Uint8Array(position);
  parts.forEach((part, i) => bytes.set(part, ends[i]! - part.length));

  const outcome = decoder.decode(bytes, 0, ends[0]!);
  if ((outcome === DECODED_REJECTED) !== name.includes("rejected")) {
    throw new Error(`${name}: ${decoder.rejectDetail}`);
  }
  const nanoseconds = leastNs(() => decodeAll(decoder, bytes, ends));
  const eventBytes = Math.round(position / EVENTS);
  const heapBytes = measureHeap(decoder, bytes, ends).toFixed(0);
  figure(`${name}: ${eventBytes} bytes, ${heapBytes} of heap`, nanoseconds, "ns", {
    value: copyFloorNs(eventBytes),
    of: "copying it",
  });
}
if (sink < 0) throw new Error("an outcome is negative");
