/** Where the Kafka adapters say what happens; the program's logger fits. */
export interface KafkaLog {
  (level: KafkaLogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export type KafkaLogLevel = "debug" | "info" | "warn" | "error";

/**
 * Lets a message through once per interval and counts what it holds back, so that a cluster that is
 * away writes a line now and then instead of thousands. Messages are told apart by `key`.
 */
export class LogLimiter {
  readonly #log: KafkaLog;
  readonly #nowMs: () => number;
  readonly #intervalMs: number;
  readonly #seen = new Map<string, { atMs: number; heldBack: number }>();

  constructor(log: KafkaLog, nowMs: () => number, intervalMs = 30_000) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#intervalMs = intervalMs;
  }

  write(
    level: KafkaLogLevel,
    key: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    const now = this.#nowMs();
    const seen = this.#seen.get(key);
    if (seen !== undefined && now - seen.atMs < this.#intervalMs) {
      seen.heldBack += 1;
      return;
    }
    // Keys are made of topic, partition and error name; the bound is for what we did not foresee.
    if (this.#seen.size >= KEYS_MAX) this.#seen.clear();
    this.#seen.set(key, { atMs: now, heldBack: 0 });
    const heldBack = seen?.heldBack ?? 0;
    this.#log(level, message, heldBack > 0 ? { ...fields, repeated: heldBack } : fields);
  }
}

const KEYS_MAX = 1_000;

/** What kafkajs's `logCreator` is called with for each line. */
export interface KafkajsLogEntry {
  readonly namespace: string;
  readonly level: number;
  readonly log: Readonly<Record<string, unknown>>;
}

/**
 * kafkajs's lines in our log. Only a closed set of fields passes, so that no credential and no
 * buffer can; its errors become warnings, since we retry what it gives up.
 */
export function kafkajsLogCreator(limiter: LogLimiter): () => (entry: KafkajsLogEntry) => void {
  return () => (entry) => {
    const message = String(entry.log["message"] ?? "");
    const broker = entry.log["broker"];
    limiter.write(
      entry.level <= KAFKAJS_LEVEL_WARN ? "warn" : "debug",
      `kafkajs ${entry.namespace} ${message} ${String(broker)}`,
      `kafkajs: ${message}`,
      typeof broker === "string" ? { broker } : {},
    );
  };
}

/** kafkajs numbers its levels 1 error, 2 warn, 4 info, 5 debug. */
export const KAFKAJS_LEVEL_WARN = 2;
