import { say } from "../../../tools/say.ts";

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

/** What `promtool check metrics` finds. Nothing where there is no promtool, unless `CI=true`. */
export async function promtoolFindings(text: string): Promise<string> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (Deno.env.get("CI") === "true" || !(error instanceof Deno.errors.NotFound)) throw error;
    say("promtool is not on the PATH: the metrics are not checked by it");
    return "";
  }
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const findings = decoder.decode(stdout) + decoder.decode(stderr);
  return code === 0 ? findings : `exit code ${code}: ${findings}`;
}
