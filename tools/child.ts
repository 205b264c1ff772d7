import { fromFileUrl, REPOSITORY } from "./repository.ts";

export interface ChildOptions {
  /** Program to run; the running deno where left out, so that none has to be on the PATH. */
  readonly command?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Folder to run in; the repository where left out. */
  readonly cwd?: string;
}

/**
 * Runs a program with our own input and output and returns its exit code, 128 + n where signal n
 * ended it. Signals meant for it reach it, and we end after it.
 */
export async function runChild(
  args: readonly string[],
  options: ChildOptions = {},
): Promise<number> {
  const child = new Deno.Command(options.command ?? Deno.execPath(), {
    args: [...args],
    cwd: options.cwd ?? fromFileUrl(REPOSITORY),
    env: { ...options.env },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  using _forwarding = forwardSignals(child);
  return (await child.status).code;
}

/**
 * Passes on what asks us to stop. Ctrl-C is the exception: the terminal sends it to the whole
 * process group, so the child has it already, and a second one would mean "at once".
 */
function forwardSignals(child: Deno.ChildProcess): Disposable {
  const atTerminal = Deno.stdin.isTerminal();
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  const listeners = signals.map((signal) => {
    const forward = () => {
      if (signal === "SIGINT" && atTerminal) return;
      try {
        child.kill(signal);
      } catch {
        // It ended in between.
      }
    };
    Deno.addSignalListener(signal, forward);
    return { signal, forward };
  });
  return {
    [Symbol.dispose]() {
      for (const { signal, forward } of listeners) Deno.removeSignalListener(signal, forward);
    },
  };
}
