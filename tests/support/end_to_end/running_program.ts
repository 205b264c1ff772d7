import { fromFileUrl, REPOSITORY } from "../../../tools/repository.ts";
import { programCommand } from "./compiled_program.ts";
import { eventually, HopelessError } from "./eventually.ts";
import { Metrics } from "./metrics.ts";

/** A line of the program's log, as JSON. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Settings {
  /** Of the configuration, as `--set` takes them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Runs a command of the program to its end; what it prints is returned as text. */
export async function runProgram(
  args: readonly string[],
  { settings, env }: Settings,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const child = await spawn([...args, ...settingFlags(settings)], env);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Runs `sessionwheel run` while `use` does; then it is killed if it still runs. An error gets the
 * end of its log.
 */
export async function withProgram<T>(
  settings: Settings,
  use: (program: RunningProgram) => Promise<T>,
): Promise<T> {
  const program = await RunningProgram.start(settings);
  try {
    return await use(program);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const log = program.lines.slice(-60).map((line) => JSON.stringify(line)).join("\n");
    throw new Error(`${error.message}\nThe end of the program's log:\n${log}`, { cause: error });
  } finally {
    await program.kill9();
  }
}

/** A process that runs `sessionwheel run`, with its log and its HTTP side. */
export class RunningProgram {
  readonly pid: number;
  readonly lines: LogLine[] = [];
  /** The exit code; 128 + n where signal n ended it. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;
  #url = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
    const logRead = this.#readLog(child.stderr);
    const outRead = child.stdout.cancel();
    this.ended = child.status.then(async ({ code }) => {
      this.#hasEnded = true;
      await Promise.all([logRead, outRead]);
      return code;
    });
  }

  /** Hands over as soon as the process is there: nothing is ready yet. */
  static async start({ settings, env }: Settings): Promise<RunningProgram> {
    const all = { "http.address": "127.0.0.1:0", "log.format": "json", ...settings };
    return new RunningProgram(await spawn(["run", ...settingFlags(all)], env));
  }

  /** GET of a path of its HTTP side, once that is there. */
  async get(path: string): Promise<Answer> {
    if (this.#url === "") this.#url = await this.logged(({ http }) => http as string | undefined);
    const response = await fetch(this.#url + path);
    return { status: response.status, body: await response.text() };
  }

  async metrics(): Promise<Metrics> {
    const { body } = await this.get("/metrics");
    return new Metrics(body);
  }

  /** Waits until it says that it is ready. */
  async ready(): Promise<void> {
    await this.until("readiness", async () => {
      const { status, body } = await this.get("/readyz");
      if (status !== 200) throw new Error(body);
      return true;
    });
  }

  /** Waits until the metrics are as `holds` wants them, and returns them. */
  async untilMetrics(what: string, holds: (metrics: Metrics) => boolean): Promise<Metrics> {
    return await this.until(what, async () => {
      const metrics = await this.metrics();
      return holds(metrics) && metrics;
    });
  }

  /** Waits for a log line of which `find` returns something, and returns that. */
  async logged<T>(find: (line: LogLine) => T | undefined | false): Promise<T> {
    return await this.until("a line of the log", () => {
      for (const line of this.lines) {
        const found = find(line);
        if (found !== undefined && found !== false) return found;
      }
      return undefined;
    }) as T;
  }

  /** `eventually`, which ends at once when the process has. */
  async until<T>(
    what: string,
    ask: () => T | Promise<T>,
  ): Promise<Exclude<T, undefined | false | null>> {
    return await eventually(what, async () => {
      const hadEnded = this.#hasEnded;
      const answer = await ask();
      if (hadEnded && (answer === undefined || answer === false || answer === null)) {
        throw new HopelessError(`The program ended while ${what} was waited for`);
      }
      return answer;
    });
  }

  /** Asks it to end and returns its exit code. */
  async terminate(): Promise<number> {
    this.#signal("SIGTERM");
    const killer = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT_MS);
    const code = await this.ended;
    clearTimeout(killer);
    return code;
  }

  /** Ends it where it is; nothing happens when it has ended. */
  async kill9(): Promise<void> {
    this.#signal("SIGKILL");
    await this.ended;
  }

  #signal(signal: Deno.Signal): void {
    if (this.#hasEnded) return;
    try {
      this.#child.kill(signal);
    } catch {
      // It ended in between.
    }
  }

  async #readLog(stderr: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.lines.push(parseLogLine(line));
    }
    if (rest !== "") this.lines.push(parseLogLine(rest));
  }
}

function parseLogLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: "text", message: line };
  }
}

function settingFlags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
}

async function spawn(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Deno.ChildProcess> {
  const program = await programCommand();
  return new Deno.Command(program.command, {
    args: [...program.args, ...args],
    cwd: fromFileUrl(REPOSITORY),
    // A service manager gives it no environment either.
    clearEnv: program.isCompiled,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

const STOP_TIMEOUT_MS = 40_000;
