/**
 * What a process holds, sampled from `/proc` while it runs: a soak asks whether any of it grows.
 */
import { residentBytes } from "./process_usage.ts";

export interface ResourceSample {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly residentBytes: number;
  readonly openFiles: number;
  /** Of all threads that tell, as `/metrics` has it; null when it did not answer. */
  readonly heapUsedBytes: number | null;
  /** For how long the newest checkpoint held the engine in one go; null when there is none. */
  readonly checkpointPauseMs: number | null;
}

export interface Resources {
  readonly samples: number;
  readonly minutes: number;
  /** Least squares over all samples, 2^20 bytes an hour; null for fewer than three. */
  readonly rssSlopeMbPerHour: number | null;
  readonly residentBytes: Course;
  readonly openFiles: Course;
  readonly heapUsedBytes: Course | null;
  /** Of all checkpoints that a sample saw as the newest; null when there was none. */
  readonly checkpointPauseMaxMs: number | null;
}

export interface Course {
  readonly first: number;
  readonly last: number;
  readonly max: number;
}

/** Samples a process until it is told to stop. */
export class ResourceSampler {
  readonly #samples: ResourceSample[] = [];
  readonly #stopping = Promise.withResolvers<void>();
  readonly #done: Promise<void>;

  /** @param metrics The text of the process's `/metrics`, or null. */
  constructor(pid: number, intervalMs: number, metrics: () => Promise<string | null>) {
    this.#done = this.#run(pid, intervalMs, metrics);
  }

  async stop(): Promise<readonly ResourceSample[]> {
    this.#stopping.resolve();
    await this.#done;
    return this.#samples;
  }

  async #run(
    pid: number,
    intervalMs: number,
    metrics: () => Promise<string | null>,
  ): Promise<void> {
    let isStopping = false;
    void this.#stopping.promise.then(() => isStopping = true);
    while (true) {
      this.#samples.push(await sample(pid, metrics));
      if (isStopping) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise<void>((resolve) => timer = setTimeout(resolve, intervalMs));
      await Promise.race([pause, this.#stopping.promise]);
      clearTimeout(timer);
    }
  }
}

async function sample(
  pid: number,
  metrics: () => Promise<string | null>,
): Promise<ResourceSample> {
  const text = await metrics();
  return {
    atMs: Date.now(),
    residentBytes: (await residentBytes(pid)).now,
    openFiles: await openFiles(pid),
    heapUsedBytes: text === null ? null : heapUsedBytes(text),
    checkpointPauseMs: text === null ? null : checkpointPauseMs(text),
  };
}

/** 0 when the process is not there. */
export async function openFiles(pid: number): Promise<number> {
  let count = 0;
  try {
    for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) count++;
  } catch {
    // It has ended.
  }
  return count;
}

/** The sum over the threads; null where `/metrics` has none. */
export function heapUsedBytes(metrics: string): number | null {
  const values = Array.from(
    metrics.matchAll(/^sessionwheel_heap_used_bytes\{[^}]*\} (\S+)$/gm),
    ([, value]) => Number(value),
  );
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

/** Null where `/metrics` has none. */
export function checkpointPauseMs(metrics: string): number | null {
  const match = /^sessionwheel_checkpoint_pause_seconds (\S+)$/m.exec(metrics);
  return match === null ? null : Number(match[1]) * 1000;
}

export function summarizeResources(samples: readonly ResourceSample[]): Resources | null {
  // A process that has ended holds nothing, which is no course.
  const there = samples.filter((sample) => sample.residentBytes > 0);
  const [first] = there;
  const last = there.at(-1);
  if (first === undefined || last === undefined) return null;
  const pauses = there.flatMap(({ checkpointPauseMs: ms }) => ms === null ? [] : [ms]);
  const heaps = there.flatMap(({ heapUsedBytes }) => heapUsedBytes === null ? [] : [heapUsedBytes]);
  return {
    samples: there.length,
    minutes: (last.atMs - first.atMs) / 60_000,
    rssSlopeMbPerHour: slopeMbPerHour(there),
    residentBytes: courseOf(there.map((sample) => sample.residentBytes)),
    openFiles: courseOf(there.map((sample) => sample.openFiles)),
    heapUsedBytes: heaps.length === 0 ? null : courseOf(heaps),
    checkpointPauseMaxMs: pauses.length === 0 ? null : Math.max(...pauses),
  };
}

function courseOf(values: readonly number[]): Course {
  return { first: values[0]!, last: values.at(-1)!, max: Math.max(...values) };
}

/** Of the straight line with the least squared distances; null for fewer than three samples. */
export function slopeMbPerHour(samples: readonly ResourceSample[]): number | null {
  if (samples.length < 3) return null;
  const hours = samples.map(({ atMs }) => (atMs - samples[0]!.atMs) / 3_600_000);
  const megabytes = samples.map(({ residentBytes }) => residentBytes / 2 ** 20);
  const meanHours = mean(hours);
  const meanMegabytes = mean(megabytes);
  let covariance = 0;
  let variance = 0;
  for (let i = 0; i < hours.length; i++) {
    covariance += (hours[i]! - meanHours) * (megabytes[i]! - meanMegabytes);
    variance += (hours[i]! - meanHours) ** 2;
  }
  return variance === 0 ? null : covariance / variance;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
