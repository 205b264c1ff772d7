/**
 * kcat (librdkafka), the client that is not ours: what it reads is what others will read.
 *
 * librdkafka 2.0.2, as in Debian 12, does SASL PLAIN and TLS with this broker, but not SCRAM.
 */

export interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly keyBytes: Uint8Array | null;
  readonly valueBytes: Uint8Array | null;
  /** As UTF-8 text. */
  readonly key: string | null;
  readonly value: string | null;
  /** Names and values as text; kcat does not print binary values faithfully. */
  readonly headers: readonly (readonly [string, string])[];
}

export interface KcatProduceOptions {
  /** Default: chosen by murmur2 of the key, as Java does; at random without a key. */
  readonly partition?: number;
  readonly codec?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** The same headers for every record of the call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Properties of librdkafka, such as security.protocol. */
  readonly config?: Readonly<Record<string, string>>;
}

const RECORD_END = 0x1e;
const KEY_END = 0x1f;

/**
 * Produces the records, in order. Keys and values are text without the control characters U+001E
 * and U+001F (JSON never holds them as they are) and not empty: what is empty arrives as null.
 */
export async function kcatProduce(
  bootstrap: string,
  topic: string,
  records: readonly { readonly key?: string | null; readonly value: string | null }[],
  options: KcatProduceOptions = {},
): Promise<void> {
  const text = records.map(({ key, value }) => {
    if (key === "" || value === "") throw new Error("kcat cannot produce an empty key or value");
    const line = key === undefined || key === null
      ? value ?? ""
      : `${key}${String.fromCharCode(KEY_END)}${value ?? ""}`;
    return line + String.fromCharCode(RECORD_END);
  });
  const args = [
    "-P",
    "-b",
    bootstrap,
    "-t",
    topic,
    "-Z",
    "-D",
    "\\x1e",
    "-K",
    "\\x1f",
    "-z",
    options.codec ?? "none",
    ...(options.partition === undefined ? [] : ["-p", String(options.partition)]),
    ...Object.entries(options.headers ?? {}).flatMap(([name, value]) => ["-H", `${name}=${value}`]),
    ...configArgs({
      partitioner: "murmur2_random",
      "message.max.bytes": "100000000",
      ...options.config,
    }),
  ];
  await runKcat(args, new TextEncoder().encode(text.join("")));
}

/**
 * Reads a topic, or one partition, from its beginning to its end, checking every CRC. Records
 * come in the order of their offsets within a partition.
 */
export async function kcatConsume(
  bootstrap: string,
  topic: string,
  options: {
    readonly partition?: number;
    /** Default `read_uncommitted`. */
    readonly isolation?: "read_committed" | "read_uncommitted";
    readonly config?: Readonly<Record<string, string>>;
  } = {},
): Promise<KcatRecord[]> {
  const output = await runKcat([
    "-C",
    "-q",
    "-e",
    "-b",
    bootstrap,
    "-t",
    topic,
    "-o",
    "beginning",
    "-f",
    "%p %o %T %K %S\\n%k%s%h\\x1e",
    ...(options.partition === undefined ? [] : ["-p", String(options.partition)]),
    ...configArgs({
      "check.crcs": "true",
      "isolation.level": options.isolation ?? "read_uncommitted",
      ...options.config,
    }),
  ]);
  const records = parseRecords(output);
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function parseRecords(output: Uint8Array): KcatRecord[] {
  const decoder = new TextDecoder();
  const records: KcatRecord[] = [];
  for (let at = 0; at < output.length;) {
    const lineEnd = output.indexOf(0x0a, at);
    const numbers = decoder.decode(output.subarray(at, lineEnd)).split(" ").map(Number);
    const [partition, offset, timestampMs, keyLength, valueLength] = numbers as [
      number,
      number,
      number,
      number,
      number,
    ];
    const keyEnd = lineEnd + 1 + Math.max(0, keyLength);
    const valueEnd = keyEnd + Math.max(0, valueLength);
    const recordEnd = output.indexOf(RECORD_END, valueEnd);
    if (lineEnd < 0 || recordEnd < 0) throw new Error("kcat's output is cut off");
    const keyBytes = keyLength < 0 ? null : output.slice(lineEnd + 1, keyEnd);
    const valueBytes = valueLength < 0 ? null : output.slice(keyEnd, valueEnd);
    records.push({
      partition,
      offset,
      timestampMs,
      keyBytes,
      valueBytes,
      key: keyBytes && decoder.decode(keyBytes),
      value: valueBytes && decoder.decode(valueBytes),
      headers: parseHeaders(decoder.decode(output.subarray(valueEnd, recordEnd))),
    });
    at = recordEnd + 1;
  }
  return records;
}

function parseHeaders(text: string): [string, string][] {
  if (text === "") return [];
  return text.split(",").map((header) => {
    const equals = header.indexOf("=");
    return [header.slice(0, equals), header.slice(equals + 1)];
  });
}

function configArgs(config: Readonly<Record<string, string>>): string[] {
  return Object.entries(config).flatMap(([name, value]) => ["-X", `${name}=${value}`]);
}

async function runKcat(args: readonly string[], input?: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command("kcat", {
    args: [...args],
    stdin: input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output] = await Promise.all([child.output(), input && feed(child, input)]);
  if (!output.success) {
    throw new Error(`kcat ended with ${output.code}: ${new TextDecoder().decode(output.stderr)}`);
  }
  return output.stdout;
}

async function feed(child: Deno.ChildProcess, input: Uint8Array): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(input);
    await writer.close();
  } catch {
    // kcat ended early; its exit code and its words on stderr tell why.
  }
}
