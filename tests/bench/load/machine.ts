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

/** Which build an engine is, as `sessionwheel_build_info` has it. */
export interface EngineBuild {
  readonly version: string;
  readonly commit: string;
  readonly deno: string;
}

/** From the text of `/metrics`; null where it does not say. */
export function engineBuild(metrics: string): EngineBuild | null {
  const labels = /^sessionwheel_build_info\{(.*)\} 1$/m.exec(metrics)?.[1];
  if (labels === undefined) return null;
  const value = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? "unknown";
  return { version: value("version"), commit: value("commit"), deno: value("deno") };
}

/**
 * @param options `engine` is what is measured, where it is a process of its own; `ownBroker` is
 * false for one that was there already, whose version is not known.
 */
export async function describeMachine(
  options: { readonly engine?: EngineBuild | null; readonly ownBroker?: boolean } = {},
): Promise<Machine> {
  const { engine = null, ownBroker = true } = options;
  const cpuInfo = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cpu: cpuInfo.match(/^model name\s*:\s*(.+)$/m)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    versions: {
      sessionwheel: engine === null ? VERSION : `${engine.version} (${engine.commit})`,
      deno: engine?.deno ?? Deno.version.deno,
      ...(ownBroker ? { kafka: KAFKA_VERSION } : {}),
    },
  };
}

/** One line. */
export function machineLine(machine: Machine): string {
  const gigabytes = (machine.memoryBytes / 2 ** 30).toFixed(0);
  const versions = Object.entries(machine.versions).map(([name, v]) => `${name} ${v}`).join(", ");
  return `${machine.cores} × ${machine.cpu}, ${gigabytes} GiB, ${machine.kernel}; ${versions}`;
}
