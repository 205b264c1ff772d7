/**
 * A small program with the engine's command line, for the tests of the bench: it knows enough of
 * the contract to pass for an engine with a few hundred sessions, and is told to make mistakes by
 * the setting `stand-in.fault`. Plain maps and one timer per session; nothing here is fast.
 */
import { encodeRecordBatch, type RecordInput } from "../../../lib/core/record_batch_encoder.ts";
import { RecordBatchReader } from "../../../lib/core/record_batch_reader.ts";
import { partitionOf } from "../../../lib/core/murmur2.ts";
import { fetchRecordSets, produceBatch } from "../../support/kafka/topics.ts";

interface Event {
  readonly type: "start" | "end";
  readonly deviceId: string;
  readonly sessionId: number;
  readonly accountId: string;
  readonly timestamp: string;
  readonly durationSeconds?: number;
}

interface Session {
  readonly start: Event;
  readonly startedAt: number;
  readonly orderKey: number;
  /** Of the last record. */
  seq: number;
}

const MAX_DURATION_MS = 1_800_000;

class StandIn {
  readonly #broker: string;
  readonly #input: string;
  readonly #output: string;
  readonly #heartbeatMs: number;
  readonly #fault: string;
  readonly #partitions: number;
  readonly #sessions = new Map<string, Session>();
  readonly #offsets: number[];
  #pending: { partition: number; record: RecordInput }[] = [];
  #heartbeats = 0;
  #isFaultDone = false;

  constructor(settings: ReadonlyMap<string, string>) {
    this.#broker = settings.get("kafka.brokers")!;
    this.#input = settings.get("input.topics")!;
    this.#output = settings.get("output.topic")!;
    this.#heartbeatMs = parseInt(settings.get("session.heartbeatInterval")!);
    this.#fault = settings.get("stand-in.fault") ?? "";
    this.#partitions = Number(settings.get("stand-in.partitions"));
    this.#offsets = Array.from({ length: this.#partitions }, () => 0);
  }

  async run(): Promise<never> {
    while (true) {
      for (let partition = 0; partition < this.#partitions; partition++) {
        await this.#read(partition);
      }
      this.#beat(Date.now());
      await this.#flush();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #read(partition: number): Promise<void> {
    const reader = new RecordBatchReader({
      decompress: (_codec, bytes) => bytes,
      decompressedBytesMax: 1,
    });
    const from = this.#offsets[partition]!;
    for (const set of await fetchRecordSets(this.#broker, this.#input, { partition, from })) {
      reader.reset(set);
      while (reader.nextBatch()) {
        while (reader.nextRecord()) {
          if (reader.offset < this.#offsets[partition]!) continue;
          this.#offsets[partition] = reader.offset + 1;
          const text = reader.bytes.subarray(reader.valueFrom, reader.valueTo);
          this.#apply(JSON.parse(new TextDecoder().decode(text)), reader.timestampMs);
        }
      }
    }
  }

  #apply(event: Event, atMs: number): void {
    const known = this.#sessions.get(event.deviceId);
    if (event.type === "start") {
      if (known !== undefined) return;
      const orderKey = Math.min(Date.parse(event.timestamp), atMs);
      const session = { start: event, startedAt: atMs, orderKey, seq: 0 };
      this.#sessions.set(event.deviceId, session);
      this.#write(session, { status: "SessionStart", reason: null, at: atMs, sourceMs: atMs });
    } else if (known !== undefined) {
      this.#beatSession(known, atMs);
      this.#sessions.delete(event.deviceId);
      known.seq++;
      this.#write(known, {
        status: "SessionEnd",
        reason: "ended",
        at: atMs,
        sourceMs: atMs,
        reportedMs: event.durationSeconds! * 1000,
      });
    }
  }

  #beat(toMs: number): void {
    for (const session of this.#sessions.values()) this.#beatSession(session, toMs);
  }

  /** Writes each heartbeat that is due; on a busy machine none is left out (`missed: all`). */
  #beatSession(session: Session, toMs: number): void {
    const { startedAt } = session;
    while (true) {
      const at = startedAt + (session.seq + 1) * this.#heartbeatMs;
      if (at > toMs) return;
      session.seq++;
      this.#write(session, { status: "SessionHeartbeat", reason: null, at, sourceMs: startedAt });
    }
  }

  #write(
    session: Session,
    what: {
      status: string;
      reason: string | null;
      at: number;
      sourceMs: number;
      reportedMs?: number;
    },
  ): void {
    const { start, startedAt, orderKey, seq } = session;
    const nextAt = Math.min(what.at + this.#heartbeatMs, startedAt + MAX_DURATION_MS);
    const iso = (ms: number) => new Date(ms).toISOString();
    const emittedAt = Date.now();
    const value = {
      deviceId: start.deviceId,
      sessionId: start.sessionId,
      accountId: start.accountId,
      status: what.status,
      reason: what.reason,
      seq,
      startedAt: iso(startedAt),
      timestamp: orderKey === startedAt ? null : iso(orderKey),
      at: iso(what.at),
      durationMs: what.at - startedAt,
      reportedDurationMs: what.reportedMs ?? null,
      nextAt: what.status === "SessionEnd" ? null : iso(nextAt),
      sourceTimestamp: iso(what.sourceMs),
      emittedAt: iso(emittedAt),
    };
    const key = new TextEncoder().encode(start.deviceId);
    const partition = partitionOf(key, 0, key.length, this.#partitions);
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const record: RecordInput = { timestampMs: emittedAt, key, value: bytes, headers: [] };
    const isHeartbeat = what.status === "SessionHeartbeat";
    if (isHeartbeat && ++this.#heartbeats === 170 && !this.#isFaultDone) {
      this.#isFaultDone = true;
      if (this.#fault === "lose") return;
      if (this.#fault === "repeat") this.#pending.push({ partition, record });
    }
    this.#pending.push({ partition, record });
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    for (let partition = 0; partition < this.#partitions; partition++) {
      const records = pending.filter((one) => one.partition === partition)
        .map(({ record }) => record);
      if (records.length === 0) continue;
      const batch = encodeRecordBatch({
        baseOffset: 0,
        producerId: -1,
        epoch: -1,
        baseSequence: -1,
        records,
      });
      const { error } = await produceBatch(this.#broker, this.#output, batch, { partition });
      if (error !== 0) throw new Error(`Cannot write: error ${error}`);
    }
  }
}

if (import.meta.main) {
  const settings = new Map(
    Deno.args.filter((arg) => arg.includes("=")).map((setting) => {
      const at = setting.indexOf("=");
      return [setting.slice(0, at), setting.slice(at + 1)] as const;
    }),
  );
  const address = settings.get("http.address")!;
  const colon = address.lastIndexOf(":");
  Deno.serve({
    hostname: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    onListen: () => {},
  }, ({ url }) => new Response("ok", { status: url.includes("/v1/devices/") ? 404 : 200 }));
  await new StandIn(settings).run();
}
