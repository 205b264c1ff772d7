/**
 * The decoder against the naive model of the same rules: events made of likely and unlikely parts
 * and those of the corpus, half of them then damaged byte by byte. A failure prints the seed and
 * the bytes.
 *
 * `SESSIONWHEEL_MUTATIONS=N` damages N events instead, a quarter of them of each layout.
 */
import { assertEquals, assertGreater } from "@std/assert";
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
import {
  decodeValue,
  EVENT_BYTES_MAX,
  type FieldMap,
  PLAIN_FIELDS,
  RTM_GAMING_FIELDS,
} from "../support/model/model_events.ts";
import { BAD_INPUTS } from "../support/bad_input_corpus.ts";
import { Random } from "../support/random.ts";

const MUTATIONS = Number(Deno.env.get("SESSIONWHEEL_MUTATIONS") ?? "60000");

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const TEXTS = [
  '""',
  '"a"',
  '"6fb86ebc-3d88-4e31-b913-ea939acacf56"',
  '"\\u0041\\n\\/"',
  '"é😀"',
  '"\\ud83d\\ude00"',
  '"\\ud83d"',
  '"\\ude00\\ud83d"',
  '"\\ud83d\\\\ude00"',
  `"${"x".repeat(128)}"`,
  `"${"x".repeat(129)}"`,
  `"${"é".repeat(128)}"`,
  `"${"é".repeat(128)}x"`,
  `"${"\\u00e9".repeat(64)}"`,
];
const NUMBERS = [
  "0",
  "-0",
  "1",
  "-1",
  "0.5",
  "1.0005",
  "1e3",
  "-0.0",
  "1E-400",
  "1e400",
  "1000000000",
  "1000000001",
  "999999999.9995",
  "9402035216",
  "18446744073709551615",
  "18446744073709551616",
  "-9223372036854775808",
  "-9223372036854775809",
  "1761955605000",
  "253402300799999",
  "253402300800000",
  "0.1234567890123456789",
  "123456789012345678",
];
const OTHERS = ["null", "true", "false", "[]", "{}", '[{"type":"end"}]', '{"deviceId":"x"}'];
const NOT_JSON = ["", "NaN", "01", "+1", ".5", "'a'", "[1,]", "nul", '"\u0001"', "\ufeff"];
const SPACES = ["", "", "", " ", "\n", "\t\r ", "\u00a0"];
/** Those of a megabyte would take all the time; event_decoder_test.ts has them. */
const CORPUS = BAD_INPUTS.map(({ bytes }) => bytes).filter(({ length }) => length <= 2_000);
const DAMAGE = encoder.encode('"\\{}[]:,0-e.u \n\u00e9T+Z');

function timestampText(random: Random): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const year = random.chance(0.2)
    ? random.pick(["0000", "1969", "1970", "9999", "2024", "2100"])
    : String(random.int(1960, 2110));
  const day = `${year}-${two(random.int(0, 13))}-${two(random.int(0, 32))}`;
  const time = random.chance(0.2)
    ? "23:59:60"
    : `${two(random.int(0, 24))}:${two(random.int(0, 60))}:${two(random.int(0, 61))}`;
  const fraction = random.chance(0.5) ? "" : "." + "9305718".slice(0, random.int(0, 7));
  const offset = random.pick([
    "Z",
    "z",
    "",
    "+00:00",
    "-00:00",
    "+14:00",
    "-23:59",
    "+24:00",
    "+1",
  ]);
  return `"${day}${random.pick(["T", "T", "T", "t", " "])}${time}${fraction}${offset}"`;
}

/** Writes some of a string's characters as escapes. */
function escaped(text: string, random: Random): string {
  return text.replace(/[A-Za-z0-9:.+-]/g, (c) => {
    if (!random.chance(0.2)) return c;
    return "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");
  });
}

function valueText(
  field: keyof EventLayout | "other",
  layout: EventLayout,
  random: Random,
): string {
  const surprise = random.fraction();
  if (surprise < 0.01) return random.pick(NOT_JSON);
  if (surprise < 0.05) return random.pick([...TEXTS, ...NUMBERS, ...OTHERS]);
  if (surprise < 0.06) {
    return "[".repeat(random.int(60, 68)).replace(/.*/, (open) => open + "]".repeat(open.length));
  }
  switch (field) {
    case "typeField": {
      const type = JSON.stringify(random.chance(0.5) ? layout.startValue : layout.endValue);
      return random.chance(0.05) ? escaped(type, random) : type;
    }
    case "deviceField":
    case "accountField":
      return random.pick(TEXTS);
    case "sessionField":
      return random.chance(0.5)
        ? random.pick(NUMBERS.filter((n) => /^-?\d+$/.test(n)))
        : random.pick(TEXTS);
    case "timestampField": {
      if (random.chance(0.2)) return random.pick(NUMBERS);
      const text = random.chance(0.5)
        ? `"${new Date(random.int(0, 4e12)).toISOString()}"`
        : timestampText(random);
      return random.chance(0.1) ? escaped(text, random) : text;
    }
    case "durationField":
      return random.chance(0.5)
        ? String(random.int(0, 1e13) / 10 ** random.int(0, 13))
        : random.pick(NUMBERS);
    default:
      return random.pick([...TEXTS, ...NUMBERS, ...OTHERS]);
  }
}

const FIELDS = [
  "typeField",
  "deviceField",
  "sessionField",
  "accountField",
  "timestampField",
  "durationField",
] as const;
const OTHER_NAMES = [
  "openPsid",
  "__proto__",
  "constructor",
  "",
  "typ",
  "types",
  "x",
  "\\ud800",
  "deviceid",
];

function eventText(layout: EventLayout, random: Random): string {
  const members: string[] = [];
  const space = random.chance(0.1) ? () => random.pick(SPACES) : () => "";
  const add = (name: string, value: string) => {
    const key = random.chance(0.02) ? escaped(`"${name}"`, random) : `"${name}"`;
    members.push(space() + key + space() + ":" + space() + value + space());
  };
  for (const field of FIELDS) {
    if (random.chance(0.02)) continue;
    add(layout[field], valueText(field, layout, random));
    if (random.chance(0.02)) add(layout[field], valueText(field, layout, random));
    if (random.chance(0.03)) add(random.pick(OTHER_NAMES), valueText("other", layout, random));
  }
  if (layout.otherDeviceField !== undefined) {
    if (random.chance(0.5)) members.splice(1, 1);
    if (random.chance(0.7)) {
      add(layout.otherDeviceField, valueText("deviceField", layout, random));
    }
  }
  const ordered = random.chance(0.1) ? random.shuffle(members) : members;
  return `${space()}{${ordered.join(",")}}${space()}`;
}

function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.int(0, bytes.length);
  const byte = random.chance(0.8) ? random.pick([...DAMAGE]) : random.int(0, 255);
  const rest = random.pick([at, at + 1, at + 1, random.int(at, bytes.length)]);
  const inserted = random.chance(0.7) ? [byte] : [];
  return Uint8Array.of(...bytes.subarray(0, at), ...inserted, ...bytes.subarray(rest));
}

/** The decoder's answer in the model's words. */
function answerOf(decoder: EventDecoder, kind: number): Record<string, unknown> {
  if (kind === DECODED_IGNORED) return { kind: "ignored" };
  if (kind === DECODED_REJECTED) return { kind: "rejected", reason: decoder.rejectReason };
  const text = (bytes: Uint8Array, from: number, to: number) =>
    utf8.decode(bytes.subarray(from, to));
  return {
    kind: kind === DECODED_START ? "start" : kind === DECODED_END ? "end" : kind,
    deviceId: text(decoder.deviceBytes, decoder.deviceFrom, decoder.deviceTo),
    sessionId: {
      text: text(decoder.sessionBytes, decoder.sessionFrom, decoder.sessionTo),
      isNumber: decoder.sessionIsInteger,
    },
    accountId: decoder.hasAccount
      ? text(decoder.accountBytes, decoder.accountFrom, decoder.accountTo)
      : null,
    timestampMs: Number.isNaN(decoder.timestampMs) ? null : decoder.timestampMs,
    reportedDurationMs: Number.isNaN(decoder.reportedDurationMs)
      ? null
      : decoder.reportedDurationMs,
  };
}

function modelAnswer(bytes: Uint8Array, fields: FieldMap, topic: string): Record<string, unknown> {
  const answer = decodeValue(bytes, fields, topic);
  if (answer.kind === "ignored") return { kind: "ignored" };
  if (answer.kind === "rejected") return { kind: "rejected", reason: answer.reason };
  return { ...answer };
}

const LAYOUTS: readonly { layout: EventLayout; fields: FieldMap; topic: string }[] = [
  { layout: PLAIN_EVENT_LAYOUT, fields: PLAIN_FIELDS, topic: "events" },
  ...["pc_sessions", "console_sessions", "file"].map((topic) => ({
    layout: rtmGamingEventLayout(topic),
    fields: RTM_GAMING_FIELDS,
    topic,
  })),
];

for (const [index, { layout, fields, topic }] of LAYOUTS.entries()) {
  Deno.test(`EventDecoder.decode() answers as the model does, topic ${topic}`, () => {
    const seed = 0x5e55 + index;
    const random = new Random(seed);
    const decoder = new EventDecoder(layout, { eventBytesMax: EVENT_BYTES_MAX });
    const seen = new Map<string, number>();
    let mutations = 0;
    for (let i = 0; mutations < MUTATIONS / LAYOUTS.length; i++) {
      let bytes = random.chance(0.1)
        ? random.pick(CORPUS)
        : encoder.encode(eventText(layout, random));
      if (random.chance(0.5)) {
        for (let times = random.pick([1, 1, 1, 2, 5]); times > 0; times--) {
          bytes = damage(bytes, random);
        }
        mutations++;
      }
      // Between bytes of others, as in a fetch.
      const margin = random.int(0, 3);
      const around = new Uint8Array(bytes.length + 2 * margin).fill(random.pick([...DAMAGE]));
      around.set(bytes, margin);
      const kind = decoder.decode(around, margin, margin + bytes.length);
      const answer = answerOf(decoder, kind);
      const expected = modelAnswer(bytes, fields, topic);
      if (JSON.stringify(answer) !== JSON.stringify(expected)) {
        assertEquals(
          answer,
          expected,
          `seed=${seed} case ${i}: ${JSON.stringify(utf8Lossy(bytes))}`,
        );
      }
      const outcome = String(answer["reason"] ?? answer["kind"]);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
    // A generator that only makes one kind of event would prove nothing.
    for (
      const outcome of [
        "start",
        "end",
        "ignored",
        "not_json",
        "missing_field",
        "bad_field",
        "too_large",
      ]
    ) {
      assertGreater(seen.get(outcome) ?? 0, 200, `${outcome}: ${JSON.stringify([...seen])}`);
    }
  });
}

function utf8Lossy(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
