import { ENTRY, PERMISSION_FLAGS, V8_FLAGS } from "../../tools/program.ts";
import { fromFileUrl, REPOSITORY } from "../../tools/repository.ts";
import { within } from "./within.ts";

export interface EngineCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly description: string;
}

export interface EngineUnderTestOptions {
  readonly program: EngineCommand;
  /** `key=value` each. */
  readonly settings: readonly string[];
  readonly stateDir: string;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One deployment of the engine, as its users run it: started, killed, started again. */
export class EngineUnderTest {
  readonly stateDir: string;
  readonly address = freeAddress();
  readonly #options: EngineUnderTestOptions;
  #child: Deno.ChildProcess | null = null;
  #status: Promise<Deno.CommandStatus> | null = null;
  #exitCode: number | null = null;
  #startedAtMs = 0;
  #logFrom = 0;

  constructor(options: EngineUnderTestOptions) {
    this.#options = options;
    this.stateDir = options.stateDir;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** On `performance.now()`. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  /** How it ended by itself; null while it runs, and after `kill9` and `terminate`. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  start(): void {
    const { program, settings, logFile, env = {} } = this.#options;
    this.#exitCode = null;
    this.#logFrom = sizeOf(logFile);
    const all = [
      ...settings,
      `http.address=${this.address}`,
      `state.dir=${this.stateDir}`,
    ];
    // The shell becomes the engine, so the pid is its own and no pipe of ours stands in its way.
    const script = 'log=$1; shift; exec "$@" </dev/null >>"$log" 2>&1';
    const args = [program.command, ...program.args, "run"];
    this.#startedAtMs = performance.now();
    const child = new Deno.Command("sh", {
      args: ["-c", script, "engine", logFile, ...args, ...all.flatMap((set) => ["--set", set])],
      cwd: fromFileUrl(REPOSITORY),
      env,
    }).spawn();
    this.#child = child;
    this.#status = child.status;
    void child.status.then(({ code }) => {
      if (this.#child === child) this.#exitCode = code;
    });
    endWithUs(child.pid);
  }

  /** Ends it without a chance to do anything; resolves when it is gone. */
  async kill9(): Promise<void> {
    this.signal("SIGKILL");
    this.#child = null;
    await this.#status;
  }

  /** Asks it to end, and waits until it has. @returns its exit code, or null after 40 s. */
  async terminate(): Promise<number | null> {
    this.signal("SIGTERM");
    const code = await this.exited(TERMINATE_MS);
    await this.kill9();
    return code;
  }

  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    try {
      this.#child?.kill(signal);
    } catch {
      // It has ended by itself.
    }
  }

  /** @returns the code it ends with by itself, or null when it does not in that time. */
  async exited(timeoutMs: number): Promise<number | null> {
    if (this.#status === null) return null;
    return (await within(timeoutMs, this.#status))?.code ?? null;
  }

  /** What it has said since it was started last. */
  log(): string {
    try {
      const bytes = Deno.readFileSync(this.#options.logFile);
      return new TextDecoder().decode(bytes.subarray(this.#logFrom));
    } catch {
      return "";
    }
  }

  /** The value of a metric without labels; null when it does not answer. */
  async metric(name: string): Promise<number | null> {
    try {
      const response = await fetch(`http://${this.address}/metrics`, {
        signal: AbortSignal.timeout(2000),
      });
      const line = (await response.text()).split("\n").find((line) => line.startsWith(`${name} `));
      return line === undefined ? null : Number(line.slice(name.length + 1));
    } catch {
      return null;
    }
  }
}

/**
 * The program to test: a path, a `.ts` file that this deno runs, or, of null, the compiled one
 * where there is one, else from source.
 */
export function engineCommand(program: string | null): EngineCommand {
  if (program !== null && !program.endsWith(".ts")) {
    return { command: program, args: [], description: program };
  }
  const compiled = fromFileUrl(new URL("dist/sessionwheel", REPOSITORY));
  if (program === null && sizeOf(compiled) > 0) {
    return { command: compiled, args: [], description: "dist/sessionwheel" };
  }
  const v8 = V8_FLAGS.length > 0 ? [`--v8-flags=${V8_FLAGS.join(",")}`] : [];
  return {
    command: Deno.execPath(),
    args: ["run", ...PERMISSION_FLAGS, ...v8, program ?? ENTRY],
    description: `${program ?? "main.ts"}, from source`,
  };
}

/** However we end, the engine must not outlive us: it would load the machine unseen. */
function endWithUs(pid: number): void {
  const script = 'while kill -0 "$1"; do kill -0 "$2" || exit; sleep 1; done; kill -9 "$2"';
  new Deno.Command("sh", {
    args: ["-c", script, "watch", String(Deno.pid), String(pid)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn().unref();
}

function freeAddress(): string {
  using socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${socket.addr.port}`;
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

const TERMINATE_MS = 40_000;
