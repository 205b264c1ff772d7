/**
 * The load, in a process of its own: an open loop. Events leave on their instants whatever the
 * broker or the engine do, are stamped with the instant at which they were meant to leave, and no
 * answer is waited for. How far it fell behind its own schedule is part of what it reports.
 *
 * It is started with a `GeneratorConfig` as its argument, says `{"kind":"ready"}`, waits for a line
 * `{"fromMs":…}` on stdin, and ends with a `GeneratorReport`.
 */
import { LatencyHistogram } from "../../../lib/telemetry/latency_histogram.ts";
import { BrokerConnection } from "./broker_connection.ts";
import { DeviceIds } from "./device_ids.ts";
import { EventBatches } from "./event_batches.ts";
import { type Quantiles, quantilesOf } from "./quantiles.ts";
import { readJsonLines, writeJsonLine } from "./json_lines.ts";
import { LoadSchedule, type ScheduleConfig, TICK_MS } from "./load_schedule.ts";
import { WallClock } from "./wall_clock.ts";

export interface GeneratorConfig {
  readonly broker: string;
  readonly topic: string;
  readonly partitions: number;
  readonly schedule: ScheduleConfig;
  /** How long after `fromMs` the last event is due. */
  readonly durationMs: number;
  /** False: as fast as the broker takes them, with their timestamps all the same (a backlog). */
  readonly paced: boolean;
}

export interface GeneratorReport {
  readonly kind: "report";
  readonly events: number;
  readonly requests: number;
  /** How long after its instant an event of the steady load was handed to the socket. */
  readonly slip: Quantiles;
  /** From then to the broker's acknowledgement. */
  readonly acknowledged: Quantiles;
  /** Batches that the broker refused, by its error code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Requests without an answer at the end. */
  readonly unanswered: number;
}

/** An unpaced run has at most this many requests unanswered. */
const UNPACED_REQUESTS_MAX = 4;
const UNPACED_EVENTS_A_REQUEST = 4_000;
/** `setTimeout` is up to 1.3 ms late; the rest of a wait is slept by `Atomics.wait`. */
const TIMER_LATE_MS = 1.5;

class Generator {
  readonly #config: GeneratorConfig;
  readonly #schedule: LoadSchedule;
  readonly #clock: WallClock;
  readonly #batches: EventBatches;
  readonly #slip = new LatencyHistogram();
  readonly #acknowledged = new LatencyHistogram();
  readonly #sentAtMs = new Map<number, number>();
  readonly #refused: Record<string, number> = {};
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #connection!: BrokerConnection;
  #requests = 0;
  #events = 0;
  #preloaded = 0;
  #starts = 0;
  #ends = 0;

  constructor(config: GeneratorConfig, clock: WallClock, fromMs: number) {
    this.#config = config;
    this.#clock = clock;
    this.#schedule = new LoadSchedule(config.schedule, fromMs);
    const ids = new DeviceIds(config.schedule.seed);
    this.#batches = new EventBatches(ids, config.topic, config.partitions);
  }

  async run(): Promise<GeneratorReport> {
    this.#connection = await BrokerConnection.connect(
      this.#config.broker,
      (answer) => this.#takeAnswer(answer),
    );
    await Promise.race([this.#sendAll(), this.#connection.failed]);
    const deadlineMs = this.#clock.nowMs() + 10_000;
    while (this.#sentAtMs.size > 0 && this.#clock.nowMs() < deadlineMs) await pause(10);
    const unanswered = this.#sentAtMs.size;
    this.#connection.close();
    return {
      kind: "report",
      events: this.#events,
      requests: this.#requests,
      slip: quantilesOf(this.#slip),
      acknowledged: quantilesOf(this.#acknowledged),
      refused: this.#refused,
      unanswered,
    };
  }

  async #sendAll(): Promise<void> {
    const { durationMs, paced } = this.#config;
    const { fromMs } = this.#schedule;
    for (let sinceMs = TICK_MS; sinceMs <= durationMs; sinceMs += TICK_MS) {
      const instantMs = fromMs + sinceMs;
      if (paced) await this.#waitFor(instantMs);
      this.#addDue(instantMs);
      if (!paced && this.#batches.count < UNPACED_EVENTS_A_REQUEST && sinceMs < durationMs) {
        continue;
      }
      this.#send(instantMs);
      while (!paced && this.#sentAtMs.size >= UNPACED_REQUESTS_MAX) await pause(0);
    }
  }

  /** Waits for the instant; answers are taken meanwhile. */
  async #waitFor(instantMs: number): Promise<void> {
    const untilMs = instantMs - this.#clock.nowMs();
    // Also when late: what came in wants to be looked at once a tick.
    await pause(Math.max(0, Math.floor(untilMs - TIMER_LATE_MS)));
    const restMs = instantMs - this.#clock.nowMs();
    if (restMs > 0) Atomics.wait(this.#sleeper, 0, 0, restMs);
  }

  #addDue(instantMs: number): void {
    const schedule = this.#schedule;
    for (const to = schedule.preloadedBy(instantMs); this.#preloaded < to; this.#preloaded++) {
      this.#batches.addStart(this.#preloaded, schedule.startMs(this.#preloaded));
    }
    const { sessions } = this.#config.schedule;
    const starts = schedule.startsBy(instantMs);
    const ends = schedule.endsBy(instantMs);
    // All of a tick carry its instant; unpaced, several ticks make one request.
    for (; this.#starts < starts; this.#starts++) {
      this.#batches.addStart(sessions + this.#starts, instantMs);
    }
    for (; this.#ends < ends; this.#ends++) {
      const n = schedule.endedSession(this.#ends);
      this.#batches.addEnd(n, instantMs, instantMs - schedule.startMs(n));
    }
  }

  #send(instantMs: number): void {
    const events = this.#batches.count;
    const frame = this.#batches.takeRequest(this.#requests);
    if (frame === null) return;
    this.#connection.send(frame);
    const nowMs = this.#clock.nowMs();
    this.#sentAtMs.set(this.#requests++, nowMs);
    this.#events += events;
    if (instantMs > this.#schedule.steadyFromMs) this.#slip.record(nowMs - instantMs, events);
  }

  #takeAnswer(answer: Uint8Array): void {
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    const id = view.getInt32(0);
    const sentAtMs = this.#sentAtMs.get(id);
    if (sentAtMs !== undefined) this.#acknowledged.record(this.#clock.nowMs() - sentAtMs);
    this.#sentAtMs.delete(id);
    const topicLength = view.getInt16(8);
    let at = 10 + topicLength;
    const partitions = view.getInt32(at);
    at += 4;
    for (let i = 0; i < partitions; i++, at += 30) {
      const error = view.getInt16(at + 4);
      if (error !== 0) this.#refused[error] = (this.#refused[error] ?? 0) + 1;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  const config: GeneratorConfig = JSON.parse(Deno.args[0]!);
  const clock = new WallClock();
  writeJsonLine({ kind: "ready" });
  for await (const { fromMs } of readJsonLines<{ fromMs: number }>(Deno.stdin.readable)) {
    writeJsonLine(await new Generator(config, clock, fromMs).run());
    break;
  }
  Deno.exit(0);
}
