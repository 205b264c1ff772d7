/**
 * A run under abuse of the engine's HTTP port: halves without and with it in turn, so that what
 * drifts counts for both, and after that connections that are opened and held.
 */
import type {
  AbuserCommand,
  AbuserConfig,
  AbuseReport,
  HoldReport,
  ReleaseReport,
} from "./abuser.ts";
import { BenchProcess } from "./bench_process.ts";
import type { LoadPart } from "./latencies.ts";
import type { LoadOptions } from "./load_options.ts";
import { residentBytes, sampleUsage, usageBetween } from "./process_usage.ts";
import type { Quantiles } from "./quantiles.ts";
import { type Address, addressOf, exchange } from "./raw_http.ts";
import { openFiles } from "./resource_samples.ts";

export const QUIET = "quiet";
export const ABUSED = "abused";
export const HELD = "held";

/** CPU seconds in all parts of a name. */
export interface PartUsage {
  readonly seconds: number;
  readonly engine: number;
  readonly abuser: number;
}

export interface AbuseResult {
  readonly requests: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of the worst burst. */
  readonly slip: Quantiles;
  readonly quiet: PartUsage;
  readonly abused: PartUsage;
}

export interface HeldResult {
  readonly wanted: number;
  readonly opened: number;
  readonly openSeconds: number;
  /** Why not all could be opened; null: all were. */
  readonly failure: string | null;
  /** By the engine, before they were released. */
  readonly closedByEngine: number;
  /** Of the engine, in all and the most that were seen while they were held. */
  readonly openFilesMax: number;
  readonly openFilesLimit: number;
  readonly residentBytes: {
    readonly before: number;
    readonly most: number;
    readonly after: number;
  };
  /** Asked while they were opened and held; each `/livez` and the question about a device. */
  readonly probes: number;
  readonly probesFailed: number;
  readonly probeMaxMs: number;
  /** From the release until both were answered again. */
  readonly recoveredMs: number | null;
}

interface Segment {
  readonly isAbused: boolean;
  /** Since the schedule's first instant. */
  readonly fromMs: number;
  readonly toMs: number;
}

type Ready = { readonly kind: "ready" };

/** At least this long, so that a burst's own beginning and end weigh little. */
const SEGMENT_MS = 15_000;
/** What a burst leaves behind is over by then: requests are given up after two seconds. */
const SETTLE_MS = 2_500;
const HELD_MS = 10_000;
const AFTER_RELEASE_MS = 10_000;
const PROBE_INTERVAL_MS = 100;
const PROBE_LIMIT_MS = 2_000;

/** How much longer a run is for the connections that are held. */
export function heldMs(options: LoadOptions): number {
  return options.httpConnections === 0 ? 0 : HELD_MS + AFTER_RELEASE_MS;
}

/** The measured window in pairs of a quiet and an abused segment. */
export function abuseSegments(windowFromMs: number, windowToMs: number): Segment[] {
  const windowMs = windowToMs - windowFromMs;
  const count = 2 * Math.max(1, Math.floor(windowMs / SEGMENT_MS / 2));
  const at = (i: number) => windowFromMs + Math.round(windowMs * i / count);
  return Array.from({ length: count }, (_, i) => ({
    isAbused: i % 2 === 1,
    fromMs: at(i),
    toMs: at(i + 1),
  }));
}

/** What the analyser counts for itself. */
export function abuseParts(
  options: LoadOptions,
  { windowFromMs, windowToMs }: { windowFromMs: number; windowToMs: number },
): LoadPart[] {
  const parts: LoadPart[] = [];
  if (options.httpAbuse > 0) {
    for (const { isAbused, fromMs, toMs } of abuseSegments(windowFromMs, windowToMs)) {
      const settleMs = Math.min(SETTLE_MS, (toMs - fromMs) / 4);
      parts.push({ name: isAbused ? ABUSED : QUIET, fromMs: fromMs + settleMs, toMs });
    }
  }
  if (options.httpConnections > 0) {
    parts.push({ name: HELD, fromMs: windowToMs, toMs: windowToMs + heldMs(options) });
  }
  return parts;
}

export class HttpAbuse {
  readonly #options: LoadOptions;
  readonly #address: Address;
  readonly #token: string;
  readonly #enginePid: number;
  readonly #abuser: BenchProcess<AbuserCommand, Ready | AbuseReport | HoldReport | ReleaseReport>;

  /** @param address `host:port` of the engine. */
  constructor(options: LoadOptions, engine: { address: string; token: string; pid: number }) {
    this.#options = options;
    this.#address = addressOf(engine.address);
    this.#token = engine.token;
    this.#enginePid = engine.pid;
    const config: AbuserConfig = {
      address: engine.address,
      token: engine.token,
      requestsPerSecond: options.httpAbuse,
    };
    this.#abuser = new BenchProcess("abuser", "./abuser.ts", config, { givesWay: true });
  }

  get pid(): number {
    return this.#abuser.pid;
  }

  async ready(): Promise<void> {
    await this.#abuser.next("ready");
  }

  async end(): Promise<void> {
    await this.#abuser.end();
  }

  /** @param sleepUntil As long as the engine runs. */
  async abuse(
    fromMs: number,
    segments: readonly Segment[],
    sleepUntil: (ms: number) => Promise<void>,
  ): Promise<AbuseResult> {
    const usages = { quiet: emptyUsage(), abused: emptyUsage() };
    const outcomes: Record<string, number> = {};
    let requests = 0;
    let slip: Quantiles | null = null;
    for (const segment of segments) {
      const before = await this.#sample();
      if (segment.isAbused) {
        const span = { fromMs: fromMs + segment.fromMs, toMs: fromMs + segment.toMs };
        await this.#abuser.send({ do: "abuse", ...span });
      }
      await sleepUntil(fromMs + segment.toMs);
      const { seconds, processes } = usageBetween(before, await this.#sample());
      const usage = segment.isAbused ? usages.abused : usages.quiet;
      usage.seconds += seconds;
      usage.engine += processes.engine ?? 0;
      usage.abuser += processes.abuser ?? 0;
      if (!segment.isAbused) continue;
      const report = await this.#abuser.next("abused");
      requests += report.requests;
      for (const [outcome, count] of Object.entries(report.outcomes)) {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
      }
      if ((report.slip.p99 ?? 0) >= (slip?.p99 ?? 0)) slip = report.slip;
    }
    return { requests, outcomes, slip: slip!, ...usages };
  }

  async hold(): Promise<HeldResult> {
    const wanted = this.#options.httpConnections;
    const before = (await residentBytes(this.#enginePid)).now;
    const untilMs = performance.now() + HELD_MS;
    await this.#abuser.send({ do: "hold", connections: wanted });
    let report: HoldReport | null = null;
    const holding = this.#abuser.next("holding").then((holding) => report = holding);
    const seen = { most: before, openFilesMax: 0, probes: 0, probesFailed: 0, probeMaxMs: 0 };
    while (report === null || performance.now() < untilMs) {
      const tookMs = await this.#probe();
      seen.probes++;
      if (tookMs === null) seen.probesFailed++;
      else seen.probeMaxMs = Math.max(seen.probeMaxMs, tookMs);
      seen.most = Math.max(seen.most, (await residentBytes(this.#enginePid)).now);
      seen.openFilesMax = Math.max(seen.openFilesMax, await openFiles(this.#enginePid));
      await pause(PROBE_INTERVAL_MS);
    }
    const { opened, seconds, failure } = await holding;
    await this.#abuser.send({ do: "release" });
    const { closedBefore } = await this.#abuser.next("released");
    const recoveredMs = await this.#recovery();
    await pause(Math.max(0, AFTER_RELEASE_MS - (recoveredMs ?? 0)));
    return {
      wanted,
      opened,
      openSeconds: seconds,
      failure,
      closedByEngine: closedBefore,
      openFilesMax: seen.openFilesMax,
      openFilesLimit: await openFilesLimit(this.#enginePid),
      residentBytes: {
        before,
        most: seen.most,
        after: (await residentBytes(this.#enginePid)).now,
      },
      probes: seen.probes,
      probesFailed: seen.probesFailed,
      probeMaxMs: seen.probeMaxMs,
      recoveredMs,
    };
  }

  async #recovery(): Promise<number | null> {
    const startedMs = performance.now();
    while (performance.now() - startedMs < AFTER_RELEASE_MS) {
      if (await this.#probe() !== null) return performance.now() - startedMs;
      await pause(PROBE_INTERVAL_MS);
    }
    return null;
  }

  /** Milliseconds until `/livez` and a question about a device were answered; null: one was not. */
  async #probe(): Promise<number | null> {
    const startedMs = performance.now();
    const live = await this.#ask("/livez");
    const device = await this.#ask("/v1/devices/nobody");
    // The device has no session, which only the engine can know.
    return live === 200 && device === 404 ? performance.now() - startedMs : null;
  }

  async #ask(target: string): Promise<number | null> {
    const request = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
      `Authorization: Bearer ${this.#token}\r\nConnection: close\r\n\r\n`;
    const bytes = new TextEncoder().encode(request);
    return (await exchange(this.#address, bytes, PROBE_LIMIT_MS)).status;
  }

  async #sample(): Promise<Awaited<ReturnType<typeof sampleUsage>>> {
    return await sampleUsage({ engine: this.#enginePid, abuser: this.#abuser.pid });
  }
}

function emptyUsage(): { -readonly [Key in keyof PartUsage]: number } {
  return { seconds: 0, engine: 0, abuser: 0 };
}

async function openFilesLimit(pid: number): Promise<number> {
  const limits = await Deno.readTextFile(`/proc/${pid}/limits`).catch(() => "");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
