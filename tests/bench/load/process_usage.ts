/**
 * What Linux says that processes, and the machine as a whole, have used: `/proc`, proc(5). CPU
 * times come in ticks of 10 ms, which is 0.1 % of ten seconds.
 */

const TICKS_A_SECOND = 100;

export interface UsageSample {
  readonly atMs: number;
  /** CPU seconds, user and system, all threads, by the names given. */
  readonly processes: Readonly<Record<string, number>>;
  /** Whole machine, all cores: neither idle nor waiting for a disk. */
  readonly busySeconds: number;
  /** Taken away by the hypervisor. */
  readonly stealSeconds: number;
}

/** @param pids By name; a process that is not there counts as 0. */
export async function sampleUsage(pids: Readonly<Record<string, number>>): Promise<UsageSample> {
  const processes: Record<string, number> = {};
  for (const [name, pid] of Object.entries(pids)) processes[name] = await cpuSeconds(pid);
  const stat = await Deno.readTextFile("/proc/stat");
  // cpu user nice system idle iowait irq softirq steal …
  const ticks = stat.slice(0, stat.indexOf("\n")).trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  return {
    atMs: performance.now(),
    processes,
    busySeconds: (user + nice + system + irq + softirq) / TICKS_A_SECOND,
    stealSeconds: steal / TICKS_A_SECOND,
  };
}

export interface Usage {
  readonly seconds: number;
  /** CPU seconds by name. */
  readonly processes: Readonly<Record<string, number>>;
  readonly busySeconds: number;
  /** Busy with what is none of the named processes, kernel threads among them. */
  readonly otherSeconds: number;
  readonly stealSeconds: number;
}

export function usageBetween(before: UsageSample, after: UsageSample): Usage {
  const processes: Record<string, number> = {};
  let named = 0;
  for (const [name, seconds] of Object.entries(after.processes)) {
    processes[name] = Math.max(0, seconds - (before.processes[name] ?? 0));
    named += processes[name]!;
  }
  const busySeconds = after.busySeconds - before.busySeconds;
  return {
    seconds: (after.atMs - before.atMs) / 1000,
    processes,
    busySeconds,
    otherSeconds: Math.max(0, busySeconds - named),
    stealSeconds: after.stealSeconds - before.stealSeconds,
  };
}

/** Resident bytes of a process now, and the most it ever had; 0 when it is not there. */
export async function residentBytes(pid: number): Promise<{ now: number; peak: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const of = (field: string) =>
    Number(status.match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"))?.[1] ?? 0) * 1024;
  return { now: of("VmRSS"), peak: of("VmHWM") };
}

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // The name, in parentheses, may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  return Number.isFinite(ticks) ? ticks / TICKS_A_SECOND : 0;
}
