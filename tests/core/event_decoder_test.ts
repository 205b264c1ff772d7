import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
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
import { BAD_INPUTS, CORPUS_EVENT_BYTES_MAX } from "../support/bad_input_corpus.ts";
import { Random } from "../support/random.ts";

const encoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoderOf(layout: EventLayout = PLAIN_EVENT_LAYOUT): EventDecoder {
  return new EventDecoder(layout, { eventBytesMax: CORPUS_EVENT_BYTES_MAX });
}

function decode(decoder: EventDecoder, text: string): number {
  const bytes = encoder.encode(text);
  return decoder.decode(bytes, 0, bytes.length);
}

/** What the decoder says about an event that it accepted. */
function resultOf(decoder: EventDecoder): Record<string, unknown> {
  const { deviceBytes, sessionBytes, accountBytes, hasAccount } = decoder;
  return {
    device: textDecoder.decode(deviceBytes.subarray(decoder.deviceFrom, decoder.deviceTo)),
    session: textDecoder.decode(sessionBytes.subarray(decoder.sessionFrom, decoder.sessionTo)),
    sessionIsInteger: decoder.sessionIsInteger,
    account: hasAccount
      ? textDecoder.decode(accountBytes.subarray(decoder.accountFrom, decoder.accountTo))
      : null,
    timestampMs: decoder.timestampMs,
    reportedDurationMs: decoder.reportedDurationMs,
  };
}

const START_TEXT =
  '{"type":"start","deviceId":"6fb86ebc-3d88-4e31-b913-ea939acacf56","sessionId":9402035216,' +
  '"accountId":"d03fae97-9998","timestamp":"2025-11-01T00:06:45.000Z"}';
const END_TEXT =
  '{"type":"end","deviceId":"6fb86ebc-3d88-4e31-b913-ea939acacf56","sessionId":9402035216,' +
  '"accountId":"d03fae97-9998","timestamp":"2025-11-01T00:10:45.000Z","durationSeconds":240}';

const START_RESULT = {
  device: "6fb86ebc-3d88-4e31-b913-ea939acacf56",
  session: "9402035216",
  sessionIsInteger: true,
  account: "d03fae97-9998",
  timestampMs: 1761955605000,
  reportedDurationMs: NaN,
};

Deno.test("EventDecoder.decode() reads a start and an end of the plain layout", () => {
  const decoder = decoderOf();
  assertEquals(decode(decoder, START_TEXT), DECODED_START);
  assertEquals(resultOf(decoder), START_RESULT);
  assertEquals(decode(decoder, END_TEXT), DECODED_END);
  assertEquals(resultOf(decoder), {
    ...START_RESULT,
    timestampMs: 1761955845000,
    reportedDurationMs: 240_000,
  });
});

Deno.test("EventDecoder.decode() reads the events of the gaming reference", () => {
  const event = {
    eventId: "ApplicationSessionEndBi",
    hostPcId: "pc",
    openPsid: "console",
    psnAccountId: "account",
    timestamp: "2025-11-01T00:06:45.000+00:00",
    totalFgTime: 240,
  };
  const text = JSON.stringify(event).replace("}", ',"appSessionId":18446744073709551615}');
  const expected = {
    device: "pc",
    session: "18446744073709551615",
    sessionIsInteger: true,
    account: "account",
    timestampMs: 1761955605000,
    reportedDurationMs: 240_000,
  };
  const pc = decoderOf(rtmGamingEventLayout("pc_sessions"));
  assertEquals(decode(pc, text), DECODED_END);
  assertEquals(resultOf(pc), expected);
  const console = decoderOf(rtmGamingEventLayout("console_sessions"));
  assertEquals(decode(console, text), DECODED_END);
  assertEquals(resultOf(console), { ...expected, device: "console" });
  const file = decoderOf(rtmGamingEventLayout("file"));
  assertEquals(decode(file, text), DECODED_END);
  assertEquals(resultOf(file), expected);
  assertEquals(decode(file, text.replace("hostPcId", "x")), DECODED_END);
  assertEquals(resultOf(file), { ...expected, device: "console" });
  assertEquals(decode(file, text.replace('"pc"', "null")), DECODED_REJECTED);
  assertEquals(file.rejectDetail, "hostPcId is not a string: null");
  assertEquals(decode(pc, text.replace("SessionEndBi", "SessionStart")), DECODED_START);
  assertEquals(resultOf(pc), { ...expected, reportedDurationMs: NaN });
});

Deno.test("EventDecoder.decode() reads a layout whose names need escapes", () => {
  const decoder = decoderOf({
    typeField: 'a"b',
    startValue: "dé\\but",
    endValue: "fin\n",
    deviceField: "appareil\u0000",
    sessionField: "é",
    accountField: "",
    timestampField: "n".repeat(100),
    durationField: "n".repeat(101),
  });
  const event = {
    'a"b': "dé\\but",
    "appareil\u0000": "d",
    "é": "s",
    "": "a",
    ["n".repeat(100)]: 5,
    ["n".repeat(101)]: 6,
  };
  const expected = {
    device: "d",
    session: "s",
    sessionIsInteger: false,
    account: "a",
    timestampMs: 5,
    reportedDurationMs: NaN,
  };
  // Three times: what was learnt of the order of the keys must not change the outcome.
  for (let i = 0; i < 3; i++) {
    assertEquals(decode(decoder, JSON.stringify(event)), DECODED_START);
    assertEquals(resultOf(decoder), expected);
  }
  assertEquals(decode(decoder, JSON.stringify({ ...event, 'a"b': "fin\n" })), DECODED_END);
  assertEquals(decoder.reportedDurationMs, 6000);
  // The bytes of the name as they are, which is not JSON.
  assertEquals(decode(decoder, JSON.stringify(event).replace('a\\"b', 'a"b')), DECODED_REJECTED);
  assertEquals(decoder.rejectReason, "not_json");
});

Deno.test("EventDecoder.decode() undoes escapes in the texts that it hands out", () => {
  const decoder = decoderOf();
  const text = JSON.stringify({ type: "start", deviceId: "D", sessionId: "S", accountId: "A" })
    .replace('"D"', '"\\u0000\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83d\\uDe00 é😀\u007f"')
    .replace('"S"', '"\\u0031"')
    .replace('"A"', '"\\ud7ff\\ue000\\uffff"');
  assertEquals(decode(decoder, text), DECODED_START);
  assertEquals(resultOf(decoder), {
    device: '\0"\\/\b\f\n\r\té😀 é😀\u007f',
    session: "1",
    sessionIsInteger: false,
    account: "\ud7ff\ue000\uffff",
    timestampMs: NaN,
    reportedDurationMs: NaN,
  });
});

Deno.test("EventDecoder.decode() tells a missing account from an empty one", () => {
  const decoder = decoderOf();
  const text = (account: string) => `{"type":"start","deviceId":"d","sessionId":"s"${account}}`;
  assertEquals(decode(decoder, text(',"accountId":""')), DECODED_START);
  assertEquals(resultOf(decoder)["account"], "");
  for (const none of ["", ',"accountId":null', ',"accountId":"a","accountId":null']) {
    assertEquals(decode(decoder, text(none)), DECODED_START);
    assertEquals(decoder.hasAccount, false);
    assertEquals(decoder.accountTo, decoder.accountFrom);
  }
});

Deno.test("EventDecoder.decode() keeps every digit of an integer session id", () => {
  const decoder = decoderOf();
  for (const digits of ["0", "-0", "9007199254740993", "-9223372036854775808"]) {
    assertEquals(decode(decoder, START_TEXT.replace("9402035216", digits)), DECODED_START);
    assertEquals(resultOf(decoder), { ...START_RESULT, session: digits });
  }
  assertEquals(decode(decoder, START_TEXT.replace("9402035216", '"-0"')), DECODED_START);
  assertEquals(resultOf(decoder), { ...START_RESULT, session: "-0", sessionIsInteger: false });
});

Deno.test("EventDecoder.decode() takes the last of repeated keys", () => {
  const decoder = decoderOf();
  const text = '{"type":"other","type":"end","deviceId":[],"deviceId":"d","sessionId":"1",' +
    '"\\u0073essionId":2,"durationSeconds":"x","durationSeconds":1,"type":"start","type":"end",' +
    '"timestamp":"x","timestamp":7}';
  assertEquals(decode(decoder, text), DECODED_END);
  assertEquals(resultOf(decoder), {
    device: "d",
    session: "2",
    sessionIsInteger: true,
    account: null,
    timestampMs: 7,
    reportedDurationMs: 1000,
  });
});

Deno.test("EventDecoder.decode() looks at top-level keys only", () => {
  const decoder = decoderOf();
  const inner = '"type":"end","deviceId":"x","sessionId":"x","accountId":"x","timestamp":1';
  assertEquals(decode(decoder, START_TEXT.slice(0, -1) + `,"a":{${inner}}}`), DECODED_START);
  assertEquals(resultOf(decoder), START_RESULT);
  assertEquals(decode(decoder, `{"a":[{${inner}}],` + START_TEXT.slice(1)), DECODED_START);
  assertEquals(resultOf(decoder), START_RESULT);
});

Deno.test("EventDecoder.decode() rounds the duration to the nearest millisecond, halves up", () => {
  const decoder = decoderOf();
  const cases: readonly [text: string, milliseconds: number][] = [
    ["0", 0],
    ["-0", 0],
    ["240", 240_000],
    ["0.0004", 0],
    ["0.0005", 1],
    ["1.0005", Math.floor(1.0005 * 1000 + 0.5)],
    ["0.001499", 1],
    ["12.345678901234567890", 12_346],
    ["2.4e2", 240_000],
    ["2400000e-4", 240_000],
    ["1E9", 1e12],
    ["1000000000.0", 1e12],
    ["123456789.123456789", 123_456_789_123],
  ];
  for (const [text, milliseconds] of cases) {
    assertEquals(decode(decoder, END_TEXT.replace("240}", `${text}}`)), DECODED_END, text);
    assertEquals(decoder.reportedDurationMs, milliseconds, text);
  }
});

Deno.test("EventDecoder.decode() reads only the bytes between from and to", () => {
  const decoder = decoderOf();
  for (const before of ["", "{", START_TEXT, '"', "\\"]) {
    for (const after of ["", "}", " ", START_TEXT, "0", '"}', "é"]) {
      const bytes = encoder.encode(before + START_TEXT + after);
      const from = encoder.encode(before).length;
      const to = from + START_TEXT.length;
      assertEquals(decoder.decode(bytes, from, to), DECODED_START);
      assertEquals(resultOf(decoder), START_RESULT);
      for (let end = from; end < to; end++) {
        assertEquals(decoder.decode(bytes, from, end), DECODED_REJECTED);
        assertEquals(decoder.rejectReason, "not_json");
      }
    }
  }
});

Deno.test("EventDecoder.decode() does not depend on the events before", () => {
  const events = [
    START_TEXT,
    END_TEXT,
    '{"sessionId":"s","deviceId":"d","type":"start"}',
    '{"type":"start","x":1,"deviceId":"d","sessionId":"s","timestamp":3}',
    '{"typ":"start"}',
    "{}",
    "[]",
    '{"deviceId":"\\u0064","type":"end","sessionId":"é","accountId":"\\n","durationSeconds":1.5}',
    `{"a":${"[".repeat(70)}${"]".repeat(70)},${START_TEXT.slice(1)}`,
    `{"type":"start","deviceId":"d","sessionId":"s","x":"${"\\u0041".repeat(2000)}"}`,
    START_TEXT.slice(0, -1),
  ];
  const outcome = (decoder: EventDecoder, text: string) => {
    const kind = decode(decoder, text);
    if (kind === DECODED_REJECTED) return [decoder.rejectReason, decoder.rejectDetail];
    return kind === DECODED_IGNORED ? [kind] : [kind, resultOf(decoder)];
  };
  const expected = events.map((text) => outcome(decoderOf(), text));
  const used = decoderOf();
  for (let i = 0; i < events.length; i++) {
    for (let k = 0; k < events.length; k++) {
      decode(used, events[i]!);
      assertEquals(outcome(used, events[k]!), expected[k]);
    }
  }
});

Deno.test("EventDecoder.decode() checks the fields in the contract's order", () => {
  const wrong: readonly [field: string, value: string, said: string][] = [
    ["deviceId", "1", "deviceId"],
    ["sessionId", "1.5", "sessionId"],
    ["accountId", "1", "accountId"],
    ["timestamp", "1.5", "timestamp"],
    ["durationSeconds", "-1", "durationSeconds"],
    ["x", "[".repeat(64) + "]".repeat(64), "nested"],
  ];
  const good: Record<string, string> = { deviceId: '"d"', sessionId: "1" };
  const decoder = decoderOf();
  for (let first = 0; first < wrong.length; first++) {
    const fields = { ...good };
    // Written in the opposite order, so that the order in the text cannot be what counts.
    for (let i = wrong.length - 1; i >= first; i--) fields[wrong[i]![0]] = wrong[i]![1];
    const members = Object.entries(fields).map(([name, value]) => `"${name}":${value}`);
    assertEquals(
      decode(decoder, `{${members.reverse().join(",")},"type":"end"}`),
      DECODED_REJECTED,
    );
    assertEquals(decoder.rejectReason, "bad_field");
    assertStringIncludes(decoder.rejectDetail, wrong[first]![2]);
    assertEquals(decode(decoder, `{${members.join(",")},"type":"other"}`), DECODED_IGNORED);
  }
});

Deno.test("EventDecoder.decode() refuses an event over its own limit unread", () => {
  const decoder = new EventDecoder(PLAIN_EVENT_LAYOUT, { eventBytesMax: START_TEXT.length });
  assertEquals(decode(decoder, START_TEXT), DECODED_START);
  assertEquals(decode(decoder, START_TEXT + " "), DECODED_REJECTED);
  assertEquals(decoder.rejectReason, "too_large");
  assertEquals(decode(decoder, "x".repeat(START_TEXT.length + 1)), DECODED_REJECTED);
  assertEquals(decoder.rejectReason, "too_large");
});

Deno.test("EventDecoder.decode() says what is wrong, naming field and value", () => {
  const decoder = decoderOf();
  const cases: readonly [text: string, detail: string][] = [
    ["", "event is empty"],
    ["\ufeff{}", "event begins with a byte order mark"],
    ['{"a":1', "event ends too early, after 6 bytes"],
    ['{"a":1]', "event is not JSON from byte 6: ]"],
    ["[1]", "event is not an object: [1]"],
    ["{}", "type is missing"],
    ['{"type":7}', "type is not a string: 7"],
    ['{"type":"end","deviceId":null}', "deviceId is not a string: null"],
    ['{"type":"end","deviceId":""}', 'deviceId is empty: ""'],
    [
      '{"type":"end","deviceId":"é","sessionId":"\u007f\\n","accountId":["é"]}',
      'accountId is not a string: ["\\xc3\\xa9"]',
    ],
    [
      `{"type":"end","deviceId":"${"x".repeat(300)}"}`,
      `deviceId is 300 bytes, at most 256: "${"x".repeat(47)}...`,
    ],
  ];
  for (const [text, detail] of cases) {
    assertEquals(decode(decoder, text), DECODED_REJECTED);
    assertEquals(decoder.rejectDetail, detail);
  }
});

Deno.test("EventDecoder refuses a layout that tells two fields or the two types by one name", () => {
  assertThrows(() => decoderOf({ ...PLAIN_EVENT_LAYOUT, accountField: "deviceId" }));
  assertThrows(() => decoderOf({ ...PLAIN_EVENT_LAYOUT, endValue: "start" }));
});

Deno.test("The corpus of bad inputs holds at least 400 cases with names of their own", () => {
  assertGreaterOrEqual(BAD_INPUTS.length, 400);
  assertEquals(new Set(BAD_INPUTS.map(({ name }) => name)).size, BAD_INPUTS.length);
});

/** One decoder for all: none of them may spoil it for the next. */
const corpusDecoder = decoderOf();

for (const { name, bytes, outcome } of BAD_INPUTS) {
  Deno.test(`EventDecoder.decode() answers ${outcome} to ${name}`, () => {
    const kind = corpusDecoder.decode(bytes, 0, bytes.length);
    const answered = ["start", "end", "ignored", corpusDecoder.rejectReason][kind];
    assertEquals(answered, outcome, corpusDecoder.rejectDetail);
    if (kind === DECODED_REJECTED) {
      assertMatch(corpusDecoder.rejectDetail, /^[\x20-\x7e]{8,}$/);
      assertLessOrEqual(corpusDecoder.rejectDetail.length, 400);
    }
  });
}

Deno.test("EventDecoder.decode() answers to random bytes, whatever they are", () => {
  const seed = 20251101;
  const random = new Random(seed);
  const decoder = decoderOf();
  // Bytes that mean something in JSON come often, so that a text gets beyond its first byte.
  const alphabet = encoder.encode('{}[]",:\\ \n0123-+.eEutrfalsn"{"');
  let answers = 0;
  for (let i = 0; i < 100_000; i++) {
    const bytes = random.bytes(random.int(0, 40));
    if (i % 2 === 0) {
      for (let k = 0; k < bytes.length; k++) bytes[k] = alphabet[bytes[k]! % alphabet.length]!;
    }
    const kind = decoder.decode(bytes, 0, bytes.length);
    assert(kind >= DECODED_START && kind <= DECODED_REJECTED, `seed=${seed} case ${i}`);
    answers++;
  }
  assertEquals(answers, 100_000);
});
