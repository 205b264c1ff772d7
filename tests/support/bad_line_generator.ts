/** Lines that are no event, one way for each check of the contract. */
import { type Members, objectText } from "./event_text.ts";
import type { FieldMap, ModelRejectReason } from "./model/model_events.ts";
import type { Random } from "./random.ts";

export interface BadLine {
  readonly bytes: Uint8Array;
  readonly reason: ModelRejectReason;
  /** What is wrong with it. */
  readonly name: string;
}

/** A good event that the bad ones are made of, and the names of its fields. */
export interface GoodEvent {
  readonly members: Members;
  readonly fields: FieldMap;
  readonly deviceField: string;
}

type Make = (good: GoodEvent, random: Random) => string | Uint8Array;

/** Every way, by reason. Each `make` gives a line without a newline. */
export const BAD_LINES: readonly {
  readonly reason: ModelRejectReason;
  readonly name: string;
  readonly make: Make;
}[] = [
  ...ways("not_json", {
    "random bytes": (_, random) => noNewline(concat([0xff], random.bytes(random.int(0, 60)))),
    "white space only": () => "  ",
    "cut off": ({ members }, random) => {
      const text = objectText(members);
      return text.slice(0, random.int(1, text.length - 1));
    },
    "byte order mark": ({ members }) => `\ufeff${objectText(members)}`,
    "NaN": ({ members }) => objectText([...members, ["x", "NaN"]]),
    "Infinity": ({ members }) => objectText([...members, ["x", "-Infinity"]]),
    "something after it": ({ members }) => `${objectText(members)}x`,
    "two objects": ({ members }) => objectText(members) + objectText(members),
    "single quotes": ({ members }) => objectText(members).replaceAll('"', "'"),
    "comma too many": ({ members }) => objectText(members).replace(/}$/, ",}"),
    "leading zero": ({ members }) => objectText([...members, ["x", "01"]]),
    "leading plus": ({ members }) => objectText([...members, ["x", "+1"]]),
    "tab in a string": ({ members }) => objectText([...members, ["x", '"\t"']]),
    "unknown escape": ({ members }) => objectText([...members, ["x", '"\\x41"']]),
    "no-break space": ({ members }) => `\u00a0${objectText(members)}`,
    "a surrogate in UTF-8": ({ members }) => withBytes(members, [0xed, 0xa0, 0x80]),
    "overlong UTF-8": ({ members }) => withBytes(members, [0xc0, 0xaf]),
    "past U+10FFFF": ({ members }) => withBytes(members, [0xf4, 0x90, 0x80, 0x80]),
    "cut off UTF-8": ({ members }) => withBytes(members, [0xe2, 0x82]),
    "open brackets without end": () => "[".repeat(100_000),
  }),
  ...ways("not_object", {
    "array": ({ members }) => `[${objectText(members)}]`,
    "string": ({ members }) => JSON.stringify(objectText(members)),
    "number": () => "42",
    "null": () => "null",
    "true": () => " true ",
  }),
  ...ways("missing_field", {
    "no members": () => "{}",
    "no type": ({ members, fields }) => objectText(without(members, fields.type)),
    "no device": ({ members, deviceField }) => objectText(without(members, deviceField)),
    "no session": ({ members, fields }) => objectText(without(members, fields.sessionId)),
    "no session, nested too deep": ({ members, fields }) =>
      objectText([...without(members, fields.sessionId), ["x", nested(65)]]),
    "another case": ({ members, fields }) =>
      objectText([...without(members, fields.type), [fields.type.toUpperCase(), '"start"']]),
  }),
  ...ways("bad_field", {
    ...badValues("type", ["5", "null", "{}", '["start"]', "true"]),
    ...badValues("deviceId", ['""', "null", "5", "[]", '"\\ud800"', '"\\udc00\\ud800"']),
    ...badValues("sessionId", [
      ...['""', "null", "1.0", "1e3", "true", "{}", '"a\\udfff"', "0.5", "-1E1"],
      ...["18446744073709551616", "-9223372036854775809", "1".repeat(200)],
    ]),
    ...badValues("accountId", ["5", "false", "{}", '"\\ud83d"']),
    ...badValues("timestamp", [
      ...['"yesterday"', '""', "true", "{}", "-1", "1.5", "1761955605000.0", "1e12"],
      ...["253402300800000", '"2025-11-01T00:06:45.000"', '"2025-11-01 00:06:45Z"'],
      ...['"2025-02-29T00:00:00Z"', '"2025-13-01T00:00:00Z"', '"2025-11-01T24:00:00Z"'],
      ...['"2025-11-01T00:06:45.Z"', '"2025-11-01T00:06Z"', '"2025-11-01T00:06:45+0100"'],
      ...['"1969-12-31T23:59:59.999Z"', '"1970-01-01T00:00:00+00:01"'],
      ...['"9999-12-31T23:59:59-00:01"', '"2025-11-01T00:06:60Z"', '"2025-11-01T00:06:45+24:00"'],
      ...['"0070-01-01T00:00:00Z"', '" 2025-11-01T00:06:45Z"', '"２025-11-01T00:06:45Z"'],
    ]),
    ...badValues("durationSeconds", ['"5"', "-1", "1000000000.001", "true", "[]", "1e999"], "end"),
    "nested too deep": ({ members }) => objectText([...members, ["x", nested(64)]]),
    "no timestamp and no envelope": ({ members, fields }) =>
      objectText(without(members, fields.timestamp)),
    ...badEnvelopes({ partition: "-1" }, { partition: '"0"' }, { partition: "2147483648" }),
    ...badEnvelopes({ offset: "1.5" }, { offset: "-1" }, { offset: "9007199254740992" }),
    ...badEnvelopes({ topic: "5" }, { timestampMs: "null" }, { timestampMs: '"2025"' }),
    ...badEnvelopes({ timestampMs: "253402300800000" }, { timestampMs: "0.5" }),
  }),
  ...ways("too_large", {
    "device": ({ members, deviceField }) =>
      objectText(replaced(members, deviceField, JSON.stringify("d".repeat(257)))),
    "device in UTF-8": ({ members, deviceField }) =>
      objectText(replaced(members, deviceField, JSON.stringify("é".repeat(128) + "x"))),
    "session": ({ members, fields }) =>
      objectText(replaced(members, fields.sessionId, JSON.stringify("€".repeat(43)))),
    "account": ({ members, fields }) =>
      objectText(replaced(members, fields.accountId, JSON.stringify("a".repeat(129)))),
    "the whole": ({ members }) =>
      objectText([...members, ["x", JSON.stringify("x".repeat(1024 * 1024))]]),
    "the whole, and no JSON": () => "x".repeat(1024 * 1024 + 1),
  }),
];

const HUGE = BAD_LINES.filter(({ name }) => name.startsWith("the whole"));
const USUAL = BAD_LINES.filter((way) => !HUGE.includes(way));

/** A bad line of any kind; one of 1 MiB only now and then. */
export function badLine(good: GoodEvent, random: Random): BadLine {
  const { reason, name, make } = random.pick(random.chance(0.002) ? HUGE : USUAL);
  return { reason, name, bytes: bytesOf(make(good, random)) };
}

export function bytesOf(line: string | Uint8Array): Uint8Array {
  return typeof line === "string" ? new TextEncoder().encode(line) : line;
}

function ways(reason: ModelRejectReason, makes: Record<string, Make>): typeof BAD_LINES {
  return Object.entries(makes).map(([name, make]) => ({ reason, name, make }));
}

function badValues(
  field: "type" | "deviceId" | "sessionId" | "accountId" | "timestamp" | "durationSeconds",
  values: readonly string[],
  kind?: "end",
): Record<string, Make> {
  return Object.fromEntries(values.map((value) =>
    [`${field} ${value.slice(0, 40)}`, (good) => {
      const { fields } = good;
      const typed = kind === undefined
        ? good.members
        : replaced(good.members, fields.type, JSON.stringify(fields.endValue));
      const name = field === "deviceId" ? good.deviceField : fields[field];
      return objectText(replaced(typed, name, value));
    }] satisfies [string, Make]
  ));
}

function badEnvelopes(...changes: readonly Record<string, string>[]): Record<string, Make> {
  return Object.fromEntries(changes.map((change) => [
    `envelope ${JSON.stringify(change)}`,
    ({ members }: GoodEvent) =>
      objectText(Object.entries({
        topic: '"events"',
        partition: "0",
        offset: "0",
        timestampMs: "1761955605000",
        ...change,
        value: objectText(members),
      })),
  ]));
}

function without(members: Members, name: string): Members {
  return members.filter((member) => member[0] !== name);
}

function replaced(members: Members, name: string, value: string): Members {
  return [...without(members, name), [name, value]];
}

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

/** The object with one more member, whose string holds these bytes. */
function withBytes(members: Members, bytes: readonly number[]): Uint8Array {
  const before = new TextEncoder().encode(objectText(members).replace(/}$/, ',"x":"'));
  return concat(before, concat(bytes, new TextEncoder().encode('"}')));
}

function concat(a: ArrayLike<number>, b: ArrayLike<number>): Uint8Array {
  return Uint8Array.from([...Array.from(a), ...Array.from(b)]);
}

function noNewline(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte === 0x0a ? 0x0b : byte);
}
