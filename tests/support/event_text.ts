/** One event as JSON text, in the many ways in which devices may write the same thing. */
import type { FieldMap, ModelSessionId } from "./model/model_events.ts";
import type { Random } from "./random.ts";

export interface EventContent {
  readonly kind: "start" | "end";
  readonly deviceId: string;
  readonly sessionId: ModelSessionId;
  readonly accountId: string | null;
  readonly timestampMs: number | null;
  readonly durationSeconds: number | null;
}

/** Names and values of an object, the values as JSON text; a name may come twice. */
export type Members = readonly (readonly [name: string, value: string])[];

export function eventMembers(
  event: EventContent,
  options: { readonly fields: FieldMap; readonly deviceField: string; readonly random: Random },
): Members {
  const { fields, deviceField, random } = options;
  const members: [string, string][] = [
    [fields.type, JSON.stringify(event.kind === "start" ? fields.startValue : fields.endValue)],
    [deviceField, JSON.stringify(event.deviceId)],
    [fields.sessionId, sessionIdText(event.sessionId)],
  ];
  if (event.accountId !== null) {
    members.push([fields.accountId, JSON.stringify(event.accountId)]);
  } else if (random.chance(0.3)) {
    members.push([fields.accountId, "null"]);
  }
  if (event.timestampMs !== null) {
    members.push([fields.timestamp, timestampText(event.timestampMs, random)]);
  } else if (random.chance(0.3)) {
    members.push([fields.timestamp, "null"]);
  }
  if (event.durationSeconds !== null) {
    members.push([fields.durationSeconds, durationText(event.durationSeconds, random)]);
  }
  return members;
}

/** Joins the members as most devices do. */
export function objectText(members: Members): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** The same object to a reader of JSON: other order, spaces, escapes, members that lose or are unknown. */
export function oddObjectText(members: Members, random: Random): string {
  const space = () => random.chance(0.3) ? random.pick([" ", "\t", "  ", "\r"]) : "";
  const all = random.shuffle([...members, ...unknownMembers(random)]);
  if (random.chance(0.3)) {
    // The one that comes first loses.
    const [name] = random.pick(members);
    all.unshift([name, random.pick(["null", "17", '"lost"', "[[]]", "1e999", '{"a":{}}'])]);
  }
  const texts = all.map(([name, value]) =>
    `${space()}${oddString(name, random)}${space()}:${space()}${
      value.startsWith('"') ? oddString(JSON.parse(value), random) : value
    }${space()}`
  );
  return `${space()}{${texts.join(",")}}${space()}`;
}

function unknownMembers(random: Random): Members {
  const choices: Members = [
    ["schemaVersion", "3"],
    ["__proto__", '{"deviceId":"no"}'],
    ["constructor", "null"],
    ["", '""'],
    ["note", '"\\"}{][,:\\\\"'],
    ["nested", "[".repeat(63) + "]".repeat(63)],
    ["value", "1"],
    ["ключ", '"\\ud83d"'],
    ["load", "-0.5E-300"],
  ];
  return choices.filter(() => random.chance(0.2));
}

/** A JSON string of the text in which some characters are escaped that need not be. */
function oddString(text: string, random: Random): string {
  let escaped = "";
  for (let i = 0; i < text.length; i++) {
    const plain = JSON.stringify(text[i]).slice(1, -1);
    const isPair = /[\ud800-\udfff]/.test(text[i] as string);
    if (isPair) escaped += text[i];
    else if (random.chance(0.05)) escaped += unicodeEscape(text.charCodeAt(i), random);
    else escaped += text[i] === "/" && random.chance(0.5) ? "\\/" : plain;
  }
  return `"${escaped}"`;
}

function unicodeEscape(code: number, random: Random): string {
  const hex = code.toString(16).padStart(4, "0");
  return `\\u${random.chance(0.5) ? hex : hex.toUpperCase()}`;
}

export function sessionIdText(id: ModelSessionId): string {
  return id.isNumber ? id.text : JSON.stringify(id.text);
}

/** The instant as a JSON value, in one of the forms that mean the same millisecond. */
function timestampText(timestampMs: number, random: Random): string {
  const text = new Date(timestampMs).toISOString();
  const local = (offsetMs: number) => new Date(timestampMs + offsetMs).toISOString().slice(0, -1);
  switch (random.int(0, 7)) {
    case 0:
      return String(timestampMs);
    case 1:
      return JSON.stringify(text.toLowerCase());
    case 2:
      return JSON.stringify(`${text.slice(0, -1)}999999Z`);
    case 3:
      return JSON.stringify(`${local(19_800_000)}+05:30`);
    case 4:
      return JSON.stringify(`${local(-12_600_000)}-03:30`);
    case 5:
      return JSON.stringify(`${text.slice(0, -1)}+00:00`);
    case 6:
      return JSON.stringify(text.replace(/\.000Z|0{1,2}Z/, "Z"));
    default:
      return JSON.stringify(text);
  }
}

function durationText(seconds: number, random: Random): string {
  return random.chance(0.1) ? seconds.toExponential() : String(seconds);
}
