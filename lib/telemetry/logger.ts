/**
 * Log lines with a level, a sentence and fields. **warn** when nothing was lost, **error** when an
 * operator must act. A logger never throws: not on odd fields, not when its output is gone.
 *
 * `text`: `12:00:01.250 WARN  brokers are away  attempt=3 error="Connection refused"`;
 * `json`: `{"time":"2025-11-01T12:00:01.250Z","level":"warn","message":"brokers are away","attempt":3}`.
 * The instant is UTC in both.
 */
export interface Logger {
  debug(message: string, fields?: LogFields, repeat?: RepeatLimit): void;
  info(message: string, fields?: LogFields, repeat?: RepeatLimit): void;
  warn(message: string, fields?: LogFields, repeat?: RepeatLimit): void;
  error(message: string, fields?: LogFields, repeat?: RepeatLimit): void;
  /** The same output with these fields on every line; shares the memory of repeated lines. */
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes a line with this key at most once in `everyMs`; the next one written carries `suppressed`,
 * the number of lines left out before it.
 */
export interface RepeatLimit {
  readonly everyMs: number;
  /** Default: the level and the message. */
  readonly key?: string;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = "text" | "json";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line with its newline. What it throws is swallowed. */
  readonly write: (line: string) => void;
  /** Epoch milliseconds. */
  readonly wallMs: () => number;
}

export function createLogger(options: LoggerOptions): Logger {
  return new LineLogger(options, {}, new Map());
}

/** `auto` is text on a terminal, JSON elsewhere. */
export function chooseLogFormat(format: LogFormat | "auto", isTerminal: boolean): LogFormat {
  if (format !== "auto") return format;
  return isTerminal ? "text" : "json";
}

/** Keys remembered for repeat limits; the one that was written longest ago goes first. */
const REPEAT_KEYS_MAX = 256;
/** A field's text is cut here, so that no input can flood the log. */
const FIELD_CHARS_MAX = 2_000;
const CAUSES_MAX = 4;

interface Repeated {
  lastMs: number;
  suppressed: number;
}

class LineLogger implements Logger {
  readonly #options: LoggerOptions;
  readonly #fields: LogFields;
  readonly #repeats: Map<string, Repeated>;
  readonly #levelMin: number;

  constructor(options: LoggerOptions, fields: LogFields, repeats: Map<string, Repeated>) {
    this.#options = options;
    this.#fields = fields;
    this.#repeats = repeats;
    this.#levelMin = LOG_LEVELS.indexOf(options.level);
  }

  debug(message: string, fields?: LogFields, repeat?: RepeatLimit): void {
    this.#log("debug", message, fields, repeat);
  }

  info(message: string, fields?: LogFields, repeat?: RepeatLimit): void {
    this.#log("info", message, fields, repeat);
  }

  warn(message: string, fields?: LogFields, repeat?: RepeatLimit): void {
    this.#log("warn", message, fields, repeat);
  }

  error(message: string, fields?: LogFields, repeat?: RepeatLimit): void {
    this.#log("error", message, fields, repeat);
  }

  child(fields: LogFields): Logger {
    return new LineLogger(this.#options, { ...this.#fields, ...fields }, this.#repeats);
  }

  #log(level: LogLevel, message: string, fields?: LogFields, repeat?: RepeatLimit): void {
    if (LOG_LEVELS.indexOf(level) < this.#levelMin) return;
    try {
      const nowMs = this.#options.wallMs();
      const suppressed = repeat === undefined
        ? 0
        : this.#suppressed(repeat.key ?? `${level} ${message}`, repeat.everyMs, nowMs);
      if (suppressed < 0) return;
      const all: Record<string, unknown> = { ...this.#fields, ...fields };
      if (suppressed > 0) all["suppressed"] = suppressed;
      const time = new Date(nowMs).toISOString();
      const line = this.#options.format === "json"
        ? jsonLine(time, level, message, all)
        : textLine(time, level, message, all);
      this.#options.write(line + "\n");
    } catch {
      // A broken stderr, a getter that throws: a log line is not worth the process.
    }
  }

  /** Lines left out since the last one with this key, or -1 when this one is left out too. */
  #suppressed(key: string, everyMs: number, nowMs: number): number {
    const repeated = this.#repeats.get(key);
    if (repeated !== undefined) {
      const sinceMs = nowMs - repeated.lastMs;
      // A clock that went back must not silence the key until it has caught up.
      if (sinceMs >= 0 && sinceMs < everyMs) {
        repeated.suppressed++;
        return -1;
      }
      this.#repeats.delete(key);
    } else if (this.#repeats.size >= REPEAT_KEYS_MAX) {
      for (const oldest of this.#repeats.keys()) {
        this.#repeats.delete(oldest);
        break;
      }
    }
    this.#repeats.set(key, { lastMs: nowMs, suppressed: 0 });
    return repeated?.suppressed ?? 0;
  }
}

function jsonLine(
  time: string,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown>,
): string {
  const line: Record<string, unknown> = { time, level, message };
  for (const [name, value] of Object.entries(fields)) {
    // A field must not pass for one of the line's own.
    line[name in line ? `${name}_` : name] = plainValue(value);
  }
  return JSON.stringify(line);
}

function textLine(
  time: string,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown>,
): string {
  let line = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${printable(message)}`;
  let separator = "  ";
  for (const [name, value] of Object.entries(fields)) {
    const plain = plainValue(value);
    const text = typeof plain === "string" ? plain : JSON.stringify(plain) ?? "undefined";
    line += `${separator}${printable(name)}=${quoted(text)}`;
    separator = " ";
  }
  return line;
}

/** Text as it is when it cannot be mistaken, else in quotes. */
function quoted(text: string): string {
  return /^[\w.:/@+\-\[\]{},]+$/.test(text) ? text : printable(JSON.stringify(text));
}

/** Escapes what a terminal would act on or a reader would take for a new line or another order. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** A value that JSON can hold. */
function plainValue(value: unknown): unknown {
  if (value instanceof Error) return cut(errorText(value));
  switch (typeof value) {
    case "string":
      return cut(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
    case "undefined":
      return value;
    case "object":
      return value === null ? null : plainObject(value);
    case "bigint":
    case "symbol":
      return cut(String(value));
    case "function":
      return "[function]";
  }
}

function plainObject(value: object): unknown {
  try {
    const json = JSON.stringify(
      value,
      (_key, inner) => typeof inner === "bigint" ? inner.toString() : inner,
    );
    if (json === undefined) return "[object]";
    return json.length <= FIELD_CHARS_MAX ? JSON.parse(json) : cut(json);
  } catch {
    return "[unprintable]";
  }
}

/** `TypeError: message (caused by Error: message)`. */
function errorText(error: Error): string {
  let text = `${error.name}: ${error.message}`;
  let cause = error.cause;
  for (let depth = 0; cause instanceof Error && depth < CAUSES_MAX; depth++) {
    text += ` (caused by ${cause.name}: ${cause.message})`;
    cause = cause.cause;
  }
  return text;
}

function cut(text: string): string {
  return text.length <= FIELD_CHARS_MAX ? text : `${text.slice(0, FIELD_CHARS_MAX)}…`;
}
