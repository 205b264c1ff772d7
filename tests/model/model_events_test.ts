import { assertEquals } from "@std/assert";
import {
  decodeValue,
  type FieldMap,
  parseRfc3339,
  PLAIN_FIELDS,
  RTM_GAMING_FIELDS,
} from "../support/model/model_events.ts";

const GOOD = { type: '"start"', deviceId: '"d"', sessionId: "1" };

/** The outcome in one word, or the event. */
function decode(
  text: string | Uint8Array | null,
  options: { fields?: FieldMap; topic?: string } = {},
): unknown {
  const value = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const decoded = decodeValue(value, options.fields ?? PLAIN_FIELDS, options.topic ?? "events");
  if (decoded.kind === "rejected" || decoded.kind === "ignored") return decoded.reason;
  return decoded;
}

/** Decodes a good start (or end) with these members, as JSON text, in place of its own. */
function decodeWith(members: Record<string, string>): unknown {
  return decode(textWith(members));
}

function textWith(members: Record<string, string>): string {
  const all = Object.entries({ ...GOOD, ...members });
  return `{${all.map(([name, value]) => `"${name}":${value}`).join(",")}}`;
}

function field(name: string, members: Record<string, string>): unknown {
  const decoded = decodeWith(members);
  return typeof decoded === "string" ? decoded : (decoded as Record<string, unknown>)[name];
}

Deno.test("decodeValue() reads the two events of the contract", () => {
  const text = (type: string, more: string) =>
    `{"type":"${type}","deviceId":"6fb86ebc-3d88-4e31-b913-ea939acacf56","sessionId":9402035216,` +
    `"accountId":"d03fae97-9998","timestamp":"2025-11-01T00:06:45.000Z"${more}}`;
  const expected = {
    deviceId: "6fb86ebc-3d88-4e31-b913-ea939acacf56",
    sessionId: { text: "9402035216", isNumber: true },
    accountId: "d03fae97-9998",
    timestampMs: 1761955605000,
  };
  assertEquals(decode(text("start", "")), { kind: "start", ...expected, reportedDurationMs: null });
  assertEquals(decode(text("end", ',"durationSeconds":240')), {
    kind: "end",
    ...expected,
    reportedDurationMs: 240_000,
  });
});

Deno.test("decodeValue() reads both topics of rtm-gaming", () => {
  const fields = RTM_GAMING_FIELDS;
  const text = (device: string) =>
    `{"eventId":"ApplicationSessionEndBi","${device}":"x","appSessionId":18446744073709551615,` +
    `"psnAccountId":"p","timestamp":"2025-11-01T00:06:45.000+00:00","totalFgTime":1.0005}`;
  const expected = {
    kind: "end",
    deviceId: "x",
    sessionId: { text: "18446744073709551615", isNumber: true },
    accountId: "p",
    timestampMs: 1761955605000,
    reportedDurationMs: 1_001,
  };
  assertEquals(decode(text("hostPcId"), { fields, topic: "pc_sessions" }), expected);
  assertEquals(decode(text("openPsid"), { fields, topic: "console_sessions" }), expected);
  assertEquals(decode(text("openPsid"), { fields, topic: "pc_sessions" }), "missing_field");
  assertEquals(decode(text("openPsid"), { fields, topic: "file" }), expected);
  assertEquals(decode(text("deviceId"), { fields, topic: "file" }), "missing_field");
});

Deno.test("decodeValue() takes its names and type values from the map", () => {
  const fields: FieldMap = {
    type: "op",
    startValue: "on",
    endValue: "off",
    deviceId: "__proto__",
    sessionId: "s",
    accountId: "a",
    timestamp: "t",
    durationSeconds: "n",
  };
  assertEquals(decode('{"op":"off","__proto__":"x","s":"7","a":"","t":0,"n":0}', { fields }), {
    kind: "end",
    deviceId: "x",
    sessionId: { text: "7", isNumber: false },
    accountId: "",
    timestampMs: 0,
    reportedDurationMs: 0,
  });
  assertEquals(decode('{"op":"start"}', { fields }), "other_type");
});

Deno.test("decodeValue() checks in the contract's order", () => {
  const deep = "[".repeat(65) + "]".repeat(65);
  const huge = `"${"x".repeat(1024 * 1024)}"`;
  assertEquals(decode(null), "null_value");
  assertEquals(decode("x".repeat(1024 * 1024 + 1)), "too_large");
  assertEquals(decodeWith({ type: '"other"', x: huge }), "too_large");
  assertEquals(decode(""), "not_json");
  assertEquals(decode(`[1`), "not_json");
  assertEquals(decode("[1]"), "not_object");
  assertEquals(decode("null"), "not_object");
  assertEquals(decode("{}"), "missing_field");
  assertEquals(decodeWith({ type: "5", deviceId: "5" }), "bad_field");
  assertEquals(decodeWith({ type: '"other"', deviceId: "5", x: deep }), "other_type");
  assertEquals(decode('{"type":"start","sessionId":true}'), "missing_field");
  assertEquals(decodeWith({ deviceId: '""', sessionId: `"${"s".repeat(129)}"` }), "bad_field");
  assertEquals(decodeWith({ deviceId: `"${"d".repeat(257)}"`, sessionId: "1.5" }), "too_large");
  assertEquals(decodeWith({ accountId: `"${"a".repeat(129)}"`, timestamp: "-1" }), "too_large");
  assertEquals(decodeWith({ timestamp: "-1", accountId: `"${"a".repeat(129)}"` }), "too_large");
  assertEquals(decode('{"type":"end","deviceId":"d","x":' + deep + "}"), "missing_field");
  assertEquals(decodeWith({ x: deep }), "bad_field");
});

Deno.test("decodeValue() takes a value of exactly 1 MiB and a nesting of exactly 64", () => {
  const padding = 1024 * 1024 - textWith({ x: '""' }).length;
  assertEquals(field("kind", { x: `"${"x".repeat(padding)}"` }), "start");
  assertEquals(field("kind", { x: `"${"x".repeat(padding + 1)}"` }), "too_large");
  const nested = (depth: number) => '{"a":['.repeat(depth / 2) + "]}".repeat(depth / 2);
  assertEquals(field("kind", { x: nested(62) }), "start");
  assertEquals(field("kind", { x: nested(64) }), "bad_field");
  assertEquals(decode(textWith({}).replace("{", `{"sessionId":${nested(64)},`)), "bad_field");
});

Deno.test("decodeValue() does not fall over half a million brackets", () => {
  const half = 500_000;
  assertEquals(decodeWith({ x: "[".repeat(half) + "]".repeat(half) }), "bad_field");
  assertEquals(decode('{"a":'.repeat(150_000)), "not_json");
});

Deno.test("decodeValue() rejects what is nearly JSON", () => {
  const bytes = (...values: number[]) =>
    Uint8Array.from([...new TextEncoder().encode('{"x":"'), ...values, 0x22, 0x7d]);
  const cases: (string | Uint8Array)[] = [
    bytes(0xff),
    bytes(0xc0, 0xaf),
    bytes(0xed, 0xa0, 0x80),
    bytes(0xf4, 0x90, 0x80, 0x80),
    bytes(0xe2, 0x82),
    "\ufeff{}",
    "{}\u00a0",
    '{"x":NaN}',
    '{"x":Infinity}',
    '{"x":01}',
    '{"x":.5}',
    '{"x":1.}',
    '{"x":+1}',
    '{"x":"\t"}',
    "{'x':1}",
    '{"x":1,}',
    "{x:1}",
    "{}{}",
    '{"x":undefined}',
  ];
  assertEquals(cases.map((value) => decode(value)), cases.map(() => "not_json"));
});

Deno.test("decodeValue() reads escapes before it compares, and lets the last of equal names win", () => {
  const text = '{"\\u0074ype":"st\\u0061rt","deviceId":5,"deviceId":"\\ud83c\\udfae\\u0000\\/",' +
    '"sessionId":"1","sessionId":1,"accountId":"a","accountId":null,"__proto__":{"type":"x"}}';
  assertEquals(decode(text), {
    kind: "start",
    deviceId: "\u{1f3ae}\0/",
    sessionId: { text: "1", isNumber: true },
    accountId: null,
    timestampMs: null,
    reportedDurationMs: null,
  });
  assertEquals(decode(textWith({}).replace("}", ',"type":5}')), "bad_field");
  assertEquals(decode(textWith({}).replace("}", ',"type":"ping"}')), "other_type");
  assertEquals(decodeWith({ x: '"\\"},{\\\\"', deviceId: '"}{"' }), {
    kind: "start",
    deviceId: "}{",
    sessionId: { text: "1", isNumber: true },
    accountId: null,
    timestampMs: null,
    reportedDurationMs: null,
  });
});

const FIELD_CASES: Record<string, readonly (readonly [value: string, expected: unknown])[]> = {
  type: [["null", "bad_field"], ["[]", "bad_field"], ['""', "other_type"], [
    '"\\ud800"',
    "other_type",
  ]],
  deviceId: [
    ['""', "bad_field"],
    ["null", "bad_field"],
    ["7", "bad_field"],
    ['"\\ud800"', "bad_field"],
    [`"${"\\ud800".repeat(300)}"`, "bad_field"],
    [`"${"é".repeat(128)}"`, "é".repeat(128)],
    [`"${"\\u00e9".repeat(128)}"`, "é".repeat(128)],
    [`"${"é".repeat(128)}x"`, "too_large"],
    ['"e\\u0301"', "e\u0301"],
    ['"\ufeffx"', "\ufeffx"],
  ],
  sessionId: [
    ["0", { text: "0", isNumber: true }],
    ["-0", { text: "-0", isNumber: true }],
    ["-9223372036854775808", { text: "-9223372036854775808", isNumber: true }],
    ["-9223372036854775809", "bad_field"],
    ["18446744073709551615", { text: "18446744073709551615", isNumber: true }],
    ["18446744073709551616", "bad_field"],
    ["9007199254740993", { text: "9007199254740993", isNumber: true }],
    ["9".repeat(100_000), "bad_field"],
    ["1.0", "bad_field"],
    ["1e3", "bad_field"],
    ["1E0", "bad_field"],
    ["true", "bad_field"],
    ["{}", "bad_field"],
    ["null", "bad_field"],
    ['""', "bad_field"],
    ['"01"', { text: "01", isNumber: false }],
    [`"${"s".repeat(128)}"`, { text: "s".repeat(128), isNumber: false }],
    [`"${"s".repeat(129)}"`, "too_large"],
  ],
  accountId: [
    ['""', ""],
    ["null", null],
    ["5", "bad_field"],
    ['"\\udc00"', "bad_field"],
    [`"${"a".repeat(129)}"`, "too_large"],
  ],
  timestampMs: [
    ["null", null],
    ["0", 0],
    ["-0", 0],
    ["253402300799999", 253402300799999],
    ["253402300800000", "bad_field"],
    ["1" + "0".repeat(400), "bad_field"],
    ["-1", "bad_field"],
    ["1.0", "bad_field"],
    ["1e12", "bad_field"],
    ["true", "bad_field"],
    ['"1761955605000"', "bad_field"],
    ['"2025-11-01t00:06:45.0009z"', 1761955605000],
    ['"\\u0032025-11-01T00:06:45Z"', 1761955605000],
    ['"1969-12-31T23:59:59.9999Z"', "bad_field"],
    ['"1969-12-31T23:30:00-00:30"', 0],
    ['"1970-01-01T00:00:00+00:01"', "bad_field"],
    ['"9999-12-31T23:59:59.9999Z"', 253402300799999],
    ['"9999-12-31T23:59:59-00:01"', "bad_field"],
    ['"9999-12-31T23:59:60Z"', "bad_field"],
    ['"0070-01-01T00:00:00Z"', "bad_field"],
  ],
  reportedDurationMs: [
    ["null", null],
    ["0", 0],
    ["-0", 0],
    ["-0.0001", "bad_field"],
    ["0.0005", 1],
    ["0.00049", 0],
    ["1.0005", 1_001],
    ["2.4e2", 240_000],
    ["1e9", 1e12],
    ["1000000000.1", "bad_field"],
    ["1e999", "bad_field"],
    ['"5"', "bad_field"],
    ["[]", "bad_field"],
  ],
};

const NAMES: Record<string, string> = {
  timestampMs: "timestamp",
  reportedDurationMs: "durationSeconds",
};

for (const [name, cases] of Object.entries(FIELD_CASES)) {
  Deno.test(`decodeValue() judges ${NAMES[name] ?? name} by its rule`, () => {
    const type: Record<string, string> = name === "reportedDurationMs" ? { type: '"end"' } : {};
    for (const [value, expected] of cases) {
      const actual = field(name, { ...type, [NAMES[name] ?? name]: value });
      assertEquals(actual, expected, `${name} ${value.slice(0, 60)}`);
    }
  });
}

Deno.test("decodeValue() does not look at durationSeconds of a start", () => {
  assertEquals(field("reportedDurationMs", { durationSeconds: '"x"' }), null);
});

Deno.test("parseRfc3339() takes what the RFC allows and nothing else", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["1985-04-12T23:20:50.52Z", 482196050520],
    ["1996-12-19T16:39:57-08:00", 851042397000],
    ["1990-12-31T23:59:60Z", 662688000000],
    ["1990-12-31T15:59:60-08:00", 662688000000],
    ["1990-12-31T23:59:60.5Z", 662688000500],
    ["1990-12-31T22:59:60Z", null],
    ["1990-12-31T23:59:61Z", null],
    ["2024-02-29T00:00:00Z", 1709164800000],
    ["2000-02-29T00:00:00-00:00", 951782400000],
    ["2100-02-29T00:00:00Z", null],
    ["2025-04-31T00:00:00Z", null],
    ["2025-00-01T00:00:00Z", null],
    ["2025-01-00T00:00:00Z", null],
    ["2025-11-01T24:00:00Z", null],
    ["2025-11-01T00:60:00Z", null],
    ["2025-11-01T00:00:00+24:00", null],
    ["2025-11-01T00:00:00+00:60", null],
    ["2025-11-01T00:00:00+23:59", 1761868860000],
    ["2025-11-01 00:00:00Z", null],
    ["2025-11-01T00:00Z", null],
    ["2025-11-01T00:00:00", null],
    ["2025-11-01T00:00:00.Z", null],
    ["2025-11-01T00:00:00,5Z", null],
    ["2025-11-01T00:00:00+0100", null],
    ["2025-11-01T00:00:00Z\n", null],
    ["+002025-11-01T00:00:00Z", null],
    ["2025-11-1T00:00:00Z", null],
    [`2025-11-01T00:00:00.${"1".repeat(1_000)}Z`, 1761955200111],
  ];
  for (const [text, expected] of cases) assertEquals(parseRfc3339(text), expected, text);
});
