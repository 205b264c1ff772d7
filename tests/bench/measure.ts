/**
 * How the benches of the hot path measure and print: one figure a line, beside what the machine
 * could do at best: copying or summing the same bytes, or one read of the same memory. Reads of
 * several entries overlap where none waits for the other, so a line may beat that one.
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
  floor: { readonly value: number; readonly of: string },
): void {
  const ratio = (value / floor.value).toFixed(1);
  print(
    `${name.padEnd(66)} ${precise(value).padStart(8)} ${unit}` +
      `   (floor ${precise(floor.value)}: ${floor.of}; × ${ratio})`,
  );
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

/** Summing `bytes` bytes as words of 32 bits, nanoseconds: what a look at each of them takes. */
export function sumFloorNs(bytes: number): number {
  const words = new Int32Array(Math.max(1, Math.ceil(bytes / 4))).fill(7);
  const times = Math.max(1, Math.ceil(100_000 / words.length));
  // Kept from one run to the next, or the compiler might find that nobody needs the sum.
  let total = 0;
  return leastNs(() => {
    let sum = total;
    for (let time = 0; time < times; time++) {
      for (let i = 0; i < words.length; i++) sum = (sum + words[i]!) | 0;
    }
    total = sum;
    return times;
  }, { runs: 3, forMs: 20 });
}

/** One read at an unpredictable place of `bytes` bytes of memory, each depending on the last. */
export function randomReadFloorNs(bytes: number): number {
  return readFloorNs(Math.max(16, Math.floor(bytes / 4)), 4, { isScattered: true });
}

/**
 * One read of each of `entries` entries, `entryBytes` apart, each read depending on the last.
 *
 * @param options.isScattered In an order that no cache can guess; else as they lie in memory.
 */
export function readFloorNs(
  entries: number,
  entryBytes: number,
  options: { readonly isScattered: boolean },
): number {
  const step = Math.ceil(entryBytes / 4);
  const next = new Int32Array(entries * step);
  for (let i = 0; i < entries; i++) next[i * step] = options.isScattered ? i : (i + 1) % entries;
  // One cycle through all: Sattolo's algorithm.
  for (let i = options.isScattered ? entries - 1 : 0; i > 0; i--) {
    const j = Math.floor(Math.random() * i);
    const swapped = next[i * step]!;
    next[i * step] = next[j * step]!;
    next[j * step] = swapped;
  }
  let at = 0;
  return leastNs(() => {
    for (let i = 0; i < 100_000; i++) at = next[at * step]!;
    return 100_000;
  }, { runs: 3, forMs: 50 });
}

function precise(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
