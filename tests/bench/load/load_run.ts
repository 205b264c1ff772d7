/**
 * One run: broker, topics, engine, generator and analyser, the phases one after the other, and
 * everything ended again, however it goes.
 *
 * ```
 * steady         engine ─ preload (one heartbeat interval) ─ warm-up ─ measured ─ check
 * restart-kill   the same, then kill -9, engine again, and the load goes on for a while ─ check
 * restart-clean  the same with an orderly stop
 * catch-up       backlog ─ engine ─ until every Start and End was seen ─ check
 * ```
 */
import { startBroker, type TestBroker } from "../../support/kafka/broker.ts";
import { createTopic, uniqueTopic } from "../../support/kafka/topics.ts";
import type {
  AnalyserCommand,
  AnalyserConfig,
  AnalyserProgress,
  AnalyserReport,
} from "./analyser.ts";
import { BenchProcess } from "./bench_process.ts";
import { readCollectorTrace } from "./collector_trace.ts";
import { EngineProcess } from "./engine_process.ts";
import type { GeneratorConfig, GeneratorReport } from "./generator.ts";
import { type AbuseResult, abuseSegments, HttpAbuse } from "./http_abuse.ts";
import type { LoadOptions } from "./load_options.ts";
import {
  type CatchUp,
  disturbances,
  engineFaults,
  type EngineMemory,
  type LoadResult,
  type Restart,
  voidReasons,
} from "./load_result.ts";
import { type Timeline, timelineOf } from "./load_timeline.ts";
import { describeMachine } from "./machine.ts";
import { residentBytes, sampleUsage, usageBetween, type UsageSample } from "./process_usage.ts";
import { ResourceSampler, summarizeResources } from "./resource_samples.ts";

type Ready = { readonly kind: "ready" };
type Failed = { readonly kind: "failed"; readonly message: string };
type Generator = BenchProcess<{ fromMs: number }, Ready | GeneratorReport>;
type Analyser = BenchProcess<AnalyserCommand, Ready | Failed | AnalyserProgress | AnalyserReport>;

/** From "go" to the first event: everybody is there by then. */
const LEAD_MS = 1_000;
/** How long what is due may be awaited before it counts as missing. */
const FINISH_TIMEOUT_MS = 60_000;
const CATCH_UP_TIMEOUT_MS = 900_000;
const HTTP_TOKEN = "6f1c9ce4-9a06-4a5c-a5b5-f9f1c0a2d7f3";
/** A scrape of the engine costs it a millisecond or two. */
const RESOURCE_SAMPLE_MAX_MS = 10_000;
/** Kafka's own numbers of threads, where the brokers of tests have fewer. */
const MEASURED_BROKER = {
  "num.network.threads": "3",
  "num.io.threads": "8",
  "log.retention.check.interval.ms": "5000",
};

/** When the engine was told to end, and when it was started again, epoch milliseconds. */
interface EngineEnd {
  readonly endMs: number;
  readonly startMs: number;
}

export class LoadRun {
  readonly #options: LoadOptions;
  readonly #say: (line: string) => void;
  readonly #timeline: Timeline;
  readonly #startedAt = new Date().toISOString();
  #folder = "";
  #broker: TestBroker | null = null;
  #address = "";
  #engine!: EngineProcess;
  #generator!: Generator;
  #analyser!: Analyser;
  #abuser: HttpAbuse | null = null;
  #progress: AnalyserProgress | null = null;

  constructor(options: LoadOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#timeline = timelineOf(options);
  }

  /** @throws Error when a part of it fails; everything is ended by then. */
  async run(): Promise<LoadResult> {
    this.#folder = await Deno.makeTempDir({ prefix: "sessionwheel-load-" });
    try {
      await this.#prepare();
      return this.#options.mode === "catch-up" ? await this.#catchUp() : await this.#steady();
    } finally {
      await this.close();
    }
  }

  /** Ends all processes and removes what they wrote. */
  async close(): Promise<void> {
    await this.#analyser?.end();
    await this.#generator?.end();
    await this.#abuser?.end();
    await this.#engine?.kill9();
    await this.#broker?.stop();
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }

  async #prepare(): Promise<void> {
    const options = this.#options;
    if (options.broker === null) {
      this.#say("starting a broker");
      this.#broker = await startBroker({
        jvm: "measured",
        properties: MEASURED_BROKER,
      });
    }
    const address = options.broker ?? this.#broker!.bootstrap;
    this.#address = address;
    const input = uniqueTopic("load-events");
    const output = uniqueTopic("load-sessions");
    const deadLetters = uniqueTopic("load-dlq");
    const { partitions } = options;
    const sizes = { "segment.bytes": String(options.segmentBytes) };
    const retention = { ...sizes, "retention.bytes": String(options.retentionBytes) };
    // A backlog has to be there until it is read.
    const ofInput = options.mode === "catch-up" ? sizes : retention;
    const timestamps = options.logAppendTime ? "LogAppendTime" : "CreateTime";
    const ofOutput = { ...retention, "message.timestamp.type": timestamps };
    await createTopic(address, input, { partitions, config: ofInput });
    await createTopic(address, output, { partitions, config: ofOutput });
    await createTopic(address, deadLetters);
    // With a token most of what is tried has to be refused for want of it.
    const tokenFile = `${this.#folder}/http-token`;
    await Deno.writeTextFile(tokenFile, HTTP_TOKEN);
    const isAbused = options.httpAbuse + options.httpConnections > 0;
    this.#engine = new EngineProcess({
      program: options.engine,
      traceGc: options.traceGc,
      logFile: `${this.#folder}/engine.log`,
      settings: [
        `kafka.brokers=${address}`,
        `input.topics=${input}`,
        `output.topic=${output}`,
        `deadLetters.topic=${deadLetters}`,
        `state.dir=${this.#folder}/state`,
        `session.heartbeatInterval=${options.heartbeatMs}ms`,
        `app.id=load-${Deno.pid}`,
        ...(isAbused ? [`http.tokenFile=${tokenFile}`] : []),
        ...options.settings,
      ],
    });
    const { schedule, durationMs, windowFromMs, windowToMs, parts } = this.#timeline;
    const paced = options.mode !== "catch-up";
    const generatorConfig: GeneratorConfig = {
      broker: address,
      topic: input,
      partitions,
      schedule,
      durationMs,
      paced,
    };
    const rules = { heartbeatIntervalMs: options.heartbeatMs, maxDurationMs: 1_800_000 };
    const analyserConfig: AnalyserConfig = {
      broker: address,
      topic: output,
      partitions,
      schedule,
      durationMs,
      rules,
      windowFromMs,
      windowToMs,
      parts,
      fetchIntervalMs: options.fetchIntervalMs,
    };
    this.#generator = new BenchProcess("generator", "./generator.ts", generatorConfig);
    this.#analyser = new BenchProcess("analyser", "./analyser.ts", analyserConfig);
    await this.#generator.next("ready");
    await this.#analyser.next("ready");
  }

  async #steady(): Promise<LoadResult> {
    const options = this.#options;
    await this.#startEngine();
    const emptyBytes = (await residentBytes(this.#engine.pid)).now;
    const fromMs = Math.ceil(Date.now() / 1000) * 1000 + LEAD_MS;
    await this.#generator.send({ fromMs });
    await this.#analyser.send({ do: "go", fromMs });
    const { windowFromMs, windowToMs, durationMs, schedule } = this.#timeline;
    this.#say(`preloading ${options.sessions} sessions for ${schedule.preloadMs / 1000} s`);
    const generated = this.#generator.next("report");
    await this.#sleepUntil(fromMs + schedule.preloadMs);
    this.#say(`warming up for ${options.warmupSeconds} s`);
    await this.#sleepUntil(fromMs + windowFromMs);
    this.#say(`measuring for ${options.minutes} min`);
    const before = await this.#sample();
    const logBefore = (await this.#engine.log()).length;
    const sampler = this.#sampleResources();
    const abuse = await this.#abuseHttp(fromMs);
    await this.#sleepUntil(fromMs + windowToMs);
    const usage = usageBetween(before, await this.#sample());
    const resources = summarizeResources(await sampler.stop());
    const log = await this.#engine.log(logBefore);
    const collector = options.traceGc ? readCollectorTrace(log.split("\n")) : null;
    const { now, peak } = await residentBytes(this.#engine.pid);
    const memory: EngineMemory = { empty: emptyBytes, loaded: now, peak };
    const held = options.httpConnections > 0 ? await this.#abuser!.hold() : null;
    const ended = await this.#restartIfAsked();
    const generator = await generated;
    const analyser = await this.#finish(fromMs + durationMs);
    const restart = ended === null ? null : restartOf(analyser, ended);
    const found = {
      generator,
      analyser,
      usage,
      memory,
      resources,
      collector,
      restart,
      abuse,
      held,
      catchUp: null,
    };
    return await this.#result(found);
  }

  async #catchUp(): Promise<LoadResult> {
    const { durationMs } = this.#timeline;
    const { backlogEvents } = this.#options;
    const fromMs = Math.floor(Date.now() / 1000) * 1000 - durationMs - LEAD_MS;
    this.#say(`preparing a backlog of ${backlogEvents} events`);
    await this.#generator.send({ fromMs });
    await this.#analyser.send({ do: "go", fromMs });
    const generator = await this.#generator.next("report");
    const before = await this.#sample();
    const startedMs = Date.now();
    await this.#startEngine();
    const emptyBytes = (await residentBytes(this.#engine.pid)).now;
    this.#say("catching up");
    const deadlineMs = Date.now() + CATCH_UP_TIMEOUT_MS;
    let seen = 0;
    while (seen < generator.events && Date.now() < deadlineMs) {
      const { starts, ends } = await this.#analyser.next("progress");
      seen = starts + ends;
    }
    const usage = usageBetween(before, await this.#sample());
    const { now, peak } = await residentBytes(this.#engine.pid);
    const analyser = await this.#finish(Date.now());
    const { firstSeenMs, lastChangeSeenMs } = analyser;
    const seconds = ((lastChangeSeenMs ?? NaN) - (firstSeenMs ?? NaN)) / 1000;
    const catchUp: CatchUp = {
      events: seen,
      seconds,
      secondsToFirst: ((firstSeenMs ?? NaN) - startedMs) / 1000,
      eventsPerSecond: seen / seconds,
    };
    const memory: EngineMemory = { empty: emptyBytes, loaded: now, peak };
    const nothing = { resources: null, collector: null, restart: null, abuse: null, held: null };
    return await this.#result({ generator, analyser, usage, memory, catchUp, ...nothing });
  }

  async #startEngine(): Promise<void> {
    this.#say(`starting the engine (${this.#engine.description})`);
    this.#engine.start();
    await this.#engine.ready();
    const { httpAbuse, httpConnections } = this.#options;
    if (httpAbuse + httpConnections === 0) return;
    const { address, pid } = this.#engine;
    this.#abuser = new HttpAbuse(this.#options, { address, pid, token: HTTP_TOKEN });
    await this.#abuser.ready();
  }

  /** In the measured window; null where none was asked for. */
  async #abuseHttp(fromMs: number): Promise<AbuseResult | null> {
    if (this.#abuser === null || this.#options.httpAbuse === 0) return null;
    const { windowFromMs, windowToMs } = this.#timeline;
    const segments = abuseSegments(windowFromMs, windowToMs);
    return await this.#abuser.abuse(fromMs, segments, (ms) => this.#sleepUntil(ms));
  }

  async #restartIfAsked(): Promise<EngineEnd | null> {
    const { mode } = this.#options;
    if (mode === "steady") return null;
    const isKill = mode === "restart-kill";
    this.#say(`${isKill ? "kill -9" : "an orderly stop"}, and the engine again`);
    const endMs = Date.now();
    await this.#analyser.send({ do: "killed", atMs: endMs });
    if (isKill) await this.#engine.kill9();
    else await this.#engine.stop();
    const startMs = Date.now();
    this.#engine.start();
    await this.#engine.ready();
    return { endMs, startMs };
  }

  async #finish(dueMs: number): Promise<AnalyserReport> {
    this.#say("checking that nothing is missing");
    await this.#analyser.send({ do: "finish", dueMs, timeoutMs: FINISH_TIMEOUT_MS });
    return await this.#analyser.next("report");
  }

  async #result(
    found: Pick<
      LoadResult,
      | "generator"
      | "analyser"
      | "usage"
      | "memory"
      | "resources"
      | "collector"
      | "restart"
      | "catchUp"
      | "abuse"
      | "held"
    >,
  ): Promise<LoadResult> {
    const { analyser, generator, usage } = found;
    return {
      startedAt: this.#startedAt,
      options: this.#options,
      engine: this.#engine.description,
      machine: await describeMachine({
        engine: await this.#engine.build(),
        ownBroker: this.#broker !== null,
      }),
      activeSessions: analyser.starts - analyser.ends,
      voidBecause: voidReasons(generator, this.#options),
      faults: engineFaults(analyser, this.#options),
      disturbances: disturbances(usage),
      ...found,
    };
  }

  async #sample(): Promise<UsageSample> {
    return await sampleUsage({
      engine: this.#engine.pid,
      broker: this.#broker?.pid ?? 0,
      generator: this.#generator.pid,
      analyser: this.#analyser.pid,
      ...(this.#abuser === null ? {} : { abuser: this.#abuser.pid }),
      coordinator: Deno.pid,
    });
  }

  #sampleResources(): ResourceSampler {
    const { minutes } = this.#options;
    const intervalMs = Math.min(RESOURCE_SAMPLE_MAX_MS, Math.max(1_000, minutes * 60_000 / 100));
    return new ResourceSampler(this.#engine.pid, intervalMs, () => this.#engine.metrics());
  }

  async #sleepUntil(ms: number): Promise<void> {
    for (let leftMs = ms - Date.now(); leftMs > 0; leftMs = ms - Date.now()) {
      await this.#engine.assertRunning();
      await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, 1000)));
    }
  }
}

function restartOf({ takeOver }: AnalyserReport, { endMs, startMs }: EngineEnd): Restart {
  const since = (ms: number | null | undefined) => typeof ms === "number" ? ms - startMs : null;
  const first = takeOver?.firstAfterMs ?? null;
  const last = takeOver?.lastBeforeMs ?? null;
  return {
    stopMs: startMs - endMs,
    firstBatchMs: since(first),
    everyShardMs: since(takeOver?.everyShardMs),
    silentMs: first === null || last === null ? null : first - last,
  };
}
