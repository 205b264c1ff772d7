/**
 * How the benches of the hot path measure and print: one figure a line, beside what the machine
 * could do at best (copying or summing the same bytes, or touching the same memory).
 */
import process from "node:process";
import { describeMachine, machineLine } from "./load/machine.ts";

/**
 * CPU time of this process so far, all threads, milliseconds: what others take from us in between
 * is not in it, what our collector and compiler take is. Good to some microseconds.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * The least of several runs, nanoseconds of CPU a unit of work: on a machine that others use, the
 * rest measures their traffic in the caches.
 *
 * @param run does the work once and returns how many units it did.
 */
export function leastNs(
  run: () => number,
  options: { runs?: number; forMs?: number } = {},
): number {
  const { runs = 5, forMs = 100 } = options;
  let least = Infinity;
  for (let i = 0; i < runs; i++) {
    const startedMs = cpuMs();
    let units = 0;
    let elapsedMs = 0;
    do {
      units += run();
      elapsedMs = cpuMs() - startedMs;
    } while (elapsedMs < forMs);
    least = Math.min(least, elapsedMs * 1e6 / units);
  }
  return least;
}

/** Nanoseconds of CPU a unit of work, of one run that cannot be repeated. */
export function onceNs(run: () => number): number {
  const startedMs = cpuMs();
  const units = run();
  return (cpuMs() - startedMs) * 1e6 / units;
}

/** Prints `name  12.3 ns  (floor 4.5 ns: copying the same bytes; × 2.7)`. */
export function figure(
  name: string,
  value: number,
  unit: string,
  floor?: { readonly value: number; readonly of: string },
): void {
  let line = `${name.padEnd(66)} ${precise(value).padStart(8)} ${unit}`;
  if (floor !== undefined) {
    const ratio = (value / floor.value).toFixed(1);
    line += `   (floor ${precise(floor.value)}: ${floor.of}; × ${ratio})`;
  }
  print(line);
}

/** Prints the bench's name and the machine. */
export async function heading(name: string): Promise<void> {
  print(`\n${name} on ${machineLine(await describeMachine())}`);
}

/** Copying `bytes` bytes once, nanoseconds. */
export function copyFloorNs(bytes: number): number {
  const from = new Uint8Array(Math.max(bytes, 1)).fill(7);
  const to = new Uint8Array(from.length);
  return leastNs(() => {
    for (let i = 0; i < 1000; i++) to.set(from);
    return 1000;
  }, { runs: 3, forMs: 20 });
}

/** One read at an unpredictable place of `bytes` bytes of memory, each depending on the last. */
export function randomReadFloorNs(bytes: number): number {
  const length = Math.max(16, Math.floor(bytes / 4));
  const next = new Int32Array(length);
  // One cycle through all: Sattolo's algorithm.
  for (let i = 0; i < length; i++) next[i] = i;
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * i);
    const swapped = next[i]!;
    next[i] = next[j]!;
    next[j] = swapped;
  }
  let at = 0;
  return leastNs(() => {
    for (let i = 0; i < 100_000; i++) at = next[at]!;
    return 100_000;
  }, { runs: 3, forMs: 50 });
}

function precise(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
