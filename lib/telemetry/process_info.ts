/** What the process uses, all threads together. */
export interface ProcessInfo {
  /** Null where the platform does not tell. */
  readonly residentMemoryBytes: number | null;
  /** JavaScript objects of the main thread, without typed arrays. */
  readonly heapUsedBytes: number | null;
  readonly cpuSeconds: number | null;
  /** Epoch milliseconds at which the process started. */
  readonly startedAtMs: number;
}
