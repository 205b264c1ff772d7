/**
 * A topic as `kcat -J` tells it: every record with its offset and timestamp, the headers told apart
 * from the value also where they are binary. Bytes that are no UTF-8 come as U+FFFD.
 */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** From the beginning to the end, in the order of offsets within a partition. */
export async function readTopic(
  bootstrap: string,
  topic: string,
  options: { readonly isolation?: "read_committed" | "read_uncommitted" } = {},
): Promise<TopicRecord[]> {
  const isolation = options.isolation ?? "read_uncommitted";
  const { success, stdout, stderr } = await new Deno.Command("kcat", {
    args: [
      ...["-C", "-q", "-e", "-J", "-b", bootstrap, "-t", topic, "-o", "beginning"],
      ...["-X", "check.crcs=true", "-X", `isolation.level=${isolation}`],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`kcat cannot read ${topic}: ${decoder.decode(stderr)}`);
  const records = decoder.decode(stdout).split("\n").filter((line) => line !== "").map(parseRecord);
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function parseRecord(line: string): TopicRecord {
  const { topic, partition, offset, ts, key, payload, headers = [] } = JSON.parse(line);
  return { topic, partition, offset, timestampMs: ts, key, value: payload, headers };
}
