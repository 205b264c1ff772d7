/**
 * Lets SIGINT and SIGTERM end a command in good order: the first one aborts the signal, with its
 * own name as the reason; after that they kill as always, for whoever will not wait.
 */
export class StopSignals {
  readonly #controller = new AbortController();
  readonly #listeners = new Map<Deno.Signal, () => void>();

  constructor() {
    for (const name of STOP_SIGNALS) {
      const listener = () => {
        this.dispose();
        this.#controller.abort(name);
      };
      Deno.addSignalListener(name, listener);
      this.#listeners.set(name, listener);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What a shell expects of a process that was ended so: 128 and the signal's number. */
  get exitCode(): number {
    return this.signal.reason === "SIGTERM" ? 143 : 130;
  }

  /** Gives the signals back. */
  dispose(): void {
    for (const [name, listener] of this.#listeners) Deno.removeSignalListener(name, listener);
    this.#listeners.clear();
  }
}

/** Windows knows only the first. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];
