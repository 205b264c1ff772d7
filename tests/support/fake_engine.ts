import type {
  DeviceView,
  EngineQueries,
  IngestAnswer,
  IngestFormat,
} from "../../lib/ports/engine_queries.ts";
import { EngineMetrics } from "../../lib/telemetry/engine_metrics.ts";
import type { EngineStatus } from "../../lib/telemetry/engine_status.ts";

/** An engine that answers what the test set: a running one with two shards, unless changed. */
export class FakeEngine implements EngineQueries {
  readonly metrics: EngineMetrics = new EngineMetrics();
  readonly devices: Map<string, DeviceView> = new Map();
  readonly asked: { status: number; devices: string[] } = { status: 0, devices: [] };
  /** While true nothing is answered; `release` answers what is open. */
  silent = false;
  /** Thrown instead of any answer. */
  failure: Error | null = null;
  readonly #now: () => { monotonicMs: number; wallMs: number };
  readonly #open: (() => void)[] = [];

  constructor(now: () => { monotonicMs: number; wallMs: number }) {
    this.#now = now;
    const { metrics } = this;
    metrics.openInputs([{ topic: "events", partition: 0 }, { topic: "events", partition: 1 }]);
    metrics.openShards(2);
    metrics.shards.setState(0, "running");
    metrics.shards.setState(1, "running");
    metrics.inputs.reachable.fill(1);
    metrics.brokersReachable = true;
    metrics.started = true;
    metrics.phase = "running";
  }

  async status(): Promise<EngineStatus> {
    this.asked.status++;
    await this.#turn();
    return structuredClone(this.metrics.snapshot(this.#now()));
  }

  async device(deviceId: string): Promise<DeviceView | null> {
    this.asked.devices.push(deviceId);
    await this.#turn();
    return this.devices.get(deviceId) ?? null;
  }

  release(): void {
    this.silent = false;
    for (const answer of this.#open.splice(0)) answer();
  }

  async #turn(): Promise<void> {
    if (this.silent) await new Promise<void>((resolve) => this.#open.push(resolve));
    if (this.failure !== null) throw this.failure;
  }
}

/** The same, and it takes events: a body's lines that hold `bad` are rejected. */
export class FakeIngestEngine extends FakeEngine {
  readonly bodies: { text: string; format: IngestFormat }[] = [];

  ingest(body: Uint8Array, format: IngestFormat): Promise<IngestAnswer> {
    const text = new TextDecoder().decode(body);
    this.bodies.push({ text, format });
    const lines = format === "json" ? [text] : text.split("\n").filter((line) => line !== "");
    const rejected = lines.flatMap((line, i) =>
      line.includes("bad") ? [{ line: i + 1, reason: "not_json" as const, detail: "no JSON" }] : []
    );
    return Promise.resolve({ accepted: lines.length - rejected.length, ignored: 0, rejected });
  }
}
