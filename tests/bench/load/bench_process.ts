/** A part of the bench that runs as a process of its own and talks in lines of JSON. */
import { readJsonLines } from "./json_lines.ts";
import { fromFileUrl } from "../../../tools/repository.ts";

export class BenchProcess<Command, Message extends { readonly kind: string }> {
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting: ((message: Message | null) => void)[] = [];
  readonly #messages: Message[] = [];
  #ended = false;

  /**
   * @param file A module beside this one.
   * @param givesWay It stands for other machines, and must not take from this one what is measured.
   */
  constructor(name: string, file: string, config: unknown, { givesWay = false } = {}) {
    this.#name = name;
    // Idle threads run only where no other wants to; nice ones finish their slice first.
    const [command, ...before] = givesWay
      ? ["chrt", "--idle", "0", Deno.execPath()]
      : [Deno.execPath()];
    this.#child = new Deno.Command(command!, {
      // The lock is not theirs to write, and nothing outside of the repository is imported.
      args: [
        ...before,
        "run",
        "-A",
        "--no-lock",
        "--no-check",
        fromFileUrl(new URL(file, import.meta.url)),
        JSON.stringify(config),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    void this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  async send(command: Command): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  /**
   * The next message of this kind; others before it go to `onOther`.
   * @throws Error when the process ends first.
   */
  async next<Kind extends Message["kind"]>(
    kind: Kind,
    onOther: (message: Message) => void = () => {},
  ): Promise<Extract<Message, { readonly kind: Kind }>> {
    while (true) {
      const message = this.#messages.shift() ?? await this.#arrival();
      if (message === null) throw new Error(`The ${this.#name} ended before its ${kind}`);
      if (message.kind === "failed") {
        throw new Error(`The ${this.#name} failed: ${JSON.stringify(message)}`);
      }
      if (message.kind === kind) return message as Extract<Message, { readonly kind: Kind }>;
      onOther(message);
    }
  }

  /** Ends it, however it stands. */
  async end(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await this.#child.status;
    await this.#writer.abort().catch(() => {});
  }

  #arrival(): Promise<Message | null> {
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #read(): Promise<void> {
    try {
      for await (const message of readJsonLines<Message>(this.#child.stdout)) {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) this.#messages.push(message);
        else waiting(message);
      }
    } finally {
      this.#ended = true;
      for (const waiting of this.#waiting.splice(0)) waiting(null);
    }
  }
}
