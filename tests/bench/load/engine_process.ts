/** The engine under load, as its users run it: a process, its settings, its HTTP. */
import { ENTRY, PERMISSION_FLAGS, V8_FLAGS } from "../../../tools/program.ts";
import { fromFileUrl, REPOSITORY } from "../../../tools/repository.ts";
import { type EngineBuild, engineBuild } from "./machine.ts";

/** As in deploy/sessionwheel.service, unless the caller's environment says otherwise. */
const MMAP_THRESHOLD = "MALLOC_MMAP_THRESHOLD_";
const MMAP_THRESHOLD_BYTES = Deno.env.get(MMAP_THRESHOLD) ?? "1048576";

export interface EngineProcessOptions {
  /** A program, a `.ts` file to be run by this deno, or null: see `resolveEngine`. */
  readonly program: string | null;
  /** Whether V8 tells of its collections: then it is run from source. */
  readonly traceGc: boolean;
  /** `key=value` each. */
  readonly settings: readonly string[];
  readonly logFile: string;
}

const READY_TIMEOUT_MS = 120_000;
const COMPILED = "dist/sessionwheel";

export class EngineProcess {
  readonly #options: EngineProcessOptions;
  readonly #address = freeAddress();
  #child: Deno.ChildProcess | null = null;
  /** By itself. */
  #ended = false;

  constructor(options: EngineProcessOptions) {
    this.#options = options;
  }

  /** What runs, for the report. */
  get description(): string {
    const { description } = resolveEngine(this.#options);
    return `${description}, ${MMAP_THRESHOLD}=${MMAP_THRESHOLD_BYTES}`;
  }

  /** Of its HTTP, `host:port`. */
  get address(): string {
    return this.#address;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it; the engine's own words go to the log file. */
  start(): void {
    const { command, args } = resolveEngine(this.#options);
    const settings = [...this.#options.settings, `http.address=${this.#address}`];
    // A shell appends to the log, so that no pipe of ours stands between the engine and its words.
    const script = 'log=$1; shift; exec "$@" </dev/null >>"$log" 2>&1';
    this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        script,
        "engine",
        this.#options.logFile,
        command,
        ...args,
        "run",
        ...settings.flatMap((setting) => ["--set", setting]),
      ],
      cwd: fromFileUrl(REPOSITORY),
      env: { [MMAP_THRESHOLD]: MMAP_THRESHOLD_BYTES },
    }).spawn();
    const child = this.#child;
    this.#ended = false;
    void child.status.then(() => this.#ended = this.#child === child);
    this.#endWithUs(child.pid);
  }

  /** However we end, the engine must not outlive us: it would load the machine unseen. */
  #endWithUs(pid: number): void {
    const script = 'while kill -0 "$1" && kill -0 "$2"; do sleep 1; done; kill -9 "$2"';
    new Deno.Command("sh", {
      args: ["-c", script, "watch", String(Deno.pid), String(pid)],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn().unref();
  }

  /** Resolves once it keeps sessions up. @throws Error with the end of its log. */
  async ready(): Promise<void> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (true) {
      const response = await fetch(`http://${this.#address}/readyz`).catch(() => null);
      await response?.body?.cancel();
      if (response?.ok) return;
      await this.assertRunning();
      if (performance.now() > deadlineMs) throw await this.#failure("did not get ready in time");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @throws Error with the end of its log when it ended by itself. */
  async assertRunning(): Promise<void> {
    if (this.#ended) throw await this.#failure("ended");
  }

  /** Characters of the log so far; of its end where `from` is given. */
  async log(from = 0): Promise<string> {
    const text = await Deno.readTextFile(this.#options.logFile).catch(() => "");
    return text.slice(from);
  }

  async #failure(what: string): Promise<Error> {
    const log = await this.log();
    return new Error(`The engine ${what}. The end of its log:\n${log.slice(-4000)}`);
  }

  /** What it says of itself on `/metrics`, or null. */
  async metrics(): Promise<string | null> {
    const response = await fetch(`http://${this.#address}/metrics`).catch(() => null);
    if (response === null || !response.ok) return null;
    return await response.text();
  }

  /** Null when it does not answer. */
  async build(): Promise<EngineBuild | null> {
    const metrics = await this.metrics();
    return metrics === null ? null : engineBuild(metrics);
  }

  async kill9(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    try {
      child.kill(signal);
    } catch {
      // It ended by itself.
    }
    await child.status;
  }
}

function resolveEngine(
  { program, traceGc }: EngineProcessOptions,
): { readonly command: string; readonly args: string[]; readonly description: string } {
  const v8Flags = [...V8_FLAGS, ...(traceGc ? ["--trace-gc"] : [])];
  const v8 = v8Flags.length > 0 ? [`--v8-flags=${v8Flags.join(",")}`] : [];
  if (program !== null) {
    if (!program.endsWith(".ts")) return { command: program, args: [], description: program };
    return {
      command: Deno.execPath(),
      args: ["run", "-A", "--no-lock", "--no-check", ...v8, program],
      description: program,
    };
  }
  const compiled = fromFileUrl(new URL(COMPILED, REPOSITORY));
  if (exists(compiled) && !traceGc) return { command: compiled, args: [], description: COMPILED };
  return {
    command: Deno.execPath(),
    args: ["run", ...PERMISSION_FLAGS, ...v8, ENTRY],
    description: traceGc ? "from source, --trace-gc" : "from source",
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function freeAddress(): string {
  using socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${socket.addr.port}`;
}
