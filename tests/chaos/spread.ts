/** Smallest, middle and largest of some measurements, as they are printed. */
export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    min: sorted[0]!,
    median: sorted[sorted.length >> 1]!,
    max: sorted.at(-1)!,
  };
}

/** `0.31 / 0.42 / 1.30 s (n=48)`, of milliseconds. */
export function renderSpread(values: readonly number[]): string {
  const spread = spreadOf(values);
  if (spread === null) return "none";
  const { count, min, median, max } = spread;
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  return `${seconds(min)} / ${seconds(median)} / ${seconds(max)} s (n=${count})`;
}
