import { fromFileUrl, REPOSITORY } from "../../tools/repository.ts";

/** The compiled program; `SESSIONWHEEL_BINARY` names another one than `dist/sessionwheel`. */
export const BINARY: string = Deno.env.get("SESSIONWHEEL_BINARY") ??
  fromFileUrl(new URL("dist/sessionwheel", REPOSITORY));

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface BinaryOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs it to its end, with an empty environment as a service manager would. */
export async function runBinary(
  args: readonly string[],
  options: BinaryOptions,
): Promise<Outcome> {
  const child = spawn(args, options);
  const writer = child.stdin.getWriter();
  // The program may end, and close the pipe, without reading it.
  await writer.write(new TextEncoder().encode(options.stdin ?? "")).catch(() => {});
  await writer.close().catch(() => {});
  return outcomeOf(await child.output());
}

/** Starts it, hands over once `readyUrl` answers 200, then sends SIGTERM and awaits the end. */
export async function withRunningBinary(
  args: readonly string[],
  options: BinaryOptions & { readonly readyUrl: string },
  use: () => Promise<void>,
): Promise<Outcome> {
  const child = spawn(args, options);
  await child.stdin.close();
  const output = child.output();
  let ended = false;
  output.then(() => ended = true);
  let failure: unknown;
  try {
    await answers(options.readyUrl, () => ended);
    await use();
  } catch (error) {
    failure = error;
  }
  if (!ended) child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  const outcome = outcomeOf(await output);
  clearTimeout(killer);
  if (failure !== undefined) {
    throw new Error(`${failure}\nexit code ${outcome.code}\n${outcome.stderr}${outcome.stdout}`);
  }
  return outcome;
}

/** A port that nobody listens on; another process may take it before we do, but hardly ever does. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 40_000;
const POLL_INTERVAL_MS = 50;

function spawn(args: readonly string[], options: BinaryOptions): Deno.ChildProcess {
  return new Deno.Command(BINARY, {
    args: [...args],
    cwd: options.cwd,
    clearEnv: true,
    env: { ...options.env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function answers(url: string, hasEnded: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    if (hasEnded()) throw new Error("it ended by itself");
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    if (response?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
  throw new Error(`${url} did not answer 200 within ${READY_TIMEOUT_MS} ms`);
}

function outcomeOf(output: Deno.CommandOutput): Outcome {
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}
