import process from "node:process";
import type { ProcessInfo } from "../../telemetry/process_info.ts";

/** Asks the platform what the process uses; never throws. `startedAtMs` is passed through. */
export function readProcessInfo(startedAtMs: number): ProcessInfo {
  const memory = memoryUsage();
  return {
    residentMemoryBytes: memory?.rss ?? null,
    heapUsedBytes: memory?.heapUsed ?? null,
    cpuSeconds: cpuSeconds(),
    startedAtMs,
  };
}

function memoryUsage(): Deno.MemoryUsage | null {
  try {
    return Deno.memoryUsage();
  } catch {
    return null;
  }
}

function cpuSeconds(): number | null {
  try {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  } catch {
    return null;
  }
}
