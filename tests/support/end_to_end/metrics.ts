/** One answer of `/metrics`, in the text format of Prometheus. */
export class Metrics {
  readonly text: string;
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.text = text;
    this.#samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      .map(parseSample);
  }

  /** Sum of the samples that have these labels, whatever others; 0 where there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#find(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** How many samples there are: what is not known yet has none. */
  count(name: string): number {
    return this.#find(name, {}).length;
  }

  #find(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    return this.#samples.filter((sample) =>
      sample.name === `sessionwheel_${name}` &&
      Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value)
    );
  }
}

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

function parseSample(line: string): Sample {
  const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`Not a sample: ${line}`);
  const labels = new Map<string, string>();
  for (const [, label, value] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels.set(label!, value!);
  }
  return { name: match[1]!, labels, value: Number(match[3]) };
}
