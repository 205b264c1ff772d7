import type { RecordInput } from "../../lib/core/record_batch_encoder.ts";
import { modelPartition } from "../support/model/render.ts";
import type { Random } from "../support/random.ts";
import type { InputCoverage } from "./input_coverage.ts";
import type { SimulatedEvent, SimulatedRecord } from "./simulated_input.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

interface Sent {
  readonly input: RecordInput;
  readonly record: SimulatedRecord;
}

/**
 * The devices: they start and end sessions, some twice, some in the wrong order, over any
 * partition; and what else lies on their topics. A session's id is used once.
 */
export class EventStream {
  readonly #world: SimulatedWorld;
  readonly #coverage: InputCoverage;
  readonly #random: Random;
  readonly #devices: readonly string[];
  #sessions = 0;
  /** Started and not ended, as far as the devices know. */
  #open: { device: string; session: string; isNumber: boolean }[] = [];
  /** The last events, for those who send one twice. */
  #recent: Sent[] = [];

  constructor(world: SimulatedWorld, coverage: InputCoverage, random: Random) {
    this.#world = world;
    this.#coverage = coverage;
    this.#random = random;
    this.#devices = Array.from({ length: world.scenario.devices }, (_, i) => deviceName(i, random));
  }

  /** A few records, most of them events. */
  sendSome(): void {
    const random = this.#random;
    for (let i = random.int(1, 4); i > 0; i--) this.#sendOne();
    if (random.chance(this.#world.amount("garbage") * 0.2)) this.#sendGarbage();
    if (random.chance(this.#world.amount("corruptBatch") * 0.05)) this.#sendCorrupt();
  }

  /** A burst of ends whose starts never come. */
  sendOrphans(count: number): void {
    for (let i = 0; i < count; i++) this.#send([this.#end(this.#newSession())]);
  }

  /** Ends these sessions; the devices had forgotten some of them. */
  endAll(sessions: Iterable<{ readonly device: string; readonly session: string }>): void {
    for (const { device, session } of sessions) {
      this.#send([this.#end({ device, session, isNumber: !session.startsWith("session") })]);
    }
    this.#open = [];
  }

  /** Starts a session on a shard, so that whoever believes to own it finds out. */
  startOnShard(shard: number): void {
    const shards = this.#world.owners.length;
    let device = "";
    for (let i = 0; device === "" || modelPartition(device, shards) !== shard; i++) {
      device = `probe-${this.#sessions}-${i}`;
    }
    const session = { device, session: String(++this.#sessions), isNumber: true };
    this.#open.push(session);
    this.#send([this.#start(session)]);
  }

  #sendOne(): void {
    const random = this.#random;
    const what = random.fraction();
    if (what < 0.08 && this.#recent.length > 0) return this.#send([random.pick(this.#recent)]);
    if (what < 0.1) return this.#send([this.#end(this.#newSession())]);
    if (what < 0.6 || this.#open.length === 0) return this.#sendStart();
    const [open] = this.#open.splice(random.int(0, this.#open.length - 1), 1);
    if (random.chance(0.85)) this.#send([this.#end(open!)]);
  }

  #sendStart(): void {
    const random = this.#random;
    const session = this.#newSession();
    if (random.chance(0.1)) {
      // The end overtakes its start.
      const both = [this.#end(session), this.#start(session)];
      if (random.chance(0.5)) this.#send(both);
      else for (const sent of both) this.#send([sent]);
      return;
    }
    this.#open.push(session);
    this.#send([this.#start(session)]);
  }

  #newSession(): { device: string; session: string; isNumber: boolean } {
    const number = ++this.#sessions;
    const device = this.#random.pick(this.#devices);
    const isNumber = this.#random.chance(0.6);
    const big = this.#random.chance(0.1);
    const session = isNumber ? `${big ? "9402035216" : ""}${number}` : `session-${number}`;
    return { device, session: big && isNumber ? `1${session}` : session, isNumber };
  }

  #start(of: { device: string; session: string; isNumber: boolean }): Sent {
    const random = this.#random;
    const accountId = random.chance(0.3) ? null : `account-${random.int(1, 9)}`;
    return this.#event("start", of, accountId, null);
  }

  #end(of: { device: string; session: string; isNumber: boolean }): Sent {
    const durationMs = this.#random.chance(0.5) ? null : this.#random.int(0, 600_000);
    return this.#event("end", of, null, durationMs);
  }

  #event(
    kind: "start" | "end",
    { device, session, isNumber }: { device: string; session: string; isNumber: boolean },
    accountId: string | null,
    durationMs: number | null,
  ): Sent {
    const random = this.#random;
    const trueMs = this.#world.trueMs();
    const isTimely = !random.chance(this.#world.amount("oddTimestamps") * 0.2);
    const recordTimestampMs = isTimely
      ? trueMs - 3 - (random.chance(0.2) ? random.int(0, 300) : 0)
      : random.pick([-1, -5000, trueMs + 5000, trueMs + 86_400_000]);
    const timestampMs = random.chance(0.2)
      ? null
      : recordTimestampMs < 0
      ? trueMs
      : recordTimestampMs + (random.chance(0.3) ? random.int(-800, 400) : 0);
    const record: SimulatedEvent = {
      kind,
      device,
      session,
      sessionIsNumber: isNumber,
      accountId,
      timestampMs,
      durationMs,
      recordTimestampMs,
      isTimely,
    };
    return { input: this.#encode(record), record };
  }

  #encode(event: SimulatedEvent): RecordInput {
    const plain = this.#world.scenario.inputLayout === "plain";
    const names = plain
      ? ["type", "deviceId", "sessionId", "accountId", "timestamp", "durationSeconds"]
      : ["eventId", "", "appSessionId", "psnAccountId", "timestamp", "totalFgTime"];
    const type = plain
      ? event.kind
      : event.kind === "start"
      ? "ApplicationSessionStart"
      : "ApplicationSessionEndBi";
    const id = event.sessionIsNumber ? event.session : JSON.stringify(event.session);
    const members = [
      `"${names[0]}":"${type}"`,
      // Which of the two names depends on the topic, and so on the partition.
      `${DEVICE_FIELD}:${JSON.stringify(event.device)}`,
      `"${names[2]}":${id}`,
      `"${names[3]}":${JSON.stringify(event.accountId)}`,
    ];
    if (event.timestampMs !== null) {
      const text = new Date(event.timestampMs).toISOString();
      members.push(`"${names[4]}":"${text}"`);
    }
    if (event.durationMs !== null) members.push(`"${names[5]}":${event.durationMs / 1000}`);
    const value = new TextEncoder().encode(`{${members.join(",")}}`);
    return { timestampMs: event.recordTimestampMs, key: null, value, headers: [] };
  }

  #sendGarbage(): void {
    const texts = ["{garbage", "", "[]", '{"type":7}', '{"type":"start","deviceId":""}', "null"];
    const text = this.#random.pick(texts);
    const isIgnored = this.#random.chance(0.2);
    const value = isIgnored ? null : new TextEncoder().encode(text);
    const record: SimulatedRecord = isIgnored ? { kind: "ignored" } : { kind: "garbage" };
    const input = { timestampMs: this.#world.trueMs(), key: null, value, headers: [] };
    this.#send([{ input, record }]);
  }

  #sendCorrupt(): void {
    const record = { kind: "corrupt" as const };
    const value = new TextEncoder().encode("lost");
    const input = { timestampMs: this.#world.trueMs(), key: null, value, headers: [] };
    const sent = { input, record };
    this.#send(Array.from({ length: this.#random.int(1, 3) }, () => sent));
  }

  /** Appends these as one batch, to any partition. */
  #send(sent: readonly Sent[]): void {
    const { input } = this.#world;
    const partition = this.#random.int(0, input.logs.length - 1);
    const offset = input.logs[partition]!.end;
    const records = sent.map(({ record }) => record);
    for (const record of records) {
      if (record.kind !== "start" && record.kind !== "end") continue;
      const { kind, device, session, recordTimestampMs } = record;
      this.#world.trace(`  ${kind} ${device} ${session} at ${recordTimestampMs} on ${partition}`);
    }
    for (const item of sent) {
      if (item.record.kind === "start" || item.record.kind === "end") this.#recent.push(item);
    }
    if (this.#recent.length > 20) this.#recent.splice(0, this.#recent.length - 20);
    this.#coverage.sent(partition, offset, records);
    input.append(partition, sent.map((item) => this.#named(item.input, partition)), records);
  }

  /** The device's field, as this partition's topic calls it. */
  #named(input: RecordInput, partition: number): RecordInput {
    if (input.value === null) return input;
    const { topic } = this.#world.input.names[partition]!;
    const field = topic === "events"
      ? "deviceId"
      : topic === "pc_sessions"
      ? "hostPcId"
      : "openPsid";
    const text = new TextDecoder().decode(input.value).replace(DEVICE_FIELD, `"${field}"`);
    return { ...input, value: new TextEncoder().encode(text) };
  }
}

const DEVICE_FIELD = '"device field"';

function deviceName(i: number, random: Random): string {
  switch (random.int(0, 5)) {
    case 0:
      return `device-${i}`;
    case 1:
      return `${"long-".repeat(random.int(10, 49))}${i}`;
    case 2:
      return `gerät-${i}-\u{1f3ae}"\\`;
    default:
      return random.uuid();
  }
}
