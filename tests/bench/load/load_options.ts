import { parseFlags, positiveNumber, UsageError, wholeNumber } from "../../support/command_line.ts";

export interface LoadOptions {
  /** Active sessions. */
  readonly sessions: number;
  /** Starts and ends together, a minute. */
  readonly rate: number;
  readonly minutes: number;
  readonly warmupSeconds: number;
  readonly partitions: number;
  readonly heartbeatMs: number;
  readonly seed: number;
  /** `host:port` of a broker that runs already; null: one is started. */
  readonly broker: string | null;
  /** The engine's program; null: the compiled one if it is there, else from source. */
  readonly engine: string | null;
  /** More `--set key=value` for the engine. */
  readonly settings: readonly string[];
  /** The engine's collector tells of each collection; a compiled program cannot be told to. */
  readonly traceGc: boolean;
  readonly logAppendTime: boolean;
  readonly segmentBytes: number;
  readonly retentionBytes: number;
  readonly fetchIntervalMs: number;
  readonly mode: "steady" | "restart-kill" | "restart-clean" | "catch-up";
  /** Of `catch-up`: events of the backlog, and the minutes that its timestamps cover. */
  readonly backlogEvents: number;
  readonly backlogMinutes: number;
  /** Abusive requests a second against the engine's HTTP port, in every other part of the run; 0: none. */
  readonly httpAbuse: number;
  /** Opened and held against it after the measured time; 0: none. */
  readonly httpConnections: number;
  readonly reportFile: string | null;
  readonly jsonFile: string | null;
}

export const USAGE = `deno task bench:load [options]

  --sessions N          active sessions (50000)
  --rate R              starts and ends a minute, together (sessions / 8: sessions live 16 min)
  --minutes M           measured (2)
  --warmup SECONDS      steady load before that, not measured (40)
  --partitions P        of input and output topic each (16)
  --heartbeat SECONDS   heartbeat interval (30)
  --seed S              (1)
  --brokers HOST:PORT   a broker that runs already, alone in its cluster (else one is started)
  --engine PATH         program to measure (dist/sessionwheel, or from source); .ts is run by deno
  --set KEY=VALUE       a setting for the engine, repeatable
  --trace-gc            the pauses of the collector, with the engine run from source
  --log-append-time     on the output topic: measures L2
  --segment-mb MB       segments of the topics (1024, as Kafka has it)
  --retention-mb MB     retention of a partition (1024)
  --fetch-interval MS   of the analyser, from one fetch to the next (5)
  --restart-kill        kill -9 after the measured time, then start again
  --restart-clean       the same with an orderly stop
  --catch-up N          a backlog of N events first, then the engine
  --backlog MINUTES     that the backlog's timestamps cover (5)
  --http-abuse R        R bad HTTP requests a second, in every other 15 s of the measured time
  --http-connections N  N connections opened and held for 10 s after the measured time
  --report FILE         Markdown
  --json FILE           everything
`;

const FLAGS = {
  "sessions": { type: "string", default: "50000" },
  "rate": { type: "string" },
  "minutes": { type: "string", default: "2" },
  "warmup": { type: "string", default: "40" },
  "partitions": { type: "string", default: "16" },
  "heartbeat": { type: "string", default: "30" },
  "seed": { type: "string", default: "1" },
  "brokers": { type: "string" },
  "engine": { type: "string" },
  "set": { type: "string", multiple: true },
  "trace-gc": { type: "boolean", default: false },
  "log-append-time": { type: "boolean", default: false },
  "segment-mb": { type: "string", default: "1024" },
  "retention-mb": { type: "string", default: "1024" },
  "fetch-interval": { type: "string", default: "5" },
  "restart-kill": { type: "boolean", default: false },
  "restart-clean": { type: "boolean", default: false },
  "catch-up": { type: "string" },
  "backlog": { type: "string", default: "5" },
  "http-abuse": { type: "string", default: "0" },
  "http-connections": { type: "string", default: "0" },
  "report": { type: "string" },
  "json": { type: "string" },
} as const;

/** @throws UsageError */
export function parseLoadOptions(args: readonly string[]): LoadOptions {
  const values = parseFlags(args, FLAGS);
  const modes = (["restart-kill", "restart-clean", "catch-up"] as const)
    .filter((mode) => values[mode] !== false && values[mode] !== undefined);
  if (modes.length > 1) {
    throw new UsageError(`--${modes.join(" and --")} are runs of their own`);
  }
  const httpAbuse = wholeNumber("http-abuse", values["http-abuse"], 0, 100_000);
  const httpConnections = wholeNumber("http-connections", values["http-connections"], 0, 60_000);
  if (modes.length > 0 && httpAbuse + httpConnections > 0) {
    throw new UsageError(`--${modes[0]} and abuse of HTTP are runs of their own`);
  }
  const { engine } = values;
  if (values["trace-gc"] && engine !== undefined && !engine.endsWith(".ts")) {
    throw new UsageError(`--trace-gc needs an engine that is run from source, not ${engine}`);
  }
  const sessions = wholeNumber("sessions", values.sessions, 1, 20_000_000);
  const backlogEvents = values["catch-up"] === undefined
    ? 0
    : wholeNumber("catch-up", values["catch-up"], 1, 100_000_000);
  return {
    sessions,
    rate: values.rate === undefined
      ? Math.max(2, Math.round(sessions / 8))
      : wholeNumber("rate", values.rate, 1, 60_000_000),
    minutes: positiveNumber("minutes", values.minutes),
    warmupSeconds: positiveNumber("warmup", values.warmup),
    partitions: wholeNumber("partitions", values.partitions, 1, 255),
    // A tick of the schedule has to fit it.
    heartbeatMs: Math.round(positiveNumber("heartbeat", values.heartbeat) * 200) * 5,
    seed: wholeNumber("seed", values.seed, 0, 2 ** 31 - 1),
    broker: values.brokers ?? null,
    engine: engine ?? null,
    settings: values.set ?? [],
    traceGc: values["trace-gc"],
    logAppendTime: values["log-append-time"],
    segmentBytes: wholeNumber("segment-mb", values["segment-mb"], 1, 1024) << 20,
    retentionBytes: wholeNumber("retention-mb", values["retention-mb"], 1, 1 << 20) * 2 ** 20,
    fetchIntervalMs: wholeNumber("fetch-interval", values["fetch-interval"], 0, 10_000),
    mode: modes[0] ?? "steady",
    backlogEvents,
    backlogMinutes: positiveNumber("backlog", values.backlog),
    httpAbuse,
    httpConnections,
    reportFile: values.report ?? null,
    jsonFile: values.json ?? null,
  };
}
