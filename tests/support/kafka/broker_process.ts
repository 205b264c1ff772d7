/**
 * The Java process of a test broker.
 *
 * It runs under a small shell that outlives nothing: when the process of the tests is gone,
 * however that ended, the shell kills the broker and removes its folder. No handle of the child
 * stays open in Deno, so the leak checks of the test runner have nothing to say, and a broker
 * may be shared by test files, each of which is an isolate of its own.
 */

import process from "node:process";

// $1 pid of the tests, $2 the broker's folder, the rest: the command. The shell waits for its
// child, so that the child's pid is free when it is dead (no init may be there to reap it).
const KEEPER = `
tests=$1; folder=$2; shift 2
"$@" </dev/null >>"$folder/stdout.log" 2>&1 &
broker=$!
echo $broker >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
(
  while kill -0 $broker 2>/dev/null; do
    if ! kill -0 $tests 2>/dev/null; then
      kill -9 $broker
      sleep 1
      rm -rf "$folder"
      exit
    fi
    sleep 1
  done
) &
wait $broker
`;

/** Starts `command` with the broker's folder as its own; returns its pid. */
export async function startBrokerProcess(
  folder: string,
  command: readonly string[],
): Promise<number> {
  await Deno.remove(`${folder}/pid`).catch(() => {});
  const launcher = 'sh -c "$KEEPER" keeper "$@" </dev/null >/dev/null 2>&1 &';
  const { success } = await new Deno.Command("sh", {
    args: ["-c", launcher, "launcher", String(Deno.pid), folder, ...command],
    env: { KEEPER },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("Cannot start the shell that keeps a test broker");
  for (let attempt = 0; attempt < 500; attempt++) {
    const pid = Number(await Deno.readTextFile(`${folder}/pid`).catch(() => "0"));
    if (pid > 0) return pid;
    await pause(10);
  }
  throw new Error("Cannot start a test broker: its process did not appear within 5 s");
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Sends the signal and waits until the process is gone. */
export async function endProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  try {
    Deno.kill(pid, signal);
  } catch {
    return;
  }
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
    if (!isAlive(pid)) return;
    await pause(20);
  }
  throw new Error(`Test broker ${pid} is still there 20 s after ${signal}`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
