/** The machine and the versions that a figure was measured with. */
import { VERSION } from "../../../lib/version.ts";
import { KAFKA_VERSION } from "../../support/kafka/kafka_jars.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
}

export async function describeMachine(): Promise<Machine> {
  const cpuInfo = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cpu: cpuInfo.match(/^model name\s*:\s*(.+)$/m)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    versions: {
      sessionwheel: VERSION,
      deno: Deno.version.deno,
      v8: Deno.version.v8,
      kafka: KAFKA_VERSION,
    },
  };
}

/** One line. */
export function machineLine(machine: Machine): string {
  const gigabytes = (machine.memoryBytes / 2 ** 30).toFixed(0);
  const versions = Object.entries(machine.versions).map(([name, v]) => `${name} ${v}`).join(", ");
  return `${machine.cores} × ${machine.cpu}, ${gigabytes} GiB, ${machine.kernel}; ${versions}`;
}
