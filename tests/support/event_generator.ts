/**
 * Files of events, from a seed: what devices and the ways to Kafka do to starts and ends, and what
 * else lies on topics. Each line comes with what it should be taken for.
 */
import { badLine, bytesOf } from "./bad_line_generator.ts";
import {
  type EventContent,
  eventMembers,
  type Members,
  objectText,
  oddObjectText,
} from "./event_text.ts";
import {
  type FieldMap,
  type ModelRejectReason,
  type ModelSessionId,
  PLAIN_FIELDS,
  RTM_GAMING_FIELDS,
} from "./model/model_events.ts";
import { Random } from "./random.ts";

export interface EventGeneratorOptions {
  readonly seed: number;
  readonly devices: number;
  readonly sessionsPerDevice: number;
  readonly layout?: "plain" | "rtm-gaming";
  /** The settings whose boundaries are aimed at; the defaults of the program where left out. */
  readonly heartbeatIntervalMs?: number;
  readonly maxDurationMs?: number;
  readonly graceMs?: number;
  /** Instant of the first events. */
  readonly startMs?: number;
  readonly rates?: Partial<EventRates>;
}

/** Probabilities; those of a kind of session are per session, the others per event or line. */
export interface EventRates {
  /** Lines in an envelope; the others' record timestamp is their own. */
  readonly envelope: number;
  /** Device ids that are no UUID. */
  readonly oddDevice: number;
  /** Session ids that are no counted number. */
  readonly oddSession: number;
  /** An id that the device had before. */
  readonly reusedSession: number;
  /** The end writes the number as a string, or the other way round. */
  readonly otherForm: number;
  /** Instants and distances that hit a boundary of H, M or G exactly, or by a millisecond. */
  readonly boundary: number;
  /** The start comes after the end. */
  readonly earlyEnd: number;
  readonly missingEnd: number;
  readonly missingStart: number;
  /** The next session starts before this one ends. */
  readonly superseded: number;
  /** The event comes again; every third time with another content. */
  readonly duplicate: number;
  /** The event comes late, by up to G. */
  readonly late: number;
  /** The event comes later than that, by up to M and more. */
  readonly veryLate: number;
  /** Devices whose clock is off, by up to M. Only envelopes tell it from the record's timestamp. */
  readonly clockOff: number;
  readonly missingTimestamp: number;
  readonly missingAccount: number;
  readonly missingDuration: number;
  /** Unusual ways to write the same JSON. */
  readonly oddText: number;
  /** Lines that are ignored, one before an event. */
  readonly ignored: number;
  /** Lines that are rejected, one before an event. */
  readonly rejected: number;
}

const USUAL_RATES: EventRates = {
  envelope: 0.7,
  oddDevice: 0.2,
  oddSession: 0.3,
  reusedSession: 0.02,
  otherForm: 0.05,
  boundary: 0.15,
  earlyEnd: 0.05,
  missingEnd: 0.05,
  missingStart: 0.02,
  superseded: 0.1,
  duplicate: 0.05,
  late: 0.1,
  veryLate: 0.02,
  clockOff: 0.2,
  missingTimestamp: 0.1,
  missingAccount: 0.1,
  missingDuration: 0.2,
  oddText: 0.1,
  ignored: 0.02,
  rejected: 0.02,
};

export interface GeneratedLine {
  /** Without a line end, and without a newline inside. */
  readonly bytes: Uint8Array;
  readonly expected: "start" | "end" | "ignored" | ModelRejectReason;
}

/** The lines of a file, in order. The same options give the same bytes. */
export function* generateLines(options: EventGeneratorOptions): Generator<GeneratedLine> {
  const random = new Random(options.seed);
  const settings: Settings = {
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 30_000,
    maxDurationMs: options.maxDurationMs ?? 1_800_000,
    graceMs: options.graceMs ?? 30_000,
    startMs: options.startMs ?? Date.UTC(2025, 10, 1),
    sessionsPerDevice: options.sessionsPerDevice,
    rates: { ...USUAL_RATES, ...options.rates },
    layout: options.layout ?? "plain",
  };
  const arrivals: Arrival[] = [];
  for (let i = 0; i < options.devices; i++) {
    for (const arrival of deviceArrivals(settings, random.fork())) arrivals.push(arrival);
  }
  // Stable, so that events of one instant keep the order in which they were made.
  arrivals.sort((a, b) => a.arrivalMs - b.arrivalMs);
  yield* writeLines(arrivals, settings, random);
}

/** The lines of a whole file, each with its line end. */
export function generateFile(options: EventGeneratorOptions): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const { bytes } of generateLines(options)) chunks.push(bytes, Uint8Array.of(0x0a));
  const file = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const chunk of chunks) {
    file.set(chunk, length);
    length += chunk.length;
  }
  return file;
}

interface Settings {
  readonly heartbeatIntervalMs: number;
  readonly maxDurationMs: number;
  readonly graceMs: number;
  readonly startMs: number;
  readonly sessionsPerDevice: number;
  readonly rates: EventRates;
  readonly layout: "plain" | "rtm-gaming";
}

/** An event and when its line comes; `sourceMs` is the timestamp of its record. */
interface Arrival {
  readonly arrivalMs: number;
  readonly sourceMs: number;
  readonly topic: string;
  readonly content: EventContent;
}

function* deviceArrivals(settings: Settings, random: Random): Generator<Arrival> {
  const { rates, graceMs, maxDurationMs } = settings;
  const deviceId = random.chance(rates.oddDevice) ? oddDeviceId(random) : random.uuid();
  const topic = settings.layout === "plain"
    ? "events"
    : random.pick(["pc_sessions", "console_sessions"]);
  const skewMs = random.chance(rates.clockOff) ? random.int(-maxDurationMs, maxDurationMs) : 0;
  const accountId = random.chance(rates.missingAccount) ? null : oddAccountId(random);
  const earlierIds: ModelSessionId[] = [];
  let startMs = settings.startMs + random.int(0, maxDurationMs);

  for (let i = 0; i < settings.sessionsPerDevice; i++) {
    const sessionId = earlierIds.length > 0 && random.chance(rates.reusedSession)
      ? random.pick(earlierIds)
      : newSessionId(settings, random);
    earlierIds.push(sessionId);
    const durationMs = sessionDurationMs(settings, random);
    const endMs = startMs + durationMs;

    const deviceClock = (instantMs: number) =>
      random.chance(rates.missingTimestamp)
        ? null
        : Math.max(0, instantMs + skewMs - random.int(0, 200));
    const start: EventContent = {
      kind: "start",
      deviceId,
      sessionId,
      accountId,
      timestampMs: deviceClock(startMs),
      durationSeconds: random.chance(0.02) ? -1 : null,
    };
    const end: EventContent = {
      kind: "end",
      deviceId,
      sessionId: random.chance(rates.otherForm) ? otherForm(sessionId) : sessionId,
      accountId: random.chance(0.1) ? null : accountId,
      timestampMs: deviceClock(endMs),
      durationSeconds: random.chance(rates.missingDuration) ? null : durationMs / 1000,
    };

    const endDelayMs = delayMs(settings, random);
    const startDelayMs = random.chance(rates.earlyEnd)
      ? durationMs + endDelayMs + nearMs(graceMs, settings, random)
      : delayMs(settings, random);
    if (!random.chance(rates.missingStart)) {
      yield* repeated(
        { content: start, topic, sourceMs: startMs, arrivalMs: startMs + startDelayMs },
        settings,
        random,
      );
    }
    if (!random.chance(rates.missingEnd)) {
      yield* repeated(
        { content: end, topic, sourceMs: endMs, arrivalMs: endMs + endDelayMs },
        settings,
        random,
      );
    }

    startMs = random.chance(rates.superseded)
      ? startMs + random.int(0, random.pick([0, durationMs]))
      : endMs + gapMs(settings, random);
  }
}

function* repeated(arrival: Arrival, settings: Settings, random: Random): Generator<Arrival> {
  yield arrival;
  while (random.chance(settings.rates.duplicate)) {
    const againMs = nearMs(random.pick([100, settings.graceMs]), settings, random);
    const changed = random.chance(1 / 3);
    yield {
      topic: arrival.topic,
      arrivalMs: arrival.arrivalMs + againMs,
      sourceMs: changed ? arrival.sourceMs + random.int(0, againMs) : arrival.sourceMs,
      content: changed ? { ...arrival.content, accountId: "changed" } : arrival.content,
    };
  }
}

function sessionDurationMs(settings: Settings, random: Random): number {
  const { heartbeatIntervalMs, maxDurationMs, rates } = settings;
  if (random.chance(rates.boundary)) {
    const beats = random.int(0, Math.ceil(maxDurationMs / heartbeatIntervalMs));
    const boundaryMs = random.pick([maxDurationMs, beats * heartbeatIntervalMs]);
    return Math.max(0, boundaryMs + random.int(-1, 1));
  }
  // Most are short, a few are longer than M.
  return Math.floor(random.fraction() ** 2 * maxDurationMs * 1.2);
}

function gapMs(settings: Settings, random: Random): number {
  const { graceMs, maxDurationMs, rates } = settings;
  if (random.chance(rates.boundary)) return random.pick([0, 1, graceMs - 1, graceMs, graceMs + 1]);
  return random.int(0, random.pick([graceMs, maxDurationMs]));
}

function delayMs(settings: Settings, random: Random): number {
  const { graceMs, maxDurationMs, rates } = settings;
  if (random.chance(rates.late)) return nearMs(graceMs, settings, random);
  if (random.chance(rates.veryLate)) {
    return graceMs + random.int(1, Math.ceil(maxDurationMs * 1.3));
  }
  return random.chance(0.5) ? 0 : random.int(0, 50);
}

/** Up to the distance, or about it. */
function nearMs(distanceMs: number, settings: Settings, random: Random): number {
  if (!random.chance(settings.rates.boundary)) return random.int(0, distanceMs);
  return Math.max(0, random.pick([0, distanceMs]) + random.int(-1, 1));
}

function newSessionId(settings: Settings, random: Random): ModelSessionId {
  if (!random.chance(settings.rates.oddSession)) {
    return { text: String(9_402_035_216 + random.int(0, 2 ** 40)), isNumber: true };
  }
  const number = (text: string) => ({ text, isNumber: true });
  const string = (text: string) => ({ text, isNumber: false });
  return random.pick<() => ModelSessionId>([
    () => number(String(random.int(0, 9))),
    () => string(String(random.int(0, 9))),
    () => string(`0${random.int(0, 9)}`),
    () => number("-0"),
    () => number(String((1n << 63n) + BigInt(random.int(-1, 1)))),
    () => number(String((1n << 64n) - BigInt(random.int(1, 1_000)))),
    () => number(String(-(1n << 63n) + BigInt(random.int(0, 1_000)))),
    () => number(String((1n << 53n) + BigInt(random.int(0, 1_000)))),
    () => string(random.uuid()),
    () => string(`session/${random.int(0, 1_000)}`),
    () => string(random.pick(["é", "e\u0301", "\u{1f3ae}", "\uffff", "\0", '"\\', "\u2028", " "])),
    () => string("s".repeat(127) + random.int(0, 9)),
  ])();
}

/** The same identity, written the other way where it can be. */
function otherForm(id: ModelSessionId): ModelSessionId {
  const canBeNumber = /^-?(0|[1-9][0-9]{0,17})$/.test(id.text);
  return canBeNumber ? { text: id.text, isNumber: !id.isNumber } : id;
}

function oddDeviceId(random: Random): string {
  const tail = random.int(0, 99_999);
  return random.pick([
    `d${tail}`,
    `${tail}`,
    random.uuid().toUpperCase(),
    `${random.uuid()} `,
    `"quoted\\${tail}"`,
    `\u30b2\u30fc\u30e0\u6a5f-${tail}`,
    `\u{1f579}\ufe0f${tail}`,
    `e\u0301${tail}`,
    `line\nfeed\u0000${tail}`,
    `</script>${tail}`,
    `\ufeff${tail}`,
    String(tail).padStart(256, "x"),
    String(tail).padStart(6, "0") + "é".repeat(125),
  ]);
}

function oddAccountId(random: Random): string {
  return random.chance(0.8)
    ? random.uuid()
    : random.pick(["", "a".repeat(128), '"\\/\b\f\n\r\t\u0001\u007f', "\u{1f600}", "null", "0"]);
}

function* writeLines(
  arrivals: readonly Arrival[],
  settings: Settings,
  random: Random,
): Generator<GeneratedLine> {
  const fields = settings.layout === "plain" ? PLAIN_FIELDS : RTM_GAMING_FIELDS;
  const offsets = new Map<string, number>();
  for (const arrival of arrivals) {
    const { rates } = settings;
    if (random.chance(rates.ignored)) yield ignoredLine(fields, random);
    if (random.chance(rates.rejected)) {
      const content = { ...arrival.content, timestampMs: arrival.sourceMs, durationSeconds: null };
      const deviceField = deviceFieldOf(arrival, fields);
      const members = eventMembers(content, { fields, deviceField, random });
      const bad = badLine({ members, fields, deviceField }, random);
      yield { bytes: bad.bytes, expected: bad.reason };
    }
    const odd = random.chance(rates.oddText);
    const write = (members: Members) => odd ? oddObjectText(members, random) : objectText(members);
    const text = random.chance(rates.envelope)
      ? envelopeText(arrival, { fields, offsets, write, random })
      : write(eventMembers(
        { ...arrival.content, timestampMs: arrival.sourceMs },
        { fields, deviceField: deviceFieldOf(arrival, fields), random },
      ));
    yield { bytes: bytesOf(text), expected: arrival.content.kind };
  }
}

function envelopeText(
  arrival: Arrival,
  options: {
    readonly fields: FieldMap;
    readonly offsets: Map<string, number>;
    readonly write: (members: Members) => string;
    readonly random: Random;
  },
): string {
  const { fields, offsets, write, random } = options;
  // The start and the end of one session may lie on different partitions.
  const partition = random.int(0, 3);
  const name = `${arrival.topic}/${partition}`;
  const offset = offsets.get(name) ?? 0;
  offsets.set(name, offset + 1);
  const deviceField = deviceFieldOf(arrival, fields);
  return objectText([
    ["topic", JSON.stringify(arrival.topic)],
    ["partition", String(partition)],
    ["offset", String(offset)],
    ["timestampMs", String(arrival.sourceMs)],
    ["value", write(eventMembers(arrival.content, { fields, deviceField, random }))],
  ]);
}

function deviceFieldOf(arrival: Arrival, fields: FieldMap): string {
  return typeof fields.deviceId === "string"
    ? fields.deviceId
    : fields.deviceId[arrival.topic] as string;
}

function ignoredLine(fields: FieldMap, random: Random): GeneratedLine {
  const type = JSON.stringify(fields.type);
  const text = random.pick([
    "",
    '{"topic":"events","partition":0,"offset":7,"timestampMs":1761955605000,"value":null}',
    '{"value":null,"timestampMs":"not looked at"}',
    `{${type}:"ping"}`,
    `{${type}:"","deviceId":5}`,
    `{${type}:"START"}`,
    `{${type}:"\\ud800"}`,
    `{${type}:5,${type}:"heartbeat","x":${"[".repeat(100)}${"]".repeat(100)}}`,
    `{"timestampMs":4102444800000,"value":{${type}:"the clock stays"}}`,
  ]);
  return { bytes: bytesOf(text), expected: "ignored" };
}
